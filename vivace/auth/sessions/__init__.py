"""Sessions: what a visitor's browser keeps coming back to."""

from __future__ import annotations
