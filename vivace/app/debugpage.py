"""The page that a developer sees in place of a 500: what was raised, where, with which values, for which request.

Three rules:

1. It is never part of production: ``App.debug_page`` is set by ``vivace dev`` alone, and a page is made for an app
   that is not in debug mode by nobody, not even when it is asked to (the ordinary answer comes instead).
2. Everything in it may come from an attacker: names, values, messages, headers. So the page is put together with
   ``Markup.format`` only, which escapes, and is sent with a policy that allows one style sheet and nothing else.
3. Secrets are hidden by name and by value (``hiding``).

It needs no script. Programs get the same as a problem document with a ``traceback``, or as text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from markupsafe import Markup, escape

from vivace.config.secret import Secret
from vivace.http.problems import HIDDEN, PROBLEM_TYPE, problem_document
from vivace.http.request import Request
from vivace.http.response import HTML, Response, Text

from .evidence import Evidence, Frame, Line, Shown, TaskView, as_text, gather
from .failures import as_http_error, default_response, preferred_kind
from .forgotten import explain
from .hiding import Hider, secrets_in, sounds_secret
from .kinds import class_of

# What each editor calls the address of a file; all of them register it with the desktop.
EDITORS: Final = {
    "vscode": "vscode://file{path}:{line}",
    "vscodium": "vscodium://file{path}:{line}",
    "cursor": "cursor://file{path}:{line}",
    "windsurf": "windsurf://file{path}:{line}",
    "zed": "zed://file{path}:{line}",
    "pycharm": "pycharm://open?file={path}&line={line}",
    "idea": "idea://open?file={path}&line={line}",
    "sublime": "subl://open?url=file://{path}&line={line}",
    "textmate": "txmt://open?url=file://{path}&line={line}",
    "emacs": "emacs://open?url=file://{path}&line={line}",
}
_CREDENTIALS: Final = ("authorization", "cookie", "proxy-authorization")
_TITLE: Final = 90  # characters
_STYLE: Final = Path(__file__).with_suffix(".css")

_POLICY: Final = (
    "default-src 'none'; style-src 'nonce-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SCRIPTS: Final = "; script-src 'self'; connect-src 'self'"

_PAGE: Final = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style nonce="{nonce}">{style}</style>
{script}</head>
<body>
<header><p class="request">{request}</p>{head}</header>
<main>
{main}
</main>
<footer>Python {version} · this page is only shown in debug mode</footer>
</body>
</html>
""")
_MAIN: Final = Markup("""{errors}
{callers}
{queries}
{about}
{tasks}
<section><h2>Copy as text</h2>
<details><summary>A traceback without values, to send to somebody</summary><pre class="copy">{text}</pre></details>
</section>""")
_HEAD: Final = Markup('<h1>{kind}</h1><p class="message">{message}</p>{parts}{notes}{place}')
_PART: Final = Markup("<dt>{}</dt><dd>{}</dd>")
_LIST: Final = Markup('<dl class="{kind}">{rows}</dl>')
_NOTE: Final = Markup('<p class="note">{}</p>')
_ERROR: Final = Markup('<section class="error">{title}{frames}{members}</section>')
_CAUSE: Final = Markup(
    '<h2>{relation}</h2><p class="kind">{kind}</p><p class="message">{message}</p>{parts}{notes}'
)
_FOLDED: Final = Markup(
    '<details class="folded"><summary>{count} in {where}</summary><ol>{frames}</ol></details>'
)
_BRIEF: Final = Markup("<li>{place} <span>in {function}</span></li>")
_FRAME: Final = Markup(
    '<details class="frame"{open}><summary>{place} <span>in {function}</span></summary>{source}{variables}</details>'
)
_SOURCE: Final = Markup('<pre class="source">{}</pre>')
_LINE: Final = Markup('<span class="line{current}"><b>{number:>5}</b> {text}</span>\n')
_TABLE: Final = Markup("<table>{}</table>")
_ROW: Final = Markup("<tr><th>{}</th><td>{}</td></tr>")
_SECTION: Final = Markup("<section><h2>{title}</h2>{content}</section>")
_VALUES: Final = Markup("<span>{}</span>\n")
_QUERY: Final = Markup("{sql}\n{values}{error}{place}")
_LINK: Final = Markup('<a class="place" href="{href}" title="open in the editor">{text}</a>')
_PLACE: Final = Markup('<span class="place">{text}</span>')
_CODE: Final = Markup("<code>{}</code>")
_SCRIPT: Final = Markup('<script src="{}" defer></script>\n')


