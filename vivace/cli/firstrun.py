"""What a first run needs and nobody has set: a secret key.

===========  ==========================================================================================
``dev``      the key in ``.vivace/secret`` beside the app, written when it is not there (0600, git-ignored)
``run``      a key of this start, the same for all workers, with a warning
===========  ==========================================================================================

It is handed to the workers in a variable of its own, which is weaker than every setting (see ``vivace.config.load``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vivace.app.loading import split_target
from vivace.config.env import ENV_FILE, START_KEY, parse_env
from vivace.errors import ConfigurationError

FOLDER: Final = ".vivace"
_NAMES: Final = ("SECRET_KEY", "SECRET_KEY_FILE")
_BYTES: Final = 48


def home_of(target: str, folder: Path) -> Path:
    """Return the folder of what a target names, as far as it can be known without importing it."""
    place, _ = split_target(target)
    if place.endswith(".py"):
        return Path(folder, place).resolve().parent
    inner = folder.joinpath(*place.split(".")) if place else folder
    return (inner if inner.is_dir() else inner.parent).resolve()


def has_key(home: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether somebody set a secret key: in the environment, in ``.env``, or in that of a package's project."""
    if any(environ.get(name) for name in _NAMES):
        return True
    if (home / "__init__.py").is_file() and has_key(home.parent, {}):
        return True
    try:
        values = parse_env((home / ENV_FILE).read_bytes()).values
    except OSError:
        return False
    return any(values.get(name) for name in _NAMES)


def kept_key(home: Path) -> str:
    """Return the key in ``.vivace/secret``; made when it is not there. Raises ``ConfigurationError``."""
    path = home / FOLDER / "secret"
    try:
        if path.is_file() and (text := path.read_text("ascii").strip()):
            return text
        path.parent.mkdir(exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n", "ascii")
        key = _new_key()
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{key}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The secret key cannot be kept in {path}: {error}.",
            fix="Set SECRET_KEY, or make the folder writable.",
        ) from error
    return key


def _new_key() -> str:
    from secrets import token_urlsafe  # most starts have a key

    return token_urlsafe(_BYTES)


def start_key() -> dict[str, str]:
    """Return the variable with a key for this start alone."""
    return {START_KEY: _new_key()}


__all__ = ["FOLDER", "has_key", "home_of", "kept_key", "start_key"]
