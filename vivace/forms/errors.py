"""What is wrong with a form: messages of one field, and of all fields; as texts, HTML, JSON or the errors themselves."""

from __future__ import annotations

import json
from collections import UserList
from collections.abc import Iterable, Iterator
from typing import Any, Final, SupportsIndex, cast

from markupsafe import Markup, escape

from vivace.errors.models import NON_FIELD_ERRORS, ValidationError

from .html import encodable, template_method
from .rendering import Renderer

CSS_CLASS: Final = "vv-errors"


class ErrorList(UserList[Any]):
    """The errors of one field: iterates over messages, prints as ``<ul>``; ``as_data()`` gives the errors themselves."""

    template_name = "vivace/forms/errors/list.html"

    def __init__(
        self,
        initlist: Iterable[Any] | None = None,
        error_class: str | None = None,
        renderer: Renderer | None = None,
        field_id: str | None = None,
    ) -> None:
        super().__init__(initlist)
        self.error_class = CSS_CLASS if error_class is None else f"{CSS_CLASS} {error_class}"
        self.renderer = renderer
        self.field_id = field_id

    def as_data(self) -> list[ValidationError]:
        """Return the errors with code and parameters."""
        return ValidationError(list(self.data)).flat()

    def copy(self) -> ErrorList:
        twin = type(self)(self.data)
        twin.__dict__.update(self.__dict__, data=list(self.data))
        return twin

    def get_json_data(self, escape_html: bool = False) -> list[dict[str, str]]:
        """Return message and code of each."""
        return [
            {
                "message": str(escape(error.text)) if escape_html else error.text,
                "code": error.given_code or "",
            }
            for error in self.as_data()
        ]

    @template_method
    def as_json(self, escape_html: bool = False) -> str:
        return json.dumps(self.get_json_data(escape_html))

    @template_method
    def as_text(self) -> str:
        return "\n".join(f"* {message}" for message in self)

    @template_method
    def as_ul(self) -> Markup:
        return self.render()

    def render(self) -> Markup:
        """Return a list, with the id that the field's element is described by; "" when there are no errors."""
        if not self.data:
            return Markup()
        context = {
            "errors": list(self),
            "error_class": self.error_class,
            "id": f"{self.field_id}_error" if self.field_id else "",
        }
        return (self.renderer or Renderer()).render(self.template_name, context)

    def __html__(self) -> str:
        return str(self.render())

    __str__ = __html__

    def __iter__(self) -> Iterator[str]:
        return (_message(error) for error in self.data)

    def __contains__(self, item: object) -> bool:
        return item in list(self)

    def __eq__(self, other: object) -> bool:
        return list(self) == (
            list(cast("Iterable[Any]", other)) if isinstance(other, UserList | list) else other
        )

    __hash__ = None

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        return list(self)[index]

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> Any:
        return type(self), (self.data,)


def _message(error: Any) -> str:
    return encodable(error.text if isinstance(error, ValidationError) else str(error))


class ErrorDict(dict[str, ErrorList]):
    """The errors of a form by field; those that concern no single field under ``__all__``."""

    template_name = "vivace/forms/errors/dict.html"
    error_class = CSS_CLASS

    def __init__(self, *args: Any, renderer: Renderer | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.renderer = renderer

    def as_data(self) -> dict[str, list[ValidationError]]:
        """Return the errors with code and parameters."""
        return {field: errors.as_data() for field, errors in self.items()}

    def get_json_data(self, escape_html: bool = False) -> dict[str, list[dict[str, str]]]:
        """Return message and code of each by field."""
        return {field: errors.get_json_data(escape_html) for field, errors in self.items()}

    @template_method
    def as_json(self, escape_html: bool = False) -> str:
        return json.dumps(self.get_json_data(escape_html))

    @template_method
    def as_text(self) -> str:
        lines: list[str] = []
        for field, errors in self.items():
            lines += [f"* {field}", *(f"  * {message}" for message in errors)]
        return "\n".join(lines)

    @template_method
    def as_ul(self) -> Markup:
        return self.render()

    def render(self) -> Markup:
        """Return a list of fields, each with the list of its errors."""
        context = {"errors": list(self.items()), "error_class": self.error_class}
        return (self.renderer or Renderer()).render(self.template_name, context)

    def __html__(self) -> str:
        return str(self.render())

    __str__ = __html__

    @property
    def non_field(self) -> ErrorList:
        """The errors that concern no single field."""
        return self.get(NON_FIELD_ERRORS, ErrorList(error_class="nonfield", renderer=self.renderer))