def debug_page(request: Request, error: BaseException, *, script: str = "") -> Response:
    """Return everything about an error as HTML, problem document or text, as the client likes.

    ``script`` is the path of a script of this site that the page loads (the live reload of ``dev``). For an app that
    is not in debug mode it returns the ordinary answer.
    """
    if not getattr(request.app, "debug", False):
        return default_response(request, error)
    explain(error)
    hider = Hider(known_secrets(request))
    evidence = gather(error, hider)
    status = as_http_error(error).status
    kind = preferred_kind(request)
    if kind == "text/html":
        return answer_with(_Page(request, evidence, hider, script).told(), status, scripts=bool(script))
    text = f"{asked_for(request, hider)}\n\n{as_text(evidence)}\n"
    response = Text(text, status) if kind == "text/plain" else _problem(request, error, evidence)
    response.headers.vary("Accept")
    return response


class Told(NamedTuple):
    """What a page for developers says."""

    request: str
    title: str
    head: Markup
    main: Markup
    script: Markup = Markup()


def answer_with(
    told: Told, status: int, *, scripts: bool, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a page for developers, under a policy that allows its style sheet, and perhaps scripts of the site."""
    nonce = token_urlsafe(16)
    text = _PAGE.format(
        **told._asdict(),
        nonce=nonce,
        style=Markup(_STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        version=sys.version.split()[0],
    )
    policy = _POLICY.format(nonce) + (_SCRIPTS if scripts else "")
    strict = {"content-security-policy": policy, "cache-control": "no-store"}
    response = HTML(text, status, {**strict, **(headers or {})})
    response.headers.vary("Accept")
    return response


def asked_for(request: Request, hider: Hider) -> str:
    """Return what was asked for, without secrets."""
    return f"{request.method} {hider.text(request.target)}"


def place_link(text: str, path: str, line: int, editor: str) -> Markup:
    """Return a place in a file as a link into the editor; as text where that has none."""
    href = editor_link(path, line, editor)
    return _LINK.format(href=href, text=text) if href else _PLACE.format(text=text)


def editor_link(path: str, line: int, editor: str) -> str:
    """Return the address that opens a file in an editor: the name of one, or a URL with ``{path}`` and ``{line}``."""
    template = EDITORS.get(editor.lower(), editor)
    if "{path}" not in template or template.lower().lstrip().startswith(("javascript:", "data:")):
        return ""
    rooted = path if path.startswith("/") else f"/{path}"  # C:\x on Windows
    return template.replace("{path}", quote(rooted.replace("\\", "/"), safe="/:")).replace(
        "{line}", str(line)
    )


def as_code(text: str) -> Markup:
    """Return text with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them is alone
        return escape(text)
    return _joined(_CODE.format(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def known_secrets(request: Request) -> Iterator[str]:
    """Yield the texts that must not appear: what the client proves itself with, and the secrets of the settings."""
    for name in _CREDENTIALS:
        for value in request.headers.getlist(name):
            yield value
            yield value.partition(" ")[2]  # behind Bearer, Basic
    yield from request.cookies.values()
    yield from _submitted_secrets(request)
    settings: Any = request.app.settings
    for name in getattr(settings, "__dataclass_fields__", ()):
        setting: Any = getattr(settings, name, None)
        parts: tuple[Any, ...] = setting if class_of(setting) is tuple else (setting,)
        for secret in parts:
            if class_of(secret) is Secret:
                yield str(secret.reveal())


def _submitted_secrets(request: Request) -> Iterator[str]:
    """Yield what the client sent under secret names, as far as somebody has read the body."""
    form, body = request._form, request._whole
    if form is not None:
        for name, value in form.pairs():
            if isinstance(value, str):
                yield from secrets_in({name: value})
    elif body and request.content_type.endswith("json"):
        try:
            yield from secrets_in(msgspec.json.decode(body))
        except msgspec.DecodeError:  # perhaps that is the error that is shown
            return


def _problem(request: Request, error: BaseException, evidence: Evidence) -> Response:
    document = problem_document(as_http_error(error), instance=f"urn:request:{request.id}")
    first = evidence.errors[0]
    document |= {"detail": f"{first.kind}: {first.message}", "traceback": as_text(evidence).split("\n")}
    return Response(msgspec.json.encode(document), document["status"], content_type=PROBLEM_TYPE)


class _Page:
    """One page while it is written."""

    def __init__(self, request: Request, evidence: Evidence, hider: Hider, script: str) -> None:
        self.request = request
        self.evidence = evidence
        self.hider = hider
        self.script = script
        self.editor: str = request.app.settings.editor

    def told(self) -> Told:
        first, evidence = self.evidence.errors[0], self.evidence
        asked = asked_for(self.request, self.hider)
        head = _HEAD.format(
            kind=first.kind,
            message=as_code(first.message),
            parts=_parts(first),
            notes=_joined(_NOTE.format(as_code(note)) for note in first.notes),
            place=self._where(first.place),
        )
        main = _MAIN.format(
            errors=_joined(self._error(error) for error in evidence.errors),
            callers=self._callers(evidence.callers),
            queries=self._queries(),
            about=self._about(),
            tasks=self._tasks(evidence.tasks),
            text=f"{asked}\n\n{as_text(evidence)}",
        )
        script = _SCRIPT.format(self.script) if self.script else Markup()
        return Told(asked, f"{first.kind}: {first.message}"[:_TITLE], head, main, script)

    # -- errors ---------------------------------------------------------------------------------------------------

    def _error(self, error: Shown) -> Markup:
        title = Markup("<h2>Traceback</h2>")
        if error.relation:
            relation = "In the group" if error.relation == "member" else error.relation.capitalize()
            notes = _joined(_NOTE.format(as_code(note)) for note in error.notes)
            title = _CAUSE.format(
                relation=relation,
                kind=error.kind,
                message=as_code(error.message),
                parts=_parts(error),
                notes=notes,
            )
        return _ERROR.format(
            title=title,
            frames=self._frames(error),
            members=_joined(self._error(one) for one in error.members),
        )

    def _frames(self, error: Shown) -> Markup:
        """Return own frames open, runs of library frames folded."""
        blocks: list[Markup] = []
        for own, run in groupby(error.frames, key=lambda frame: frame.own):
            frames = list(run)
            blocks += [self._frame(frame) for frame in frames] if own else [self._folded(frames)]
        if error.left_out:
            blocks.insert(len(blocks) // 2, _NOTE.format(f"… {error.left_out:,} more frames …"))
        return _joined(blocks)

    def _frame(self, frame: Frame) -> Markup:
        rows = [_ROW.format(name, value) for name, value in frame.variables]
        return _FRAME.format(
            open=Markup(" open"),
            place=self._place(frame),
            function=frame.function,
            source=_SOURCE.format(_joined(map(_line, frame.source))) if frame.source else "",
            variables=_TABLE.format(_joined(rows)) if rows else "",
        )

    def _folded(self, frames: list[Frame]) -> Markup:
        packages = dict.fromkeys(map(_package, frames))
        count = f"{len(frames)} frame{'' if len(frames) == 1 else 's'}"
        listed = (_BRIEF.format(place=self._place(frame), function=frame.function) for frame in frames)
        return _FOLDED.format(count=count, where=", ".join(packages), frames=_joined(listed))

    def _callers(self, frames: tuple[Frame, ...]) -> Markup:
        return _section("Called from", self._folded(list(frames)) if frames else Markup())

    def _queries(self) -> Markup:
        """Return what the request asked its databases, in order, with times and places."""
        if self.request.query_log is None:
            return Markup()
        from .queries import shown_queries  # an app without databases has none of this

        asked = shown_queries(self.request, self.hider)
        rows = [
            _ROW.format(
                f"{query.milliseconds:.1f} ms",
                _QUERY.format(
                    sql=query.sql,
                    values=_VALUES.format(query.values) if query.values else "",
                    error=_NOTE.format(query.error) if query.error else "",
                    place=self._place(query.place),
                ),
            )
            for query in asked.queries
        ]
        rest = _NOTE.format(f"… {asked.left_out:,} more queries …") if asked.left_out else ""
        content = _TABLE.format(_joined(rows)) + rest if rows else Markup()
        return _section(f"Queries ({asked.count} in {asked.milliseconds:.1f} ms)", content)

    def _where(self, frame: Frame | None) -> Markup:
        return Markup('<p class="where">{}</p>').format(self._place(frame)) if frame else Markup()

    def _place(self, frame: Frame) -> Markup:
        return place_link(f"{frame.short}:{frame.line}", frame.path, frame.line, self.editor)

    # -- around it ------------------------------------------------------------------------------------------------

    def _about(self) -> Markup:
        request, named = self.request, self.hider.named
        headers = [(name, value) for name, value in request.headers.items()]
        tables = [
            ("Request", list(self._request_rows())),
            ("Path parameters", [(name, named(name, value)) for name, value in request.path_params.items()]),
            ("Query", [(name, named(name, value)) for name, value in request.query.pairs()]),
            (
                "Headers",
                [(name, HIDDEN if _hidden_header(name) else self.hider.text(v)) for name, v in headers],
            ),
            ("Cookies", [(name, HIDDEN) for name in request.cookies]),
        ]
        return _joined(
            _section(title, _TABLE.format(_joined(_ROW.format(*row) for row in rows)) if rows else Markup())
            for title, rows in tables
        )

    def _request_rows(self) -> Iterator[tuple[str, str]]:
        request = self.request
        yield "target", asked_for(request, self.hider)
        route: Any = request.route
        if route is not None:
            name = getattr(route.handler, "__qualname__", type(route.handler).__name__)
            yield "route", f"{route.path} → {name} ({route.place})"
        yield "HTTP", f"{request.connection.http_version}, {request.scheme}"
        if request.client is not None:
            yield "client", "{}:{}".format(*request.client)
        yield "id", request.id

    def _tasks(self, tasks: tuple[TaskView, ...]) -> Markup:
        rows = (
            _ROW.format(f"{task.name}{' (this one)' if task.current else ''}", self._waits(task))
            for task in tasks
        )
        return _section("Tasks", _TABLE.format(_joined(rows)) if tasks else Markup())

    def _waits(self, task: TaskView) -> Markup:
        frames = [frame for frame in task.waits if frame.own] or task.waits[-1:]
        return Markup("<br>").join(
            _BRIEF.format(place=self._place(frame), function=frame.function) for frame in frames
        )


def _package(frame: Frame) -> str:
    """Return the package of a library frame; what is not in a file was compiled while the app started."""
    return "compiled code" if frame.path.startswith("<") else Path(frame.short).parts[0].removesuffix(".py")


def _hidden_header(name: str) -> bool:
    return name.lower() in _CREDENTIALS or sounds_secret(name)


def _parts(error: Shown) -> Markup:
    if not error.parts:
        return Markup()
    return _LIST.format(
        kind="parts", rows=_joined(_PART.format(label, as_code(text)) for label, text in error.parts)
    )


def _section(title: str, content: Markup) -> Markup:
    return _SECTION.format(title=title, content=content) if content else Markup()


def _line(line: Line) -> Markup:
    text: str | Markup = line.text
    if line.marked is not None:
        start, end = line.marked
        text = Markup("{}<mark>{}</mark>{}").format(line.text[:start], line.text[start:end], line.text[end:])
    return _LINE.format(current=" current" if line.current else "", number=line.number, text=text)


def _joined(parts: Iterable[str]) -> Markup:
    return Markup("").join(parts)


__all__ = [
    "EDITORS",
    "Told",
    "answer_with",
    "as_code",
    "asked_for",
    "debug_page",
    "editor_link",
    "known_secrets",
    "place_link",
]
