"""How passwords are stored, and which are good enough."""

from __future__ import annotations
