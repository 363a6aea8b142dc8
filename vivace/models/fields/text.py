"""Fields of text."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, overload

from vivace.models import validators as v

from .base import Field, FieldDeconstruction
from .options import FieldOptions, Validator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, Unpack

    from typing_extensions import TypeVar

    from vivace.errors import Finding

    S = TypeVar("S", default=str)
else:
    from typing import TypeVar

    S = TypeVar("S")


class TextOptions(FieldOptions, total=False):
    """What may be said about text."""

    db_collation: str | None


class _Text(Field[S]):
    """What fields of text share."""

    own_options: ClassVar[tuple[str, ...]] = ("db_collation",)
    python_type = "a text"

    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[TextOptions]
    ) -> None:
        given: dict[str, Any] = {**options}
        self.db_collation: str | None = given.pop("db_collation", None)
        super().__init__(verbose_name, null=null, **given)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) or value is None:
            return value
        return str(value.value if isinstance(value, Enum) else value)

    def get_prep_value(self, value: Any) -> Any:
        return value if type(value) is str else self.to_python(value)

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        return {**super().db_parameters(connection), "collation": self.db_collation}

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if self.db_collation:
            kwargs["db_collation"] = self.db_collation
        return name, path, args, kwargs


class CharField(_Text[S]):
    """A text of at most ``max_length`` characters."""

    internal_type = "CharField"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: CharField[str],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[TextOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: CharField[str | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[TextOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[TextOptions]
        ) -> None: ...

    @property
    def validators(self) -> list[Validator]:
        own = super().validators
        return [*own, v.MaxLengthValidator(self.max_length)] if self.max_length is not None else own

    def db_type(self, connection: Any) -> str | None:
        return "varchar" if self.max_length is None else super().db_type(connection)

    def cast_db_type(self, connection: Any) -> str | None:
        return self.db_type(connection)

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_max_length

        return [*super().check(), *check_max_length(self)]


class TextField(_Text[S]):
    """A text of any length. ``max_length`` holds for validation only."""

    internal_type = "TextField"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: TextField[str],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[TextOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: TextField[str | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[TextOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[TextOptions]
        ) -> None: ...


class EmailField(CharField[S]):
    """An address for mail."""

    default_validators: ClassVar[Sequence[Validator]] = [v.validate_email]

    @overload
    def __init__(
        self: EmailField[str],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[TextOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: EmailField[str | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[TextOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[TextOptions]
    ) -> None:
        given: dict[str, Any] = {"max_length": 254, **options}
        _Text.__init__(self, verbose_name, null=null, **given)  # pyright: ignore[reportArgumentType] - past CharField's overloads


class URLField(CharField[S]):
    """An absolute URL."""

    default_validators: ClassVar[Sequence[Validator]] = [v.URLValidator()]

    @overload
    def __init__(
        self: URLField[str],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[TextOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: URLField[str | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[TextOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[TextOptions]
    ) -> None:
        given: dict[str, Any] = {"max_length": 200, **options}
        _Text.__init__(self, verbose_name, null=null, **given)  # pyright: ignore[reportArgumentType] - past CharField's overloads

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("max_length") == 200:
            del kwargs["max_length"]
        return name, path, args, kwargs


class CommaSeparatedIntegerField(CharField[S]):
    """Whole numbers separated by commas."""

    default_validators: ClassVar[Sequence[Validator]] = [v.validate_comma_separated_integer_list]

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: CommaSeparatedIntegerField[str],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[TextOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: CommaSeparatedIntegerField[str | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[TextOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[TextOptions]
        ) -> None: ...


class SlugOptions(TextOptions, total=False):
    """What may be said about a slug."""

    allow_unicode: bool


class SlugField(CharField[S]):
    """A short name for URLs: letters, digits, ``-`` and ``_``; indexed unless ``db_index=False``."""

    internal_type = "SlugField"
    own_options = ("db_collation", "allow_unicode")

    @overload
    def __init__(
        self: SlugField[str],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[SlugOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: SlugField[str | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[SlugOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[SlugOptions]
    ) -> None:
        given: dict[str, Any] = {"max_length": 50, "db_index": True, **options}
        self.allow_unicode: bool = given.pop("allow_unicode", False)
        _Text.__init__(self, verbose_name, null=null, **given)  # pyright: ignore[reportArgumentType] - past CharField's overloads

    @property
    def validators(self) -> list[Validator]:
        return [v.validate_unicode_slug if self.allow_unicode else v.validate_slug, *super().validators]

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("max_length") == 50:
            del kwargs["max_length"]
        if self.db_index:
            del kwargs["db_index"]
        else:
            kwargs["db_index"] = False
        if self.allow_unicode:
            kwargs["allow_unicode"] = True
        return name, path, args, kwargs


class FilePathOptions(FieldOptions, total=False):
    """Where the files are that may be chosen."""

    path: Any
    match: str | None
    recursive: bool
    allow_files: bool
    allow_folders: bool


class FilePathField(Field[S]):
    """The path of a file below a folder of the server."""

    internal_type = "FilePathField"
    own_options = ("path", "match", "recursive", "allow_files", "allow_folders")
    defaults: ClassVar[dict[str, Any]] = {
        "path": "",
        "match": None,
        "recursive": False,
        "allow_files": True,
        "allow_folders": False,
    }
    path: Any
    match: str | None
    recursive: bool
    allow_files: bool
    allow_folders: bool

    @overload
    def __init__(
        self: FilePathField[str],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FilePathOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: FilePathField[str | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FilePathOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FilePathOptions]
    ) -> None:
        given: dict[str, Any] = {"max_length": 100, **options}
        for name, default in self.defaults.items():
            setattr(self, name, given.pop(name, default))
        super().__init__(verbose_name, null=null, **given)

    @property
    def folder(self) -> str:
        """The folder, asked for if ``path`` is a function."""
        return str(self.path() if callable(self.path) else self.path)

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else str(value)

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        for option, default in self.defaults.items():
            value = getattr(self, option)
            if value is not default and value != default:
                kwargs[option] = value
        if kwargs.get("max_length") == 100:
            del kwargs["max_length"]
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_file_path

        return [*super().check(), *check_file_path(self)]
