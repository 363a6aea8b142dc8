"""Widgets of files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from vivace.models.shapes import is_listed

from .base import Context, all_values
from .inputs import CheckboxInput, Input


class _Contradiction:
    def __repr__(self) -> str:
        return "a file, and the wish to have none"

    def __bool__(self) -> bool:
        return True


CONTRADICTION: Final = _Contradiction()
"""What a widget reads when a file was sent and its removal asked for."""


class FileInput(Input):
    """A file to choose. What was chosen is never shown again: browsers allow no value."""

    input_type = "file"
    needs_multipart_form = True
    template_name = "vivace/forms/widgets/file.html"

    def format_value(self, value: Any) -> Any:
        return None

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        return files.get(name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        return name not in files

    def use_required_attribute(self, initial: Any) -> bool:
        """Say ``required`` only where there is no file yet."""
        return super().use_required_attribute(initial) and not initial


class MultipleFileInput(FileInput):
    """Several files to choose."""

    template_name = "vivace/forms/widgets/multiple_file.html"

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__({"multiple": True, **(attrs or {})})

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        found: Any = all_values(files, name)
        return found if is_listed(found) or not found else [found]


class ClearableFileInput(FileInput):
    """A file to choose, a link to the one that is there, and, where it may be missing, a box to remove it."""

    template_name = "vivace/forms/widgets/clearable_file.html"
    clear_checkbox_label: ClassVar[str] = "Clear"
    initial_text: ClassVar[str] = "Currently"
    input_text: ClassVar[str] = "Change"

    def clear_checkbox_name(self, name: str) -> str:
        return f"{name}-clear"

    def clear_checkbox_id(self, name: str) -> str:
        return f"{name}_id"

    def is_initial(self, value: Any) -> bool:
        """Say whether a value is a file that is stored: it has an address."""
        return bool(value and getattr(value, "committed", True) and getattr(value, "url", False))

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        context = super().get_context(name, value, attrs)
        widget = context["widget"]
        stored = self.is_initial(value)
        clear = self.clear_checkbox_name(name)
        widget.update(
            is_initial=stored,
            stored_url=value.url if stored else "",
            stored_name=str(value) if stored else "",
            initial_text=self.initial_text,
            input_text=self.input_text,
            clear_checkbox_label=self.clear_checkbox_label,
            checkbox_name=clear,
            checkbox_id=self.clear_checkbox_id(clear),
        )
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        upload = super().value_from_datadict(data, files, name)
        if self.is_required:
            return upload
        if not CheckboxInput().value_from_datadict(data, files, self.clear_checkbox_name(name)):
            return upload
        return CONTRADICTION if upload else False

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        return name not in files and self.clear_checkbox_name(name) not in data


__all__ = ["CONTRADICTION", "ClearableFileInput", "FileInput", "MultipleFileInput"]
