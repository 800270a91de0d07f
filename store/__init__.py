"""Everything that lasts: organisations, keys, agents, numbers, trunks, calls, timelines, idempotency keys.

SQLite by default and PostgreSQL by URL, from one set of statements.
"""

from __future__ import annotations

from store.database import Store
from store.writer import CallWriter

__all__ = ["CallWriter", "Store"]
