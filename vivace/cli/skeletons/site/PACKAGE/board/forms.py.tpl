"""What members fill in."""

from __future__ import annotations

from vivace.forms import ModelForm

from .models import Note


class NoteForm(ModelForm):
    """A note; who writes it is not asked."""

    class Meta:
        model = Note
        fields = ["text"]
        labels = {"text": "Your note"}
