"""Names that a Django project expects where Django has them."""

from __future__ import annotations

from vivace import models
from vivace.models import deletion
from vivace.models.signals import Signal


def test_md_rules_of_deletion_are_found_under_djangos_module_name() -> None:
    assert models.deletion is deletion
    for name in ("CASCADE", "PROTECT", "RESTRICT", "SET_NULL", "SET_DEFAULT", "DO_NOTHING", "ProtectedError"):
        assert getattr(deletion, name) is getattr(models, name)


def test_md_signals_take_djangos_option() -> None:
    assert Signal(use_caching=True).connected == ()
