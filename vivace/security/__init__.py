"""What is on from the start: trusted hosts, headers, same-origin writes; and CORS, which is off until it is said.

Every policy is a frozen value with a method that is a hook; the app takes them in ``Security`` and leaves one out only
by an explicit line (``Security(origins=None)``) that can be found by searching for it.
"""

from __future__ import annotations

from .cors import CORS as CORS
from .headers import SecurityHeaders as SecurityHeaders
from .hosts import Hosts as Hosts
from .origin import SameOrigin as SameOrigin
from .policy import Security as Security
