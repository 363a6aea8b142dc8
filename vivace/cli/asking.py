"""Asks on the terminal what ``makemigrations`` cannot know and no option said."""

from __future__ import annotations

import datetime
from typing import Any

import click

from vivace.errors import QuestionUnanswered
from vivace.migrations.questioner import NOTHING, Answers, as_value, fitting
from vivace.migrations.references import AnyField
from vivace.migrations.state import ModelState


class Asking(Answers):
    """Answers given beforehand, and for the rest questions."""

    @classmethod
    def after(cls, given: Answers) -> Asking:
        """Return one that begins with what is known."""
        return cls(**{name: getattr(given, name) for name in given.__struct_fields__})

    def rename_model(self, old: ModelState, new: ModelState) -> bool:
        try:
            return super().rename_model(old, new)
        except QuestionUnanswered:
            return click.confirm(f"Was the model {old.label} renamed to {new.name}?", err=True)

    def rename_field(self, model: ModelState, old: str, new: str, field: AnyField) -> bool:
        try:
            return super().rename_field(model, old, new, field)
        except QuestionUnanswered:
            return click.confirm(
                f"Was {model.label}.{old} renamed to {new} ({type(field).__name__})?", err=True
            )

    def default_for_new(self, model: ModelState, name: str, field: AnyField) -> Any:
        try:
            return super().default_for_new(model, name, field)
        except QuestionUnanswered as question:
            prompt = f"{question.what}\nA value for these rows (Python), or Ctrl-C to change the model"
            return _fitting(f"{model.label}.{name}", field, prompt)

    def default_for_null(self, model: ModelState, name: str, field: AnyField) -> Any:
        try:
            return super().default_for_null(model, name, field)
        except QuestionUnanswered as question:
            prompt = f"{question.what}\nA value for these rows (Python), or empty when there are none"
            return _fitting(f"{model.label}.{name}", field, prompt, empty=NOTHING)


def _fitting(place: str, field: AnyField, prompt: str, empty: Any = None) -> Any:
    """Ask until the answer is a value of the field; ``empty`` is what an empty answer means, if anything."""
    while True:
        answer = _value(prompt)
        if answer == "" and empty is not None:
            return empty
        try:
            return fitting(place, field, answer)
        except QuestionUnanswered as error:
            click.echo(error.what, err=True)


def _value(prompt: str) -> Any:
    text = click.prompt(prompt, default="", show_default=False, err=True)
    if text.strip() in ("now", "timezone.now", "timezone.now()"):
        return datetime.datetime.now(datetime.UTC)
    return as_value(text)


__all__ = ["Asking"]
