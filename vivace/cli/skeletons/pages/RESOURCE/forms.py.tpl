"""What people fill in for << m.article >> << m.words >>."""

from __future__ import annotations

from vivace.forms import ModelForm

from .models import << m.model >>


class << m.model >>Form(ModelForm):
<% if owner %>
    """<< m.article|capitalize >> << m.words >>; whose it is, is not asked."""
<% else %>
    """<< m.article|capitalize >> << m.words >>."""
<% endif %>

    class Meta:
        model = << m.model >>
<< form_fields >>
