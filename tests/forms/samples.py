"""Forms that have every kind of field, in every state, for tests of what they look like."""

from __future__ import annotations

import datetime as dt
from typing import Any

from markupsafe import Markup

from vivace import forms

COLORS = [("r", "Red"), ("b", "Blue & green"), ("More", [("p", "Pink"), ("<g>", "Gr<y")])]


class Everything(forms.Form):
    text = forms.CharField(max_length=20, help_text="Up to <20> letters")
    more = forms.CharField(widget=forms.Textarea, required=False, help_text=Markup("<b>bold</b>"))
    mail = forms.EmailField(label="E-mail?")
    site = forms.URLField(required=False)
    secret = forms.CharField(widget=forms.PasswordInput)
    number = forms.IntegerField(min_value=1, required=False)
    price = forms.DecimalField(decimal_places=2, label="Price <€>")
    day = forms.DateField(initial=dt.date(2026, 2, 3))
    hour = forms.TimeField(required=False)
    moment = forms.DateTimeField(required=False)
    span = forms.DurationField(required=False, disabled=True)
    agreed = forms.BooleanField(help_text="Read it")
    maybe = forms.NullBooleanField()
    color = forms.ChoiceField(choices=COLORS)
    colors = forms.MultipleChoiceField(choices=COLORS, required=False)
    radio = forms.ChoiceField(choices=COLORS, widget=forms.RadioSelect, help_text="One of them")
    boxes = forms.MultipleChoiceField(choices=COLORS, widget=forms.CheckboxSelectMultiple)
    both = forms.SplitDateTimeField(help_text="Two parts")
    selects = forms.DateField(widget=forms.SelectDateWidget(years=[2026, 2027]))
    json = forms.JSONField(required=False)
    hidden = forms.CharField(widget=forms.HiddenInput)
    many = forms.MultipleChoiceField(choices=COLORS, widget=forms.MultipleHiddenInput, required=False)
    kept = forms.SplitDateTimeField(widget=forms.SplitHiddenDateTimeWidget, required=False)
    shown = forms.CharField(show_hidden_initial=True, initial="before", required=False)


class Styled(Everything):
    error_css_class = "wrong"
    required_css_class = "must"


SENT: dict[str, Any] = {
    "text": '<script>alert("1")</script>', "more": "\na", "mail": "x", "number": "0", "price": "1.555", "agreed": "on",
    "color": "<g>", "colors": ["r", "p"], "radio": "b", "boxes": ["b", "<g>"], "both_0": "2026-02-30", "both_1": "12:00",
    "selects_year": "2026", "selects_month": "2", "selects_day": "30", "json": "{", "many": ["r"], "maybe": "true",
    "shown": "after", "initial-shown": "before", "day": "2026-02-03", "hour": "12:30:01",
}  # fmt: skip


async def in_every_state(**options: Any) -> list[forms.Form]:
    """Return forms that are unbound, refused and accepted, with and without ids, prefix and classes."""
    made: list[forms.Form] = [
        Everything(**options),
        Everything({}, **options),
        Everything(SENT, **options),
        Everything(SENT, auto_id=False, **options),
        Everything(auto_id=False, label_suffix="", **options),
        Everything({f"a-{name}": value for name, value in SENT.items()}, prefix="a", **options),
        Styled(SENT, auto_id=True, **options),
    ]
    for form in made:
        await form.is_valid()
    made[1].add_error(None, "All <of it> is wrong.")
    return made
