"""What the differ cannot know and must be told: whether a model or field was renamed, and what fills rows that exist.

``Answers`` holds what was said beforehand: by command-line options or by a file. What it does not hold is an error that
names the option which would answer it; nothing is guessed, since a wrong guess loses data. The command line derives an
interactive one from it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from vivace.errors import QuestionUnanswered, VivaceError, nearest
from vivace.errors.models import ValidationError

from .references import AnyField, points
from .state import ModelState, ProjectState


class Questioner(Protocol):
    """Who is asked."""

    def rename_model(self, old: ModelState, new: ModelState) -> bool:
        """Is ``new`` the model ``old`` under another name?"""
        ...

    def rename_field(self, model: ModelState, old: str, new: str, field: AnyField) -> bool:
        """Is the field ``new`` the field ``old`` under another name?"""
        ...

    def default_for_new(self, model: ModelState, name: str, field: AnyField) -> Any:
        """What do rows that exist get in a new field that must have a value?"""
        ...

    def default_for_null(self, model: ModelState, name: str, field: AnyField) -> Any:
        """What do rows without a value get in a field that must have one now? ``NOTHING``: there are none."""
        ...


class Nothing:
    """Stands for "no row needs a value"."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = Nothing()


class Answers(msgspec.Struct, kw_only=True):
    """Answers given beforehand.

    ``renames`` maps ``"app.Model"`` to a new model name and ``"app.Model.field"`` to a new field name; ``renamed`` says
    whether other likely renames are ones (``None``: that is an error). ``defaults`` maps ``"app.Model.field"`` to a value;
    ``"nothing"`` among ``keep_null`` are fields in which no row is empty.
    """

    renames: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    keep_null: set[str] = set()
    renamed: bool | None = None

    def rename_model(self, old: ModelState, new: ModelState) -> bool:
        return self._rename(f"{old.app_label}.{old.name}", new.name)

    def rename_field(self, model: ModelState, old: str, new: str, field: AnyField) -> bool:
        return self._rename(f"{model.app_label}.{model.name}.{old}", new)

    def _rename(self, old: str, new: str) -> bool:
        given = _lowered(self.renames)
        if old.lower() in given:
            return bool(given[old.lower()].rpartition(".")[2].lower() == new.lower())
        if self.renamed is not None:
            return self.renamed
        raise QuestionUnanswered(
            f"Was {old} renamed to {new}, or removed and another one added?",
            fix=f"Say --rename {old}={new}, or --no-renames; or run it on a terminal to be asked.",
        )

    def default_for_new(self, model: ModelState, name: str, field: AnyField) -> Any:
        why = "is new and must have a value, but rows that exist have none"
        return self._default(f"{model.label}.{name}", field, why, "add null=True or a default")

    def default_for_null(self, model: ModelState, name: str, field: AnyField) -> Any:
        if f"{model.label}.{name}".lower() in {each.lower() for each in self.keep_null}:
            return NOTHING
        place, why = f"{model.label}.{name}", "must have a value now, but rows may have none"
        return self._default(place, field, why, f"say --no-nulls {place} if there are no such rows")

    def _default(self, place: str, field: AnyField, why: str, otherwise: str) -> Any:
        given = _lowered(self.defaults)
        if place.lower() in given:
            return fitting(place, field, given[place.lower()])
        raise QuestionUnanswered(
            f"The field {place} {why}.",
            fix=f"Say --default {place}=VALUE for these rows, or {otherwise}.",
        )


def fitting(place: str, field: AnyField, value: Any) -> Any:
    """Return a value as the field has it. Raises ``QuestionUnanswered`` for one that it could not hold."""
    if points(field) or field.get_internal_type() == "BinaryField":
        return value
    try:
        found = field.to_python(value)
        if found is None:
            raise ValidationError("it must be a value.")
        field.run_validators(found)
        return found
    except (ValidationError, VivaceError, TypeError, ValueError) as error:
        told = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        raise QuestionUnanswered(
            f"{value!r} is no value for {place}: {told}",
            expected=f"a value for a {type(field).__name__}, written as in Python",
            got=repr(value)[:80],
        ) from None


def check_fields(answers: Answers, after: ProjectState) -> None:
    """Raise ``QuestionUnanswered`` for a value or promise about a field that is not there: it would go unheeded."""
    wanted = {
        f"{model.label}.{name}".lower(): f"{model.label}.{name}"
        for model in after.models.values()
        for name in model.fields
    }
    for option, names in (("--default", answers.defaults), ("--no-nulls", answers.keep_null)):
        for name in names:
            if name.lower() not in wanted:
                raise QuestionUnanswered(
                    f"{option} {name}: the models have no such field.",
                    expected="APP.MODEL.FIELD by its name in the models of now",
                    got=name,
                    fix=nearest(name, wanted.values()),
                )


def check_renames(renames: Mapping[str, str], before: ProjectState, after: ProjectState) -> None:
    """Raise ``QuestionUnanswered`` for a rename that fits nothing: unheeded, what it should have kept would be dropped."""
    known, wanted = _names(before), _names(after)
    for old, given in renames.items():
        place, _, name = old.rpartition(".")
        new = given.rpartition(".")[2]
        fresh = f"{place}.{new}".lower()
        if fresh in known or _is_renamed(place.lower(), known, wanted):
            continue  # it was done before; or the model of the field has two names
        if old.lower() not in known:
            raise QuestionUnanswered(
                f"--rename {old}={given}: the migrations know no {old}.",
                expected="APP.MODEL or APP.MODEL.FIELD by its old name",
                fix=nearest(old, known.values()),
            )
        if fresh not in wanted:
            beside = [each.rpartition(".")[2] for each in wanted.values() if _is_in(each, place)]
            raise QuestionUnanswered(
                f"--rename {old}={given}: there is no {new} that {name} could have become.",
                expected="its name in the models of now",
                fix=nearest(new, beside),
            )


def _is_renamed(place: str, known: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Say whether a model is only before, or only after."""
    return (place in known) != (place in wanted)


def _is_in(name: str, place: str) -> bool:
    return name.rpartition(".")[0].lower() == place.lower()


def _names(state: ProjectState) -> dict[str, str]:
    """Return the names of all models and fields, by their lowered form."""
    found: dict[str, str] = {}
    for model in state.models.values():
        found[model.label.lower()] = model.label
        found |= {f"{model.label}.{name}".lower(): f"{model.label}.{name}" for name in model.fields}
    return found


def _lowered(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in given.items()}


def as_value(text: str) -> Any:
    """Return what a text on the command line means: a Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def read_answers(data: bytes) -> Answers:
    """Return the answers of a JSON file: ``{"renames": {…}, "defaults": {…}, "keep_null": […]}``."""
    try:
        return msgspec.json.decode(data, type=Answers)
    except msgspec.MsgspecError as error:
        raise QuestionUnanswered(
            "The answers file cannot be read.",
            expected='{"renames": {"app.Model.old": "new"}, "defaults": {"app.Model.field": 0}}',
            got=str(error),
        ) from None


__all__ = [
    "NOTHING",
    "Answers",
    "Questioner",
    "as_value",
    "check_fields",
    "check_renames",
    "fitting",
    "read_answers",
]
