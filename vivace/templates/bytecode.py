"""Compiled templates that outlive the process: a start reads them, and compiles only what changed.

An entry holds for one text, compiled by one version of the compiler, for one set of tags and options, and for one place of
its blocks in the parent's page, because that decides how values are escaped. Anything else is compiled again.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, cast

import jinja2
from jinja2.bccache import Bucket, BytecodeCache, FileSystemBytecodeCache

from .safety import fingerprint

if TYPE_CHECKING:
    from .environment import TemplateEnvironment


class _Checked(BytecodeCache):
    """A cache whose entries hold only for what decides how a template is compiled."""

    def get_bucket(
        self, environment: jinja2.Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """Return the entry of a template, with its code where that still holds."""
        own = cast("TemplateEnvironment", environment)
        blocks = fingerprint(own.inherited_blocks(source, name, filename))
        key = self.get_cache_key(name, filename)
        text = f"{_compiler(own)}\0{blocks}\0{source}"
        bucket = Bucket(environment, key, hashlib.sha256(text.encode()).hexdigest())
        self.load_bytecode(bucket)
        return bucket


class CompiledFolder(_Checked, FileSystemBytecodeCache):
    """A folder with one file for each template, readable by its owner alone: what is in it is run."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(str(folder), "%s.cache")


class CompiledHere(_Checked):
    """What this process has compiled, for all its apps: a run of tests makes hundreds, of the same templates."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code that was compiled before."""
        codes = _compiled_here(bucket.key, bucket.checksum)
        bucket.code = codes[0] if codes else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code."""
        if bucket.code is not None:
            _compiled_here(bucket.key, bucket.checksum).append(bucket.code)


@lru_cache(maxsize=1_024)
def _compiled_here(key: str, checksum: str) -> list[CodeType]:
    """Return where the code of a template is kept; the oldest are forgotten."""
    return []


def _compiler(environment: TemplateEnvironment) -> str:
    """Return what says how a text is compiled."""
    tags = [sorted(extension.tags) for extension in environment.iter_extensions()]
    tables: list[Any] = [sorted(environment.filters), sorted(environment.tests), tags]
    options = (environment.trim_blocks, environment.lstrip_blocks)
    return repr((jinja2.__version__, _own_text(), tables, options))


@cache
def _own_text() -> str:
    """Return what tells versions of the compiler apart: what another one wrote may say other things."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def usual_folder(root: Path, given: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder for compiled templates: the one that was named, else one in ``.vivace`` where that is."""
    if given is not None:
        return root / given
    own = root / ".vivace"
    return own / "templates" if own.is_dir() else None


__all__ = ["CompiledFolder", "CompiledHere", "usual_folder"]
