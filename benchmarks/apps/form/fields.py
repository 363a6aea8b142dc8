"""Twenty fields of all common kinds, for Vivace's forms and for Django's, whose names are the same."""

from __future__ import annotations

from typing import Any

COUNTRIES = [("gb", "United Kingdom"), ("fr", "France"), ("it", "Italy"), ("jp", "Japan"), ("br", "Brazil")]
SIZES = [("s", "Small"), ("m", "Medium"), ("l", "Large")]
INITIAL = {
    "name": "Ada <Lovelace>",
    "email": "ada@example.com",
    "age": 36,
    "country": "gb",
    "sizes": ["s", "l"],
}


def twenty(forms: Any) -> dict[str, Any]:
    """Return the fields of the form by name; ``forms`` is the module that has them."""
    return {
        "name": forms.CharField(max_length=80, help_text="As on your passport."),
        "nickname": forms.CharField(required=False, max_length=40),
        "slug": forms.SlugField(),
        "email": forms.EmailField(),
        "website": forms.URLField(required=False),
        "password": forms.CharField(widget=forms.PasswordInput),
        "age": forms.IntegerField(min_value=0, max_value=150),
        "height": forms.FloatField(required=False),
        "budget": forms.DecimalField(max_digits=8, decimal_places=2),
        "born": forms.DateField(),
        "arrives": forms.DateTimeField(required=False),
        "wakes": forms.TimeField(required=False),
        "country": forms.ChoiceField(choices=COUNTRIES),
        "size": forms.ChoiceField(choices=SIZES, widget=forms.RadioSelect),
        "sizes": forms.MultipleChoiceField(choices=SIZES),
        "colours": forms.MultipleChoiceField(choices=SIZES, widget=forms.CheckboxSelectMultiple),
        "about": forms.CharField(widget=forms.Textarea, help_text="A few words."),
        "photo": forms.FileField(required=False),
        "newsletter": forms.BooleanField(required=False),
        "next": forms.CharField(widget=forms.HiddenInput, initial="/"),
    }
