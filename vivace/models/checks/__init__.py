"""What is wrong with models, found before the app starts: all problems at once, each with an id and a hint."""

from __future__ import annotations

from .model import check_model as check_model
