"""Where in a page a value stands: a small reader of HTML that goes over the literal text of a template.

Theory. Escaping for text is enough in text and in quoted attributes. It is not enough in ``href="{{ url }}"``
(``javascript:``), in unquoted attributes (a space begins the next one), in scripts, styles and event attributes (their
own languages). Which of these a value stands in follows from the literal text before it, so it is found when the
template is compiled. The reader knows as much of HTML (WHATWG section 13.2.5), JavaScript and CSS as that question
needs. It errs on the side of refusing.

A ``Position`` is a state; ``after(position, text)`` the state behind literal text, ``behind_value`` those behind a value.

=============  ==========================================================================================
``kind``       where
=============  ==========================================================================================
``text``       between tags; also in comments, in ``<title>`` and ``<textarea>``
``<``          right behind a ``<``
``tag``        in the name of a tag
``in``         in a tag, before the name of an attribute
``name``       in the name of an attribute, or right behind it
``named``      behind the name and a space
``=``          behind the ``=``
``value``      in a value; ``quote`` is its quote, ``""`` for none
``script``     in ``<script>``
``style``      in ``<style>``
``comment``    in ``<!-- -->``
``bogus``      in ``<!doctype>`` and the like
=============  ==========================================================================================

``state`` is the state of the language inside: of JavaScript (``code``, the quote of a string, ``//``, ``/*``, ``re``), of
CSS (``code``, a quote, ``/*``, ``url``), of a URL (``start``: nothing yet that rules a scheme out; ``value``: the same
behind a value; ``rest``: a scheme is no longer possible; ``script``: it is one that runs code).
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final, NamedTuple


class Position(NamedTuple):
    """A place in a page; see the table above."""

    kind: str = "text"
    element: str = ""
    attribute: str = ""
    quote: str = ""
    state: str = ""
    regex: bool = True  # in JavaScript: a ``/`` would begin a regular expression

    @property
    def language(self) -> str:
        """What a value stands in: ``text``, ``js``, ``css``, ``url``, ``urls``, ``html`` or ``""`` (an ordinary attribute)."""
        if self.kind in ("script", "style"):
            return "js" if self.kind == "script" else "css"
        return attribute_language(self.element, self.attribute) if self.kind == "value" else "text"


TEXT: Final = Position()
_URLS: Final = frozenset(
    "action background cite classid codebase dynsrc formaction href icon longdesc lowsrc manifest ping poster profile "
    "src usemap xlink:href".split()
)
_ANIMATED: Final = frozenset({"from", "to", "by", "values"})  # of SVG: they may animate a link's href
_EVENT: Final = re.compile(r"on[a-z]|hx-on|@|x-on:")
_ENDED_BY_NAME: Final = frozenset({"script", "style", "title", "textarea"})
_RUNS: Final = frozenset({"javascript", "vbscript", "livescript", "data", "view-source"})

_OPEN: Final = re.compile(r"<(?:(!--)|([!?])|(/?[A-Za-z][^\s/>]*)|\Z)")
_NAME: Final = re.compile(r"[^\s/>]*")
_GAP: Final = re.compile(r"[\s/]*")
_ATTRIBUTE: Final = re.compile(r"[^\s=>/]*")
_SPACE: Final = re.compile(r"\s*")
_BARE: Final = re.compile(r"[^\s>]*")


def attribute_language(element: str, attribute: str) -> str:
    """Return the language of an attribute's value, ``""`` for ordinary text."""
    if _EVENT.match(attribute):
        return "js"
    if attribute == "style":
        return "css"
    if attribute == "srcdoc":
        return "html"
    if attribute in ("srcset", "imagesrcset"):
        return "urls"
    animated = attribute in _ANIMATED and element in ("animate", "set")
    if attribute in _URLS or animated or (attribute == "data" and element == "object"):
        return "url"
    return ""


def after(position: Position, text: str) -> Position:
    """Return the position behind literal text."""
    at = 0
    while at < len(text):
        position, at = _STEPS[position.kind](position, text, at)
    return position


