"""Databases: statements, transactions, and what each commit wrote. It knows nothing of models or of HTTP."""

from __future__ import annotations

from .atomic import atomic as atomic
from .atomic import in_transaction as in_transaction
from .atomic import on_commit as on_commit
from .atomic import retrying as retrying
from .database import Database as Database
from .databases import Databases as Databases
from .databases import begin_scope as begin_scope
from .databases import current_databases as current_databases
from .databases import database_for as database_for
from .databases import use_primary as use_primary
from .observing import QueryEvent as QueryEvent
from .observing import QueryLog as QueryLog
from .observing import execute_wrapper as execute_wrapper
from .observing import query_budget as query_budget
from .observing import query_log as query_log
from .transactions import outside as outside
from .types import Driver as Driver
from .types import Session as Session
from .types import Statement as Statement
