"""What people may send."""

from __future__ import annotations

from vivace import forms
from vivace.forms import ModelForm

from .models import Comment, Member, Post

MEGABYTE = 1_000_000


class PostForm(ModelForm):
    """A post that is written, or changed."""

    class Meta:
        model = Post
        fields = ["title", "topic", "body"]


class NewPostForm(PostForm):
    """A new post may bring files."""

    attachments = forms.MultipleFileField(
        required=False,
        max_files=4,
        max_size=2 * MEGABYTE,
        content_types=["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"],
        error_messages={"content_type": "Pictures, PDFs and plain texts only."},
        help_text="Up to four pictures, PDFs or texts, 2 MB each.",
    )


class CommentForm(ModelForm):
    """A comment that is written, or changed."""

    class Meta:
        model = Comment
        fields = ["body"]
        widgets = {"body": forms.Textarea(attrs={"rows": 4})}


class ProfileForm(ModelForm):
    """What members tell of themselves."""

    class Meta:
        model = Member
        fields = ["name", "handle", "about"]
        widgets = {"about": forms.Textarea(attrs={"rows": 3})}


class SearchForm(forms.Form):
    """Words to look for."""

    q = forms.CharField(
        label="Search for", max_length=100, required=False, widget=forms.TextInput(attrs={"type": "search"})
    )
