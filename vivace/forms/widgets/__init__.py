"""How fields are shown, and how their values are read from what was sent."""

from __future__ import annotations

from .base import Widget as Widget
from .compound import MultiWidget as MultiWidget
from .compound import SelectDateWidget as SelectDateWidget
from .compound import SplitDateTimeWidget as SplitDateTimeWidget
from .compound import SplitHiddenDateTimeWidget as SplitHiddenDateTimeWidget
from .inputs import CheckboxInput as CheckboxInput
from .inputs import ColorInput as ColorInput
from .inputs import DateInput as DateInput
from .inputs import DateTimeInput as DateTimeInput
from .inputs import EmailInput as EmailInput
from .inputs import HiddenInput as HiddenInput
from .inputs import Input as Input
from .inputs import MultipleHiddenInput as MultipleHiddenInput
from .inputs import NumberInput as NumberInput
from .inputs import PasswordInput as PasswordInput
from .inputs import SearchInput as SearchInput
from .inputs import TelInput as TelInput
from .inputs import Textarea as Textarea
from .inputs import TextInput as TextInput
from .inputs import TimeInput as TimeInput
from .inputs import URLInput as URLInput
from .selects import CheckboxSelectMultiple as CheckboxSelectMultiple
from .selects import ChoiceWidget as ChoiceWidget
from .selects import NullBooleanSelect as NullBooleanSelect
from .selects import RadioSelect as RadioSelect
from .selects import Select as Select
from .selects import SelectMultiple as SelectMultiple
