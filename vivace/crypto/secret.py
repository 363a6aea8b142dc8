"""``Secret``, at the address where people look for it; settings need it, so it lives in ``vivace.config``."""

from __future__ import annotations

from vivace.config.secret import Secret as Secret
