"""The connection to SQLite or PostgreSQL: engine, pragmas, transactions.

SQLite allows one writer at a time. Writers of this process therefore queue on an asyncio lock instead of
sleeping in `busy_timeout` on a thread, and take SQLite's write lock when they begin (`BEGIN IMMEDIATE`), so
that no transaction is refused half-way because another process wrote in between. Readers never wait (WAL).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from store.errors import NewerSchemaError
from store.faults import store_error
from store.migrations import upgrade_to_head

BUSY_TIMEOUT_MS = 5_000  # only another process can make us wait for SQLite's write lock
POOL_SIZE = 5
CONNECT_TIMEOUT = 10  # seconds
MIGRATION_LOCK = 0x7472_756E_6B6C_6E65  # key of the advisory lock, "trunklne"

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # safe with WAL: a power cut loses the last transactions, never the file
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)


class Database:
    """An engine and its transactions. Made by `open` or `prepare`."""

    def __init__(self, engine: AsyncEngine, anchor: sqlite3.Connection | None) -> None:
        self.engine = engine
        self._writing = engine.execution_options(trunkline_write=True)
        self._anchor = anchor
        self._write_turn = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect and migrate to the newest schema.

        Raises `sqlalchemy.exc.ArgumentError` for an unusable URL, `StoreUnavailableError` when the database
        cannot be reached and `NewerSchemaError` when a newer version of the program has used it.
        """
        database = cls.prepare(url)
        try:
            async with _migration_turn(), database.transaction() as connection:
                if database.dialect.name == "postgresql":  # other nodes of a cluster start now, too
                    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
                await connection.run_sync(upgrade_to_head)
        except CommandError as error:
            await database.close()
            raise NewerSchemaError(f"a newer version of Trunkline has used it: {error}") from error
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    def prepare(cls, url: str) -> Database:
        """A database that connects when it is first used, and whose schema is left as it is."""
        parsed = sa.make_url(url)
        parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
        anchor: sqlite3.Connection | None = None
        options: dict[str, Any] = {"poolclass": AsyncAdaptedQueuePool, "pool_size": POOL_SIZE}
        if parsed.get_backend_name() == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                # Kept alive by a connection of its own, because the pool may drop and replace its one.
                name = f"file:trunkline-{uuid.uuid4().hex}"
                anchor = sqlite3.connect(
                    f"{name}?mode=memory&cache=shared", uri=True, check_same_thread=False
                )
                parsed = parsed.set(database=name, query={"mode": "memory", "cache": "shared", "uri": "true"})
                options |= {"pool_size": 1, "max_overflow": 0}
            elif parsed.database is not None and not parsed.database.startswith("file:"):
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        else:
            # A server may have been restarted since a connection was last used: look before it is lent out.
            options |= {"pool_pre_ping": True, "connect_args": {"timeout": CONNECT_TIMEOUT}}
        engine = create_async_engine(parsed, **options)
        if engine.dialect.name == "sqlite":
            event.listen(engine.sync_engine, "connect", _set_pragmas)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return cls(engine, anchor)

    async def close(self) -> None:
        await self.engine.dispose()
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    @property
    def dialect(self) -> sa.Dialect:
        return self.engine.dialect

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction: committed when the block ends, rolled back when it raises.

        Raises `ConstraintError` when the database refuses a row, `UnstorableValueError` when it cannot hold a
        value, `StoreUnavailableError` when it is away.
        """
        async with self._write_turn or nullcontext():
            with _own_errors():
                async with self._writing.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read from. On SQLite each statement sees the newest committed state.

        Raises `StoreUnavailableError`, `UnstorableValueError`.
        """
        with _own_errors():
            async with self.engine.connect() as connection:
                yield connection

    def now(self) -> sa.ColumnElement[int]:
        """Microseconds since 1970 UTC by the clock that all who use this database share."""
        if self.dialect.name == "postgresql":
            seconds = sa.extract("epoch", sa.func.clock_timestamp())
            return sa.cast(seconds * 1_000_000, sa.BigInteger)
        return sa.literal(time.time_ns() // 1_000, sa.BigInteger)

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows `on_conflict_do_update` and `on_conflict_do_nothing`, in the right dialect."""
        if self.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)


@contextmanager
def _own_errors() -> Iterator[None]:
    """The driver's failures as the store's own, with the cause chained."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        known = store_error(error)
        if known is None:
            raise
        raise known from error


_migration_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def _migration_turn() -> asyncio.Lock:
    """One migration at a time in a process: Alembic keeps its context in module globals."""
    return _migration_turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
    # SQLite's own knows ASCII only; what is looked for "in any case" is found as on PostgreSQL.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("trunkline_write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
