"""What a foreign key does when its target is deleted: the names that Django has in a module of this name."""

from __future__ import annotations

from vivace.errors.models import ObjectDoesNotExist as ObjectDoesNotExist
from vivace.errors.models import ProtectedError as ProtectedError
from vivace.errors.models import RestrictedError as RestrictedError

from .deletion_rules import CASCADE as CASCADE
from .deletion_rules import DB_CASCADE as DB_CASCADE
from .deletion_rules import DB_SET_DEFAULT as DB_SET_DEFAULT
from .deletion_rules import DB_SET_NULL as DB_SET_NULL
from .deletion_rules import DO_NOTHING as DO_NOTHING
from .deletion_rules import PROTECT as PROTECT
from .deletion_rules import RESTRICT as RESTRICT
from .deletion_rules import SET as SET
from .deletion_rules import SET_DEFAULT as SET_DEFAULT
from .deletion_rules import SET_NULL as SET_NULL
