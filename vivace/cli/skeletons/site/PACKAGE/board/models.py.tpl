"""What hangs on the board."""

from __future__ import annotations

from vivace import models
from vivace.auth import User


class Note(models.Model):
    """A few words of a member."""

    text = models.CharField(max_length=280)
    author = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    pinned = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["-pinned", "-id"]

    def __str__(self) -> str:
        return self.text
