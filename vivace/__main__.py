"""``python -m vivace`` is the command ``vivace``."""

from __future__ import annotations

from vivace.cli import main

if __name__ == "__main__":
    main(prog_name="vivace")
