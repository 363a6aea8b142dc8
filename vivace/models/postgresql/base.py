"""What all fields of this room have in common: they need PostgreSQL, and say so."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from vivace.errors.models import ModelError
from vivace.models.fields.base import Field

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class PostgreSQLField(Field[T], Generic[T]):
    """A field whose column only PostgreSQL has."""

    only_on: ClassVar[str] = "postgresql"
    empty_strings_allowed = False
    column_type: ClassVar[str] = ""
    sa_name: ClassVar[str] = ""
    """The name of its type in ``sqlalchemy.dialects.postgresql``."""

    def db_type(self, connection: Any) -> str | None:
        """Return the column's type. Raises ``ModelError`` on another database."""
        self.need_postgresql(connection)
        return self.column_type

    def sa_type(self, connection: Any) -> Any:
        from sqlalchemy.dialects import postgresql  # with the first statement that is compiled

        self.need_postgresql(connection)
        return _cast(getattr(postgresql, self.sa_name))()

    def need_postgresql(self, connection: Any) -> None:
        """Raise ``ModelError`` unless it is PostgreSQL that is asked for."""
        if connection != "postgresql":
            raise ModelError(
                f"{self}: this field needs PostgreSQL.",
                got=str(connection),
                fix="Use a PostgreSQL database, or a JSONField, which both databases have.",
            )


@cache
def _cast(kind: type[Any]) -> type[Any]:
    """Return a type whose parameters are cast to it: else a CASE of two parameters would be a text."""
    return type(kind.__name__, (kind,), {"render_bind_cast": True})


__all__ = ["PostgreSQLField"]
