"""What a model's field says of the form field that asks for it. Models know no forms: ``vivace.forms.modelfields`` reads this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class FormFieldSpec(NamedTuple):
    """The answer of ``Field.formfield``: ``vivace.forms`` makes the form field of it.

    ``form_class`` and ``choices_form_class`` (for a field with choices) are classes to use instead of the usual ones,
    ``options`` those of the form field that were asked for.
    """

    field: Any
    form_class: Any
    choices_form_class: Any
    options: Mapping[str, Any]


__all__ = ["FormFieldSpec"]
