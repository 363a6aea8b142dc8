"""Scripts and stylesheets that forms and widgets need: ``class Media``, merged in order, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from vivace.errors import FormError

from .html import Attrs

Paths = Sequence[Any]


class Script:
    """A script with attributes: ``Script("map.js", type="module", defer=True)``."""

    element = "script"

    def __init__(self, path: str, **attributes: Any) -> None:
        self.path = path
        self.attributes = attributes

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), self.path))

    def render(self, nonce: str = "") -> str:
        extra = {"nonce": nonce} if nonce else {}
        return f"<script{Attrs(src=address(self.path), **self.attributes, **extra)}></script>"

    def __html__(self) -> str:
        return self.render()

    __str__ = __html__


class Stylesheet(Script):
    """A stylesheet with attributes: ``Stylesheet("print.css", media="print")``."""

    def render(self, nonce: str = "") -> str:
        extra = {"nonce": nonce} if nonce else {}
        return f"<link{Attrs(href=address(self.path), rel='stylesheet', **self.attributes, **extra)}>"


class Media:
    """Scripts and stylesheets; ``a + b`` has those of both, each once, in an order that suits both where there is one.

    ``css`` maps a medium (``"all"``, ``"print"``) to paths, ``js`` is a list of paths. A path is a URL, a path below the
    static files, a ``Script`` or ``Stylesheet``, or anything with ``__html__``. ``{{ form.media }}`` prints the elements.
    """

    def __init__(
        self, media: Any = None, css: Mapping[str, Paths] | None = None, js: Paths | None = None
    ) -> None:
        given_css: Mapping[str, Paths] = getattr(media, "css", None) or css or {}
        given_js: Paths = getattr(media, "js", None) or js or ()
        self.css_lists: list[Mapping[str, Paths]] = [given_css] if given_css else []
        self.js_lists: list[Paths] = [given_js] if given_js else []

    def __add__(self, other: Media) -> Media:
        both = Media()
        both.css_lists = [*self.css_lists, *(each for each in other.css_lists if each not in self.css_lists)]
        both.js_lists = [*self.js_lists, *(each for each in other.js_lists if each not in self.js_lists)]
        return both

    def __getitem__(self, kind: str) -> Media:
        """Return the scripts (``"js"``) or stylesheets (``"css"``) alone."""
        part = Media()
        if kind == "css":
            part.css_lists = list(self.css_lists)
        elif kind == "js":
            part.js_lists = list(self.js_lists)
        else:
            raise KeyError(kind)
        return part

    @property
    def js(self) -> list[Any]:
        """The scripts, merged."""
        return merged(self.js_lists)

    @property
    def css(self) -> dict[str, list[Any]]:
        """The stylesheets by medium, merged."""
        media = sorted({medium for each in self.css_lists for medium in each})
        return {medium: merged([each.get(medium, ()) for each in self.css_lists]) for medium in media}

    def elements(self, nonce: str = "") -> Iterator[str]:
        """Yield each element: stylesheets, then scripts; ``nonce`` is the one of the page's security policy."""
        for medium, paths in self.css.items():
            for path in paths:
                yield _element(path, Stylesheet(path, media=medium) if isinstance(path, str) else None, nonce)
        for path in self.js:
            yield _element(path, Script(path) if isinstance(path, str) else None, nonce)

    def render(self, nonce: str = "") -> Markup:
        """Return all elements, one in each line."""
        return Markup("\n".join(self.elements(nonce)))  # noqa: S704 - attributes are escaped in Attrs

    def render_js(self) -> list[str]:
        return list(self["js"].elements())

    def render_css(self) -> list[str]:
        return list(self["css"].elements())

    def __html__(self) -> str:
        return str(self.render())

    __str__ = __html__

    def __bool__(self) -> bool:
        return bool(self.css_lists or self.js_lists)

    def __repr__(self) -> str:
        return f"Media(css={self.css!r}, js={self.js!r})"


def _element(path: Any, made: Script | None, nonce: str) -> str:
    element = path if made is None else made
    return element.render(nonce) if isinstance(element, Script) else str(element.__html__())


def address(path: str) -> str:
    """Return the URL of a script or stylesheet: that of a static file unless it is one already."""
    if path.startswith(("http://", "https://", "/")):
        return path
    from vivace.templates import current_templates  # loads with the first page that has such a path

    templates = current_templates.get()
    if templates is None or templates.app is None:
        raise FormError(
            f"The address of the static file {path!r} is asked for, and no app is running that could know it.",
            expected="a page of a request, or code inside `async with app:`",
            fix="write a path that begins with /, or a whole URL",
        )
    return str(templates.app.site.static_url(path))


def merged(lists: Iterable[Sequence[Any]]) -> list[Any]:
    """Return each item once, every list's items in their order; where lists contradict, as first met."""
    nonempty = [each for each in lists if each]
    before: dict[Any, set[Any]] = {}
    for each in nonempty:
        for index, item in enumerate(each):
            before.setdefault(item, set()).update(each[:index])
    order: list[Any] = []
    left = dict(before)
    while left:
        ready = [item for item, earlier in left.items() if not earlier.intersection(left)]
        for item in ready or [next(iter(left))]:
            order.append(item)
            del left[item]
    return order


def media_of(cls: type[Any]) -> Media:
    """Return what the ``class Media`` of a class and of its bases say; ``extend = False`` leaves out the bases."""
    owners = [each for each in cls.__mro__ if "Media" in each.__dict__]
    media = Media()
    for owner in reversed(owners):
        definition = owner.__dict__["Media"]
        extend: Any = getattr(definition, "extend", True)
        kept = media if extend is True else Media()
        for kind in extend or () if extend is not True else ():
            kept = kept + media[kind]
        media = kept + Media(definition)
    return media
