"""What is on from the start: trusted hosts, headers, page policies, same-origin writes; and CORS, which is off until it is said.

Every policy is a frozen value with a method that is a hook; the app takes them in ``Security`` and leaves one out only
by an explicit line (``Security(origins=None)``) that can be found by searching for it. What few apps use is imported
when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.errors.nearest import lazy_names
from vivace.http.csp import ContentSecurityPolicy as ContentSecurityPolicy

from .headers import SecurityHeaders as SecurityHeaders
from .hosts import Hosts as Hosts
from .origin import SameOrigin as SameOrigin
from .policy import Security as Security

if TYPE_CHECKING:
    from .cors import CORS as CORS
    from .ratelimits import RateLimit as RateLimit
    from .ratestores import DatabaseRates as DatabaseRates
    from .ratestores import MemoryRates as MemoryRates
    from .reports import report_endpoint as report_endpoint
    from .sanitizing import HTMLProfile as HTMLProfile
    from .sanitizing import sanitize_html as sanitize_html
    from .tokens import csrf_token as csrf_token
    from .tokens import rotate_csrf as rotate_csrf

_ROOMS = {
    "cors": "CORS",
    "ratelimits": "RateLimit",
    "ratestores": "DatabaseRates MemoryRates",
    "reports": "report_endpoint",
    "sanitizing": "HTMLProfile sanitize_html",
    "tokens": "csrf_token rotate_csrf",
}
__getattr__, __dir__ = lazy_names(__name__, _ROOMS)
