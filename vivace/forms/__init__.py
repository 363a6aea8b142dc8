"""Forms: declared fields that read, check and show what people enter. Django's names and semantics, awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.errors.models import NON_FIELD_ERRORS as NON_FIELD_ERRORS
from vivace.errors.models import ValidationError as ValidationError
from vivace.errors.nearest import lazy_names
from vivace.models import validators as validators

from .base import BaseForm as BaseForm
from .base import Form as Form
from .boundfield import BoundField as BoundField
from .boundfield import BoundWidget as BoundWidget
from .errors import ErrorDict as ErrorDict
from .errors import ErrorList as ErrorList
from .fields import BooleanField as BooleanField
from .fields import CharField as CharField
from .fields import ChoiceField as ChoiceField
from .fields import ComboField as ComboField
from .fields import DateField as DateField
from .fields import DateTimeField as DateTimeField
from .fields import DecimalField as DecimalField
from .fields import DurationField as DurationField
from .fields import EmailField as EmailField
from .fields import Field as Field
from .fields import FilePathField as FilePathField
from .fields import FloatField as FloatField
from .fields import GenericIPAddressField as GenericIPAddressField
from .fields import IntegerField as IntegerField
from .fields import JSONField as JSONField
from .fields import MultipleChoiceField as MultipleChoiceField
from .fields import MultiValueField as MultiValueField
from .fields import NullBooleanField as NullBooleanField
from .fields import RegexField as RegexField
from .fields import SlugField as SlugField
from .fields import SplitDateTimeField as SplitDateTimeField
from .fields import TimeField as TimeField
from .fields import TypedChoiceField as TypedChoiceField
from .fields import TypedMultipleChoiceField as TypedMultipleChoiceField
from .fields import URLField as URLField
from .fields import UUIDField as UUIDField
from .media import Media as Media
from .media import Script as Script
from .media import Stylesheet as Stylesheet
from .rendering import Renderer as Renderer
from .widgets import CheckboxInput as CheckboxInput
from .widgets import CheckboxSelectMultiple as CheckboxSelectMultiple
from .widgets import ChoiceWidget as ChoiceWidget
from .widgets import ColorInput as ColorInput
from .widgets import DateInput as DateInput
from .widgets import DateTimeInput as DateTimeInput
from .widgets import EmailInput as EmailInput
from .widgets import HiddenInput as HiddenInput
from .widgets import Input as Input
from .widgets import MultipleHiddenInput as MultipleHiddenInput
from .widgets import MultiWidget as MultiWidget
from .widgets import NullBooleanSelect as NullBooleanSelect
from .widgets import NumberInput as NumberInput
from .widgets import PasswordInput as PasswordInput
from .widgets import RadioSelect as RadioSelect
from .widgets import SearchInput as SearchInput
from .widgets import Select as Select
from .widgets import SelectDateWidget as SelectDateWidget
from .widgets import SelectMultiple as SelectMultiple
from .widgets import SplitDateTimeWidget as SplitDateTimeWidget
from .widgets import SplitHiddenDateTimeWidget as SplitHiddenDateTimeWidget
from .widgets import TelInput as TelInput
from .widgets import Textarea as Textarea
from .widgets import TextInput as TextInput
from .widgets import TimeInput as TimeInput
from .widgets import URLInput as URLInput
from .widgets import Widget as Widget

if TYPE_CHECKING:
    from .fields.files import FileField as FileField
    from .fields.files import MultipleFileField as MultipleFileField
    from .fields.postgresql import HStoreField as HStoreField
    from .fields.postgresql import SimpleArrayField as SimpleArrayField
    from .modelchoices import ModelChoiceField as ModelChoiceField
    from .modelchoices import ModelMultipleChoiceField as ModelMultipleChoiceField
    from .modelforms import ALL_FIELDS as ALL_FIELDS
    from .modelforms import BaseModelForm as BaseModelForm
    from .modelforms import ModelForm as ModelForm
    from .modelforms import ModelFormMetaclass as ModelFormMetaclass
    from .modelforms import ModelFormOptions as ModelFormOptions
    from .modelforms import construct_instance as construct_instance
    from .modelforms import fields_for_model as fields_for_model
    from .modelforms import model_to_dict as model_to_dict
    from .modelforms import modelform_factory as modelform_factory
    from .widgets.files import ClearableFileInput as ClearableFileInput
    from .widgets.files import FileInput as FileInput
    from .widgets.files import MultipleFileInput as MultipleFileInput

_ROOMS = {  # what forms without files and models never load
    "fields.files": "FileField MultipleFileField",
    "fields.postgresql": "HStoreField SimpleArrayField",
    "modelchoices": "ModelChoiceField ModelMultipleChoiceField",
    "modelforms": (
        "ALL_FIELDS BaseModelForm ModelForm ModelFormMetaclass "
        "ModelFormOptions construct_instance fields_for_model model_to_dict modelform_factory"
    ),
    "widgets.files": "ClearableFileInput FileInput MultipleFileInput",
}
__getattr__, __dir__ = lazy_names(__name__, _ROOMS)
