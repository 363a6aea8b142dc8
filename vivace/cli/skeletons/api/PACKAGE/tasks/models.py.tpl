"""What is kept."""

from __future__ import annotations

from vivace import models


class Task(models.Model):
    """Something to do."""

    title = models.CharField(max_length=200)
    done = models.BooleanField(default=False)
    due = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.title