def behind_value(position: Position) -> frozenset[Position]:
    """Return where the page may be behind a value that stands at ``position``."""
    kind = position.kind
    if kind == "<":
        return frozenset({position._replace(kind="tag")})
    if kind in ("in", "named"):
        return frozenset({position._replace(kind="name", attribute="")})
    if kind == "=":
        position = _begun(position, "")
    if position.language in ("url", "urls") and position.state in ("start", "value"):
        return frozenset({position._replace(state="value")})
    return frozenset({position._replace(regex=False)})


def _begun(position: Position, quote: str) -> Position:
    language = attribute_language(position.element, position.attribute)
    state = "start" if language in ("url", "urls") else "code"
    return position._replace(kind="value", quote=quote, state=state, regex=True)


def _content(position: Position) -> Position:
    """Return where the page is behind the ``>`` of a tag."""
    element = position.element
    if element in _ENDED_BY_NAME:
        kind = element if element in ("script", "style") else "text"
        return Position(kind, element, state="code")
    return TEXT


def _in_text(position: Position, text: str, at: int) -> tuple[Position, int]:
    if position.element:  # <title>, <textarea>
        return _in_raw(position, text, at)
    found = _OPEN.search(text, at)
    if found is None:
        return position, len(text)
    comment, bogus, name = found.groups()
    if name:
        return Position("tag", name.lower()), found.end()
    return Position("comment" if comment else "bogus" if bogus else "<"), found.end()


def _at_less(position: Position, text: str, at: int) -> tuple[Position, int]:
    found = _OPEN.match("<" + text[at:])
    if found is None or found.end() == 1:
        return TEXT, at
    comment, bogus, name = found.groups()
    kind = "comment" if comment else "bogus" if bogus else "tag"
    return Position(kind, (name or "").lower()), at + found.end() - 1


def _in_tag_name(position: Position, text: str, at: int) -> tuple[Position, int]:
    end = _matched(_NAME, text, at)
    name = position.element + text[at:end].lower()
    return Position("in" if end < len(text) else "tag", name), end


def _in_tag(position: Position, text: str, at: int) -> tuple[Position, int]:
    at = _matched(_GAP, text, at)
    if at == len(text):
        return position, at
    if text[at] == ">":
        return _content(position), at + 1
    end = _matched(_ATTRIBUTE, text, at + 1)
    return position._replace(kind="name", attribute=text[at:end].lower()), end


def _in_name(position: Position, text: str, at: int) -> tuple[Position, int]:
    end = _matched(_ATTRIBUTE, text, at)
    if end > at:
        return position._replace(attribute=position.attribute + text[at:end].lower()), end
    return position._replace(kind="named"), at


def _behind_name(position: Position, text: str, at: int) -> tuple[Position, int]:
    at = _matched(_SPACE, text, at)
    if at < len(text) and text[at] == "=":
        return position._replace(kind="="), at + 1
    return (position if at == len(text) else position._replace(kind="in", attribute="")), at


def _before_value(position: Position, text: str, at: int) -> tuple[Position, int]:
    at = _matched(_SPACE, text, at)
    if at == len(text):
        return position, at
    if text[at] == ">":
        return _content(position), at + 1
    quoted = text[at] in "\"'"
    return _begun(position, text[at] if quoted else ""), at + quoted


def _in_value(position: Position, text: str, at: int) -> tuple[Position, int]:
    if position.quote:
        found = text.find(position.quote, at)
        end = len(text) if found < 0 else found
    else:
        end = _matched(_BARE, text, at)
    if end == len(text):
        return _inside(position, text[at:end]), end
    behind = position._replace(kind="in", attribute="", quote="", state="")
    return behind, end + (1 if position.quote else 0)


def _in_raw(position: Position, text: str, at: int) -> tuple[Position, int]:
    found = re.compile(rf"</{position.element}(?=[\s/>]|\Z)", re.IGNORECASE).search(text, at)
    if found is None:
        return (_inside(position, text[at:]) if position.kind != "text" else position), len(text)
    return Position("tag", "/" + position.element), found.end()


def _in_comment(position: Position, text: str, at: int) -> tuple[Position, int]:
    end = text.find("-->", at)
    return (TEXT, end + 3) if end >= 0 else (position, len(text))


def _in_bogus(position: Position, text: str, at: int) -> tuple[Position, int]:
    end = text.find(">", at)
    return (TEXT, end + 1) if end >= 0 else (position, len(text))


