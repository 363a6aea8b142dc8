"""Mistakes in templates, told as what they are: with the template's file and line, and the name that was meant (TP7).

Two kinds. What cannot be read becomes ``TemplateSyntaxInvalid``. What goes wrong in a render keeps its class, because
handlers of errors look at that; its traceback is rewritten so that each frame of compiled code is the line of the
template that it came from (Jinja does that), and a note says which template included which.

Django's spellings are the most likely mistakes of all. They are a table.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from traceback import walk_tb
from types import TracebackType
from typing import Final, NoReturn

from jinja2 import Environment, TemplateRuntimeError, TemplateSyntaxError
from jinja2.debug import rewrite_traceback_stack
from jinja2.utils import internal_code

from vivace.errors import TemplateError, TemplateSyntaxInvalid, nearest

KEYWORDS: Final = frozenset(  # what Jinja reads itself
    "for if elif else block extends print macro include from import set with autoescape call filter".split()
)
_NO_TAG: Final = re.compile(r"Encountered unknown tag '(\w+)'\.(.*)", re.DOTALL)
_NO_FILTER: Final = re.compile(r"No (filter|test) named '([\w.]+)'")
_TOKEN: Final = re.compile(r"expected token '([^']+)', got '([^']*)'")
_METHOD: Final = re.compile(
    r"'(?:builtin_function_or_method|method|function)' object is not (?:iterable|subscriptable)"
)
TAGS: Final = {
    "load": "All tags and filters are there without {% load %}: remove it. Your own come from app.templates.add(library).",
    "empty": "In a loop write {% else %}: it is shown when there was nothing to go through.",
    "ifchanged": "Write {% if loop.changed(value) %}…{% endif %}.",
    "ifequal": "Write {% if a == b %}…{% endif %}.",
    "elseif": "Write {% elif %}.",
    "templatetag": "Write the characters as text: {{ '{%' }}, or put them between {% raw %} and {% endraw %}.",
    "get_static_prefix": "Write {{ static('') }}, or {% static 'name' %} for a file.",
    "get_media_prefix": "Use the file's own address: {{ object.picture.url }}.",
    "lorem": "Write the text.",
}
FILTERS: Final = {
    "escapeseq": 'Write |map("escape").',
    "force_escape": "Write |forceescape.",
    "dictsortreversed": 'Write |sort(attribute="name", reverse=true).',
    "make_list": "Write |list.",
    "iriencode": "Write |urlencode, or nothing: addresses are escaped where they stand.",
    "length_is": "Write value|length == 3.",
    "phone2numeric": "Vivace has no such filter: write one with Library.",
    "safeseq": 'Write |map("safe").',
    "urlizetrunc": "Write |urlize(15).",
}
TOKENS: Final = {
    ":": 'Arguments of a filter stand in parentheses: {{ value|date("Y-m-d") }}.',
    "=": "Compare with ==.",
    "string": "Put a comma between arguments, or parentheses around those of a filter.",
}
LINES: Final = (  # what a line has in it, and what Jinja did not expect there; the first that fits
    (re.compile(r"\{%-?\s*include\b"), "with", 'Write {% with a=1 %}{% include "x.html" %}{% endwith %}.'),
    (re.compile(r"\{%-?\s*with\b"), "as", "Write {% with name=value %}."),
    (re.compile(r"\{%-?\s*with\b"), "", "Put commas between: {% with a=1, b=2 %}."),
    (re.compile(r"\{%-?\s*for\b"), "reversed", "Write {% for x in items|reverse %}."),
    (re.compile(r"&&|\|\|"), "", "Write `and` and `or`."),
    (re.compile(r"\{\{.*\?.*:"), "", "Write {{ a if condition else b }}."),
)
NAMES: Final = {
    "block": "Write {{ super() }} for what the parent template has in this block.",
    "forloop": "Write loop: loop.index, loop.index0, loop.first, loop.last, loop.length.",
    "_": "Translations are not part of this version: write the text.",
}
_LATER: Final = "Translations are not part of this version: write the text, without the tag."
METHODS: Final = "A template calls methods with parentheses: {% for key, value in prices.items() %}."


def known_tags(environment: Environment) -> set[str]:
    """Return the names of all tags that an environment reads."""
    return {*KEYWORDS, *(tag for extension in environment.iter_extensions() for tag in extension.tags)}


def raise_explained(environment: Environment, source: str | None = None) -> NoReturn:
    """Raise the error that is being handled as what it is; see above."""
    from vivace.errors import PersonalRead  # loads with the first mistake

    error = sys.exc_info()[1]
    if isinstance(error, PersonalRead):
        raise  # nobody's mistake and nobody reads it: the page is rendered again for each of its viewers
    if isinstance(error, TemplateSyntaxError):
        raise syntax_error(environment, error, source) from None
    places = chain(error.__traceback__) if error is not None else []
    explained = rewrite_traceback_stack(source=source)
    if isinstance(explained, TemplateRuntimeError) and (found := _NO_FILTER.search(str(explained))):
        made = _unknown(environment, found, places[-1] if places else "The template")
        raise made.with_traceback(explained.__traceback__) from None
    annotate(explained, places)
    raise explained


def _unknown(environment: Environment, found: re.Match[str], place: str) -> TemplateSyntaxInvalid:
    """Return the error for a filter or test of a branch: Jinja compiles it, in case that the branch never runs."""
    fix = unknown_name(environment, found[1], found[2])
    made = TemplateSyntaxInvalid(f"{place}: There is no {found[1]} {found[2]!r}.", fix=fix)
    annotate(made, [place] if ":" in place else [])
    return made


def syntax_error(
    environment: Environment, error: TemplateSyntaxError, source: str | None = None
) -> TemplateSyntaxInvalid:
    """Return the error for a template that cannot be read; ``source`` is its text."""
    message = error.message or "It cannot be read."
    line = _line(source or error.source or "", error.lineno)
    what, fix = _explained(environment, message, line)
    place = f"{error.name or error.filename or 'The template'}:{error.lineno}"
    made = TemplateSyntaxInvalid(f"{place}: {what}", got=line, fix=fix)
    made.at(error.name, error.lineno, error.filename)
    return made


def _explained(environment: Environment, message: str, line: str) -> tuple[str, str]:
    """Return what was wrong, and how to mend it."""
    if found := _NO_TAG.match(message):
        return f"There is no tag {found[1]!r}.{_shortened(found[2])}", unknown_tag(environment, found[1])
    if found := _NO_FILTER.search(message):
        return f"There is no {found[1]} {found[2]!r}.", unknown_name(environment, found[1], found[2])
    if found := _TOKEN.search(message):
        what = f"Here {found[1]} is expected, and not {found[2]!r}."
        return what, TOKENS.get(found[2], "") or _hint(line, found[2])
    return message, _hint(line, "")


def _hint(line: str, got: str) -> str:
    """Return how to write what a line of Django's or JavaScript's spelling means."""
    fitting = (fix for spelt, word, fix in LINES if spelt.search(line) and word in ("", got))
    return next(fitting, "")


def unknown_tag(environment: Environment, name: str) -> str:
    """Return how to write what an unknown tag was meant to be."""
    if name in TAGS:
        return TAGS[name]
    if name.startswith(("trans", "blocktrans")):
        return _LATER
    if name.startswith("end"):
        return "Nothing that it ends is open."
    return nearest(name, known_tags(environment))


def unknown_name(environment: Environment, kind: str, name: str) -> str:
    """Return how to write what an unknown filter or test was meant to be."""
    known: Iterable[str] = environment.filters if kind == "filter" else environment.tests
    if kind == "filter" and name in FILTERS:
        return FILTERS[name]
    return nearest(name, known) or f"Make it: @library.{kind}, and app.templates.add(library)."


def _shortened(rest: str) -> str:
    """Return of Jinja's advice what it says of open tags."""
    text = rest.replace("Jinja was looking for the following tags:", "Here could stand:")
    text = text.replace("Jinja is expecting this tag, but currently looking for", "First must come")
    return text.rstrip()


def _line(source: str, number: int) -> str:
    lines = source.splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def annotate(error: BaseException, places: list[str]) -> None:
    """Add to an error which templates it went through, and what its text means in a template."""
    notes: list[str] = getattr(error, "__notes__", [])
    if places and not any(note.startswith("In the template") for note in notes):
        error.add_note("In the template " + ", from ".join(reversed(places)))
    if isinstance(error, TypeError) and _METHOD.search(str(error)) and METHODS not in notes:
        error.add_note(METHODS)
    if isinstance(error, TemplateError) and error.lineno is None and places:
        name, _, line = places[-1].rpartition(":")
        error.at(name, int(line))


def chain(trace: TracebackType | None) -> list[str]:
    """Return ``template:line`` of each template that a traceback goes through, the outermost first."""
    places: list[str] = []
    for frame, line in walk_tb(trace):
        template = frame.f_globals.get("__jinja_template__")
        if template is not None and frame.f_code not in internal_code:
            name = template.name or frame.f_code.co_filename
            places.append(f"{name}:{template.get_corresponding_lineno(line)}")
    return list(dict.fromkeys(places))


__all__ = ["TAGS", "annotate", "chain", "known_tags", "raise_explained", "syntax_error", "unknown_name"]
