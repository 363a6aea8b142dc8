"""Keeps ``docs/reference/errors.md`` in step with the error classes: ``python scripts/errors_page.py [--write]``.

Each class has one section, headed by its code. The first paragraph is written by this script from the class (name,
status, docstring); everything below it is written by hand and kept. Sections of codes that are gone are dropped, in
the open: the diff shows them. Without ``--write`` it prints what differs and exits with 1.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import vivace
from vivace import errors

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "errors.md"
HEADING: Final = re.compile(r"^## (?P<code>[a-z0-9-]+)$", re.MULTILINE)


def error_classes() -> list[type[Exception]]:
    """Return every error class of Vivace, sorted by code: those in ``vivace.errors`` and any that strayed."""
    for module in pkgutil.walk_packages(vivace.__path__, "vivace."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return sorted(descendants(errors.VivaceError), key=lambda cls: (code_of(cls), cls.__name__))


def descendants(cls: type[Exception]) -> set[type[Exception]]:
    """Return the class and all classes below it that live in the package; those that models make for themselves are theirs."""
    below = {one for child in cls.__subclasses__() for one in descendants(child)}
    return {one for one in below | {cls} if one.__module__.startswith("vivace.") and not _is_of_model(one)}


def _is_of_model(cls: type[Exception]) -> bool:
    """Return whether a class is ``Author.DoesNotExist`` or its like."""
    return "code" not in vars(cls) and cls.__qualname__.endswith(
        (".DoesNotExist", ".MultipleObjectsReturned")
    )


def code_of(cls: type[Exception]) -> str:
    """Return the code that the class states itself; ``""`` when it only inherits one."""
    return str(vars(cls).get("code", ""))


def lead(cls: type[Exception]) -> str:
    """Return the generated first paragraph of a class's section."""
    room = "vivace.errors" if getattr(errors, cls.__name__, None) is cls else cls.__module__
    where = f"{room}.{cls.__name__}"
    return f"**`{where}`**, status {getattr(cls, 'status', 500)}. {inspect.cleandoc(cls.__doc__ or '')}"


def split(page: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first section, and the text of each section by code."""
    matches = list(HEADING.finditer(page))
    ends = [*(match.start() for match in matches[1:]), len(page)]
    sections = {
        match["code"]: page[match.end() : end].strip() for match, end in zip(matches, ends, strict=False)
    }
    return page[: matches[0].start()] if matches else page, sections


def render(page: str, classes: Iterable[type[Exception]]) -> str:
    """Return the page with one section for each class, hand-written paragraphs kept."""
    front, sections = split(page)
    return front.rstrip() + "\n" + "".join(_section(cls, sections) for cls in classes)


def _section(cls: type[Exception], sections: Mapping[str, str]) -> str:
    kept = _by_hand(sections.get(code_of(cls), ""))
    return f"\n## {code_of(cls)}\n\n{lead(cls)}\n" + (f"\n{kept}\n" if kept else "")


def _by_hand(section: str) -> str:
    """Return what follows the generated part: it starts with ``**`` and ends before a line ``%``."""
    _, mark, rest = section.partition("\n%\n")
    return f"%\n{rest.strip()}" if mark else ""


def main() -> int:
    """Compare or write the page; the exit status says whether it was in step."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = render(page, error_classes())
    if wanted == page:
        return 0
    if "--write" in sys.argv:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    print(f"{PAGE.name} is not in step with the classes. Fix: python scripts/errors_page.py --write")
    return 1


if __name__ == "__main__":
    sys.exit(main())
