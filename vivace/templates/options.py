"""What an app may say about its templates."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Source: TypeAlias = "str | os.PathLike[str] | Mapping[str, str]"
"""A folder (relative to the app's root), the dotted name of a package with a ``templates`` folder, or texts by name."""

URL_SCHEMES: frozenset[str] = frozenset("http https mailto tel sms ftp geo webcal".split())


@dataclass(frozen=True, slots=True)
class TemplateOptions:
    """How templates are found and shown.

    ``sources`` are looked in in their order, before those of the installed packages: folders relative to the app's root,
    or texts by name. ``packages`` are dotted names of packages with a ``templates`` folder. ``strict``: a name that
    nobody gave is an error where it is shown, and not nothing. ``reload`` looks at the files again for each request
    (``None``: in debug). ``bytecode``: a folder, relative to the root, that keeps compiled templates between starts;
    ``None`` keeps them in ``.vivace/templates`` if there is a ``.vivace`` folder. ``url_schemes`` are those that values
    in ``href``, ``src`` and the like may have. ``trim_blocks``: the newline behind a tag is no part of the page; nor,
    with ``lstrip_blocks``, is what stands between the start of the line and a tag.
    """

    sources: Sequence[Source] = ("templates",)
    packages: Sequence[str] = ()
    strict: bool = False
    reload: bool | None = None
    bytecode: str | os.PathLike[str] | None = None
    url_schemes: frozenset[str] = field(default=URL_SCHEMES)
    trim_blocks: bool = False
    lstrip_blocks: bool = False


__all__ = ["URL_SCHEMES", "Source", "TemplateOptions"]
