"""What a form accepts: one class for each kind of value."""

from __future__ import annotations

from .base import Field as Field
from .base import FieldOptions as FieldOptions
from .choices import ChoiceField as ChoiceField
from .choices import FilePathField as FilePathField
from .choices import MultipleChoiceField as MultipleChoiceField
from .choices import TypedChoiceField as TypedChoiceField
from .choices import TypedMultipleChoiceField as TypedMultipleChoiceField
from .compound import ComboField as ComboField
from .compound import MultiValueField as MultiValueField
from .compound import SplitDateTimeField as SplitDateTimeField
from .numbers import DecimalField as DecimalField
from .numbers import FloatField as FloatField
from .numbers import IntegerField as IntegerField
from .others import BooleanField as BooleanField
from .others import JSONField as JSONField
from .others import NullBooleanField as NullBooleanField
from .text import CharField as CharField
from .text import EmailField as EmailField
from .text import GenericIPAddressField as GenericIPAddressField
from .text import RegexField as RegexField
from .text import SlugField as SlugField
from .text import URLField as URLField
from .text import UUIDField as UUIDField
from .times import DateField as DateField
from .times import DateTimeField as DateTimeField
from .times import DurationField as DurationField
from .times import TimeField as TimeField
