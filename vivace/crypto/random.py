"""Random text from the operating system's generator."""

from __future__ import annotations

import string
from typing import Final

LETTERS_AND_DIGITS: Final = string.ascii_letters + string.digits


def random_string(length: int = 22, alphabet: str = LETTERS_AND_DIGITS) -> str:
    """Return ``length`` characters of ``alphabet``, each equally likely; 22 letters and digits hold 131 bits."""
    from secrets import choice  # brings `random`: start-up time that few programs need

    return "".join(choice(alphabet) for _ in range(length))
