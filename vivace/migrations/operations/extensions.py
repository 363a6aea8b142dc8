"""Operations for PostgreSQL's extensions and collations; on other databases they do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vivace.migrations.schema.literals import quoted
from vivace.migrations.schema.names import quote

from .base import Operation, OperationCategory

if TYPE_CHECKING:
    from vivace.migrations.schema.editor import Editor
    from vivace.migrations.state import ProjectState


class CreateExtension(Operation):
    """Make an extension available. The user of the database must be allowed to, or it must be there already."""

    category = OperationCategory.ADDITION
    extension: ClassVar[str] = ""

    def __init__(self, name: str, hints: dict[str, Any] | None = None) -> None:
        self.name = name
        self.hints = dict(hints or {})

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {} if self.extension else {"name": self.name}
        return type(self).__name__, (), {**kwargs, **({"hints": self.hints} if self.hints else {})}

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.dialect == "postgresql" and editor.allows(app_label, **self.hints):
            await editor.run(f"CREATE EXTENSION IF NOT EXISTS {quote(self.name)}", tables=())

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.dialect == "postgresql" and editor.allows(app_label, **self.hints):
            await editor.run(f"DROP EXTENSION IF EXISTS {quote(self.name)}", tables=())

    def describe(self) -> str:
        return f"Creates extension {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"create_extension_{self.name.replace('-', '_')}"


class _Extension(CreateExtension):
    """An extension of a known name."""

    def __init__(self, hints: dict[str, Any] | None = None) -> None:
        super().__init__(self.extension, hints)


class BloomExtension(_Extension):
    """Indexes by bloom filters."""

    extension = "bloom"


class BtreeGinExtension(_Extension):
    """Ordinary types in GIN indexes."""

    extension = "btree_gin"


class BtreeGistExtension(_Extension):
    """Ordinary types in GiST indexes: what an exclusion constraint over an id and a range needs."""

    extension = "btree_gist"


class CITextExtension(_Extension):
    """Texts that ignore case."""

    extension = "citext"


class CryptoExtension(_Extension):
    """Cryptographic functions."""

    extension = "pgcrypto"


class HStoreExtension(_Extension):
    """The type of ``HStoreField``."""

    extension = "hstore"


class TrigramExtension(_Extension):
    """Similarity of texts."""

    extension = "pg_trgm"


class UnaccentExtension(_Extension):
    """Texts without accents."""

    extension = "unaccent"


class CreateCollation(Operation):
    """Make a collation, for ``db_collation``."""

    category = OperationCategory.ADDITION

    def __init__(self, name: str, locale: str, *, provider: str = "libc", deterministic: bool = True) -> None:
        self.name = name
        self.locale = locale
        self.provider = provider
        self.deterministic = deterministic

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {"name": self.name, "locale": self.locale}
        if self.provider != "libc":
            kwargs["provider"] = self.provider
        if not self.deterministic:
            kwargs["deterministic"] = False
        return type(self).__name__, (), kwargs

    async def _create(self, app_label: str, editor: Editor) -> None:
        if editor.dialect == "postgresql" and editor.allows(app_label):
            options = f"provider = {quote(self.provider)}, locale = {quoted(self.locale)}"
            rest = "" if self.deterministic else ", deterministic = false"
            await editor.run(f"CREATE COLLATION {quote(self.name)} ({options}{rest})", tables=())

    async def _remove(self, app_label: str, editor: Editor) -> None:
        if editor.dialect == "postgresql" and editor.allows(app_label):
            await editor.run(f"DROP COLLATION {quote(self.name)}", tables=())

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        await self._create(app_label, editor)

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        await self._remove(app_label, editor)

    def describe(self) -> str:
        return f"Create collation {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"create_collation_{self.name.lower()}"


class RemoveCollation(CreateCollation):
    """Remove a collation; the arguments make it again on the way back."""

    category = OperationCategory.REMOVAL

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        await self._remove(app_label, editor)

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        await self._create(app_label, editor)

    def describe(self) -> str:
        return f"Remove collation {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"remove_collation_{self.name.lower()}"


__all__ = [
    "BloomExtension",
    "BtreeGinExtension",
    "BtreeGistExtension",
    "CITextExtension",
    "CreateCollation",
    "CreateExtension",
    "CryptoExtension",
    "HStoreExtension",
    "RemoveCollation",
    "TrigramExtension",
    "UnaccentExtension",
]
