"""One models.py and its forms, run twice: with Django's modules and with ours."""

from __future__ import annotations

import types
import warnings
from importlib import import_module
from typing import Any, NamedTuple

from tests.forms.agreement import django_forms

SOURCE = """
import datetime, decimal, uuid


def five():
    return 5


class Colour(models.TextChoices):
    RED = "r", "Red"
    BLUE = "b", "Blue"


class Shelf(models.Model):
    name = models.CharField(max_length=20)
    code = models.SlugField(unique=True)

    class Meta:
        app_label = "modelworlds"

    def __str__(self):
        return self.name


class Everything(models.Model):
    text = models.CharField(max_length=10)
    optional = models.CharField("An optional text", max_length=10, blank=True, help_text="Say <what> you like.")
    nothing = models.CharField(max_length=10, blank=True, null=True)
    long = models.TextField(max_length=30, blank=True)
    email = models.EmailField(blank=True)
    url = models.URLField(blank=True, max_length=60)
    slug = models.SlugField(blank=True)
    unicode_slug = models.SlugField(blank=True, allow_unicode=True, max_length=8)
    integer = models.IntegerField()
    small = models.SmallIntegerField(blank=True, null=True)
    big = models.BigIntegerField(blank=True, null=True)
    positive = models.PositiveIntegerField(default=3)
    positive_small = models.PositiveSmallIntegerField(blank=True, null=True)
    positive_big = models.PositiveBigIntegerField(blank=True, null=True)
    computed = models.IntegerField(default=five)
    real = models.FloatField(blank=True, null=True)
    decimal = models.DecimalField(max_digits=5, decimal_places=2, blank=True, null=True)
    flag = models.BooleanField(default=True)
    maybe = models.BooleanField(null=True, blank=True)
    picked = models.BooleanField(choices=[(True, "Yes"), (False, "No")])
    day = models.DateField(blank=True, null=True)
    moment = models.DateTimeField(blank=True, null=True)
    clock = models.TimeField(blank=True, null=True)
    span = models.DurationField(blank=True, null=True)
    key = models.UUIDField(blank=True, null=True)
    made_key = models.UUIDField(default=uuid.uuid4, editable=False)
    address = models.GenericIPAddressField(blank=True, null=True)
    address4 = models.GenericIPAddressField(protocol="IPv4", blank=True, null=True)
    data = models.JSONField(blank=True, null=True)
    raw = models.BinaryField(default=b"")
    colour = models.CharField(max_length=1, choices=Colour.choices)
    second = models.CharField(max_length=1, choices=Colour.choices, default="b")
    third = models.CharField(max_length=1, choices=Colour.choices, blank=True)
    number = models.IntegerField(choices=[(1, "One"), ("Group", [(2, "Two"), (3, "Three")])], null=True, blank=True)
    stamped = models.DateTimeField(auto_now_add=True)
    file = models.FileField(blank=True, upload_to="a", max_length=30)
    checked = models.CharField(max_length=10, blank=True, error_messages={"max_length": "Too long, you."})
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE, null=True, blank=True)
    needed = models.ForeignKey(Shelf, on_delete=models.CASCADE, related_name="+")
    by_code = models.ForeignKey(Shelf, to_field="code", on_delete=models.CASCADE, null=True, related_name="+")
    one = models.OneToOneField(Shelf, on_delete=models.CASCADE, null=True, related_name="+")
    shelves = models.ManyToManyField(Shelf, related_name="+")
    optional_shelves = models.ManyToManyField(Shelf, related_name="+", blank=True, help_text="Any.")

    class Meta:
        app_label = "modelworlds"


class EverythingForm(forms.ModelForm):
    class Meta:
        model = Everything
        fields = "__all__"


PLAIN = [
    field.name
    for field in Everything._meta.fields
    if field.editable and not field.is_relation and field.name not in ("id", "file", "raw")
]


class PlainForm(forms.ModelForm):
    class Meta:
        model = Everything
        fields = PLAIN


class ChangedForm(forms.ModelForm):
    extra = forms.CharField(required=False)
    integer = forms.CharField(label="Shadowed")

    class Meta:
        model = Everything
        fields = ["long", "integer", "text", "day", "extra"]
        exclude = ["day"]
        widgets = {"text": forms.Textarea, "long": forms.TextInput(attrs={"class": "x"})}
        labels = {"text": "A label"}
        help_texts = {"text": "Some help"}
        error_messages = {"text": {"required": "Come on.", "max_length": "No."}}
        field_classes = {"long": forms.SlugField}


class Child(ChangedForm):
    text = None

    class Meta(ChangedForm.Meta):
        exclude = ()
"""


class World(NamedTuple):
    """The names of one run of the source."""

    names: dict[str, Any]
    forms: Any

    def __getattr__(self, name: str) -> Any:
        return self.names[name]


def run(models: Any, forms: Any, module: str) -> World:
    """Run the source with these modules."""
    made = types.ModuleType(module)
    made.__dict__.update(models=models, forms=forms)
    exec(compile(SOURCE, module, "exec"), made.__dict__)
    return World(made.__dict__, forms)


def django_world() -> World:
    """Return the source run with Django; once, for its registry refuses a second."""
    if not _made:
        forms = django_forms()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Django 5.2 warns of the scheme that 6.0 assumes for URLs
            _made.append(run(import_module("django.db.models"), forms, "modelworlds_django"))
    return _made[0]


_made: list[World] = []


def our_world() -> World:
    """Return the source run with our modules."""
    from vivace import forms, models

    return run(models, forms, "modelworlds_ours")
