"""What must happen for one state to become another."""

from __future__ import annotations

from .arrange import arrange as arrange
from .arrange import named as named
from .arrange import number_of as number_of
from .arrange import only as only
from .differ import changes as changes
from .planned import Planned as Planned