def _matched(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


_STEPS: Final = {
    "text": _in_text,
    "<": _at_less,
    "tag": _in_tag_name,
    "in": _in_tag,
    "name": _in_name,
    "named": _behind_name,
    "=": _before_value,
    "value": _in_value,
    "script": _in_raw,
    "style": _in_raw,
    "comment": _in_comment,
    "bogus": _in_bogus,
}


# -- the languages inside ---------------------------------------------------------------------------------------------


def _inside(position: Position, text: str) -> Position:
    """Return the position behind text of the language that it is in."""
    language = position.language
    if position.kind == "value":
        text = unescape(text)  # what the browser hands on
    if language == "js":
        state, regex = behind_script(position.state, position.regex, text)
        return position._replace(state=state, regex=regex)
    if language == "css":
        return position._replace(state=_behind_style(position.state, text))
    if language in ("url", "urls"):
        return position._replace(state=_behind_url(position.state, text, many=language == "urls"))
    return position


def _behind_url(state: str, text: str, *, many: bool) -> str:
    if many and "," in text:  # srcset: the next candidate begins
        state, text = "start", text.rpartition(",")[2]
    text = text.strip()
    if state not in ("start", "value") or not text:
        return state
    found = re.search(r"[:/?#]", text)
    if found is None:
        return state
    if found[0] != ":":
        return "rest"
    scheme = re.sub(r"[\s\x00-\x1f]", "", text[: found.start()]).lower()
    return "script" if state == "value" or scheme in _RUNS else "rest"


_SCRIPT_TOKEN: Final = re.compile(r"//|/\*|[\"'`/]|[\w$]+|\s+|[)\]]|[^\s\w]")
_BEFORE_REGEX: Final = frozenset(
    "return typeof case in of new delete void instanceof do else throw yield await".split()
)
_ENDS: Final = {  # of what is not code: how it ends
    "'": re.compile(r"(?:\\.|[^\\'\n\r])*('|[\n\r])?", re.DOTALL),
    '"': re.compile(r'(?:\\.|[^\\"\n\r])*("|[\n\r])?', re.DOTALL),
    "`": re.compile(r"(?:\\.|[^\\`])*(`)?", re.DOTALL),
    "//": re.compile(r"[^\n\r\u2028\u2029]*([\n\r\u2028\u2029])?"),
    "/*": re.compile(r".*?(\*/|\Z)", re.DOTALL),
    "re": re.compile(r"(?:\\.|\[(?:\\.|[^\]\\\n\r])*\]|[^\\/\n\r\[])*([/\n\r])?", re.DOTALL),
    "url": re.compile(r"[^)]*(\))?"),
}


def behind_script(state: str, regex: bool, text: str) -> tuple[str, bool]:
    """Return the state of JavaScript behind ``text``, and whether a ``/`` there begins a regular expression."""
    at = 0
    while at < len(text):
        if state != "code":
            state, at = _behind_end(state, text, at)
            regex = regex if state == "code" and text[at - 2 : at] == "*/" else False
            continue
        token = _SCRIPT_TOKEN.match(text, at)
        if token is None:
            break
        word, at = token[0], token.end()
        if word in _ENDS:
            state = word
        elif word == "/":
            state, regex = ("re", False) if regex else ("code", True)
        elif not word.isspace():
            regex = word in _BEFORE_REGEX if word[0].isalnum() or word[0] in "_$" else word not in ")]"
    return state, regex


def _behind_end(state: str, text: str, at: int) -> tuple[str, int]:
    found = _ENDS[state].match(text, at)
    if found is None:
        return state, len(text)
    return ("code" if found[1] else state), max(found.end(), at + 1)


_STYLE_TOKEN: Final = re.compile(r"/\*|[\"']|url\(|.", re.DOTALL | re.IGNORECASE)


def _behind_style(state: str, text: str) -> str:
    at = 0
    while at < len(text):
        if state != "code":
            state, at = _behind_end(state, text, at)
            continue
        token = _STYLE_TOKEN.match(text, at)
        if token is None:
            break
        at = token.end()
        if token[0] in _ENDS:
            state = token[0]
        elif len(token[0]) > 2:
            state = "url"
    return state


__all__ = ["TEXT", "Position", "after", "attribute_language", "behind_script", "behind_value"]
