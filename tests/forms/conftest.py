"""Fixtures of tests of forms."""

from __future__ import annotations

from tests.models.conftest import database_url as database_url
from tests.models.conftest import shared_postgresql_url as shared_postgresql_url
