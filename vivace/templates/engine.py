"""The templates of one app: where they are, what they know, and how they are rendered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jinja2.bccache import BytecodeCache
from jinja2.loaders import BaseLoader
from markupsafe import Markup

from vivace.errors import NoTemplates
from vivace.errors.whose import is_our_file

from .bridge import render_in_greenlet, stream_from_greenlet
from .bytecode import CompiledFolder, CompiledHere, usual_folder
from .context import Provider, Scope
from .environment import PageTemplate, TemplateEnvironment
from .filters.dates import zone_called
from .livetag import LIVE_TAG
from .loaders import FolderLoader, Loaders, TextLoader, package_folder
from .options import TemplateOptions
from .standard import standard_library
from .tags import install

if TYPE_CHECKING:
    from vivace.http.request import Request

    from .library import Library
    from .response import TemplateResponse

F = TypeVar("F", bound=Callable[..., Any])
COMPILED = (
    ".html",
    ".htm",
    ".txt",
    ".xml",
    ".svg",
    ".md",
    ".jinja",
    ".j2",
)  # other files are compiled when asked for
OWN_PACKAGES = (
    "vivace.forms",
    "vivace.auth",
    "vivace.views",
    "vivace.templates",
)  # their templates come last

current_templates: ContextVar[Templates | None] = ContextVar("vivace_templates", default=None)
"""The templates of the app that the running code belongs to; set where its databases are."""


class Templates:
    """The templates of an app.

    ``root`` is the folder that relative sources are in. ``folders`` come after the options' sources (those of installed
    packages), and before the framework's own. ``app`` is what functions such as ``url`` ask. ``debug``: files that
    changed are read again.
    """

    def __init__(
        self,
        options: TemplateOptions | None = None,
        *,
        root: Path | None = None,
        folders: Sequence[Path] = (),
        app: Any = None,
        debug: bool = False,
    ) -> None:
        self.options = options or TemplateOptions()
        self.root = root or Path.cwd()
        self.app = app
        self.debug = debug
        self.providers: dict[str, Provider] = {}
        self.built_in: dict[str, Provider] = {}  # by names that an app's own providers may take over
        self.before_render: list[Callable[[Request, TemplateResponse], Any]] = []
        self._folders = list(folders)
        self._libraries: list[Library] = []
        self._environment: TemplateEnvironment | None = None

    @property
    def environment(self) -> TemplateEnvironment:
        """The Jinja2 environment; made when first asked for."""
        if self._environment is None:
            reload = self.debug if self.options.reload is None else self.options.reload
            environment = TemplateEnvironment(self.options, self._loaders(), reload=reload)
            environment.bytecode_cache = self._bytecode()
            environment.site = self.app
            zone = zone_called(self.app.settings.time_zone) if self.app is not None else None
            for library in (standard_library(zone=zone), *self._libraries):
                install(environment, library)
            self._environment = environment
        return self._environment

    def _loaders(self) -> Loaders:
        loaders: list[BaseLoader] = []
        for source in self.options.sources:
            own = TextLoader(source) if isinstance(source, Mapping) else FolderLoader(self.root / source)
            loaders.append(own)
        packages = (*self.options.packages, *OWN_PACKAGES)
        found = [folder for name in packages if (folder := package_folder(name, "templates")) is not None]
        return Loaders([*loaders, *map(FolderLoader, [*self._folders, *found])])

    def _bytecode(self) -> BytecodeCache:
        folder = usual_folder(self.root, self.options.bytecode)
        try:
            return CompiledFolder(folder) if folder is not None else CompiledHere()
        except OSError:  # a disk that nobody may write to: they are compiled at each start
            return CompiledHere()

    def add(self, *libraries: Library) -> None:
        """Let all templates use the filters, tests and tags of libraries."""
        self._libraries += libraries
        if self._environment is not None:
            for library in libraries:
                install(self._environment, library)

    def provider(self, function: F) -> F:
        """Give all templates a name: that of the function, which gets the request. A decorator."""
        self.providers[function.__name__] = function
        return function

    def get(self, name: str) -> PageTemplate:
        """Return a compiled template; raises ``TemplateNotFound`` with the nearest name and the folders."""
        return self.environment.get_template(name)

    def load(self) -> None:
        """Make the environment and, where files are not read again, compile all templates: before the first request."""
        if not self.environment.auto_reload:
            for name in self.names():
                if name.endswith(COMPILED):
                    self.get(name)
            self.environment.loader.forget()

    def has_live_tags(self) -> bool:
        """Return whether any template has a live region. None of the framework's own has, and they are not read for it.

        What was read is kept until ``load``: where templates are compiled at the start, each is read once.
        """
        environment = self.environment
        loader = environment.loader
        own = [each for each in loader.loaders if not is_our_file(getattr(each, "folder", ""))]
        names = [name for name in Loaders(own).list_templates() if name.endswith(COMPILED)]
        read = loader.get_source if environment.auto_reload else loader.read_ahead
        return any(LIVE_TAG.search(read(environment, name)[0]) for name in names)

    def names(self) -> list[str]:
        """Return the names of all templates."""
        return self.environment.list_templates()

    async def render(
        self, name: str, context: Mapping[str, Any] | None = None, request: Request | None = None
    ) -> str:
        """Return a rendered template; querysets and awaitables that it meets are waited for.

        ``page.html#part`` names one block or partial of it. Raises ``TemplateNotFound``, and what the template raises.
        """
        return await render_in_greenlet(self.text, name, context or {}, request)

    def stream(
        self, name: str, context: Mapping[str, Any] | None = None, request: Request | None = None
    ) -> AsyncGenerator[str, None]:
        """Return an iterator over the pieces of a rendered template; the render stands still between two."""
        return stream_from_greenlet(self._stream, name, context or {}, request)

    def _stream(self, name: str, context: Mapping[str, Any], request: Request | None) -> None:
        from .streaming import TOKEN, Handing, shows_token  # few pages are so long

        pieces, scope = Handing(), Scope(request, self.providers, self.built_in, name)
        if request is not None and TOKEN not in context and shows_token(self.environment, name):
            scope.find(TOKEN)  # now: when the form is reached, the head may have been sent
        self.get(name).fill(pieces, dict(context), scope)
        pieces.flush()

    def render_now(
        self, name: str, context: Mapping[str, Any] | None = None, request: Request | None = None
    ) -> Markup:
        """Return a rendered template without waiting: from within a render, or where all it shows is loaded.

        Within a render it may wait as that does; elsewhere what is not loaded raises ``NotLoaded``.
        """
        return Markup(self.text(name, context or {}, request))  # noqa: S704 - it is a template's

    def text(self, name: str, context: Mapping[str, Any], request: Request | None = None) -> str:
        """Return a rendered template as plain text; as ``render_now``."""
        return self.get(name).text(_as_dict(context), Scope(request, self.providers, self.built_in))

    def page(
        self, template: PageTemplate | str, context: dict[str, Any], request: Request, status: int = 200
    ) -> bytes:
        """Return a rendered template in UTF-8; for the answer that it becomes.

        An answer to GET that is an error has static regions: to ask for it again would be an error again.
        """
        if isinstance(template, str):
            template = self.get(template)
        watched = template.name or "" if status < 300 or request.method != "GET" else ""
        return template.encoded(context, Scope(request, self.providers, self.built_in, watched))


def _as_dict(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping as a dictionary: itself, if it is one."""
    return cast("dict[str, Any]", context) if type(context) is dict else dict(context)


def templates_of(request: Request | None = None) -> Templates:
    """Return the templates of the request's app, else those of the running code; raises ``NoTemplates``."""
    app = request.app if request is not None else None
    found: Templates | None = getattr(app, "templates", None) if app is not None else None
    if found is None:
        found = current_templates.get()
    if found is None:
        raise NoTemplates(
            "There are no templates here: this code runs in no app that has some.",
            expected="code of a request, a task of an app, or inside `async with app:`",
            fix="Give the request, use app.templates.render(…), or wrap the code in `async with app:`.",
        )
    return found


async def render_to_string(
    name: str, context: Mapping[str, Any] | None = None, request: Request | None = None
) -> str:
    """Return a rendered template as text: for mails, fragments, messages. See ``Templates.render``."""
    return await templates_of(request).render(name, context, request)


__all__ = ["Templates", "current_templates", "render_to_string", "templates_of"]
