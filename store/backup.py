"""The whole database as one portable file, and back: from either kind of database into either.

The file is gzip'd JSON lines: a head with the schema's revision, then for each table a line with its name and
columns and a line for each row, in an order that references allow, and at the end the number of rows, without
which a file that was cut short would look whole. Bytes are written as {"base64": ...}.

What the nodes of a cluster know of one another is left out, who is signed in, and who has registered: all are
true of running gateways only.
"""

from __future__ import annotations

import base64
import gzip
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.connection import Database
from store.errors import BackupError
from store.migrations import (
    downgrade_to_base,
    newest_revision,
    revision_of,
    revisions,
    upgrade_to,
    upgrade_to_head,
)
from store.tables import leaderships, metadata, nodes, registrations, sessions
from store.tables import revisions as change_revisions

FORMAT = "trunkline-backup"
VERSION = 1
BATCH = 500  # rows that are in memory at once
LEFT_OUT = frozenset({nodes.name, leaderships.name, change_revisions.name, sessions.name, registrations.name})

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was written or read: the schema's revision, and rows by table."""

    revision: str
    rows: dict[str, int]


async def write_backup(database: Database, path: Path) -> BackupReport:
    """Write everything as it is at one moment; gateways may go on meanwhile. The file is there when it is
    whole, and only its owner can read it. Raises `BackupError`, `StoreError`, `OSError`.
    """
    with _replacing(path) as file:
        async with _snapshot(database) as connection:
            return await _write(connection, file)


async def restore_backup(database: Database, path: Path) -> BackupReport:
    """Fill an empty database from a file, and bring it to the newest schema; all of it or nothing.

    Raises `BackupError` when the database holds anything, or the file is not a whole backup of a version that
    we know, `StoreError`, `OSError`.
    """
    with gzip.open(path, "rb") as file:
        lines = _lines(file)
        head = _head(lines)
        async with database.transaction() as connection:
            if await _in_use(connection):
                raise BackupError("the database is not empty; restore into a new one")
            await connection.run_sync(_make_schema, head["revision"])
            rows = await _fill(connection, lines)
            await connection.run_sync(upgrade_to_head)
            if database.dialect.name == "postgresql":
                await _continue_sequences(connection)
                # Before the server does it by itself, it would read long lists in the slowest way.
                await connection.execute(sa.text("ANALYZE"))
    return BackupReport(head["revision"], rows)


async def _write(connection: AsyncConnection, file: gzip.GzipFile) -> BackupReport:
    revision = await connection.run_sync(revision_of)
    if revision != newest_revision():
        raise BackupError(
            f"the schema is of revision {revision}, not {newest_revision()}: start this version once"
        )
    head = {"format": FORMAT, "version": VERSION, "revision": revision, "at": datetime.now(UTC).isoformat()}
    _put(file, head)
    counts: dict[str, int] = {}
    for table in metadata.sorted_tables:
        if table.name in LEFT_OUT:
            continue
        _put(file, {"table": str(table.name), "columns": [str(column.name) for column in table.columns]})
        counts[table.name] = 0
        result = await connection.stream(sa.select(table), execution_options={"yield_per": BATCH})
        async for rows in result.partitions(BATCH):
            counts[table.name] += len(rows)
            file.write(b"".join(_encode([_plain(value) for value in row]) + b"\n" for row in rows))
    _put(file, {"rows": counts})
    return BackupReport(revision, counts)


async def _fill(connection: AsyncConnection, lines: Iterator[Any]) -> dict[str, int]:
    """Insert what the lines hold; the number of rows by table."""
    schema = sa.MetaData()
    await connection.run_sync(schema.reflect)
    counts: dict[str, int] = {}
    table: sa.Table | None = None
    columns: list[str] = []
    batch: list[dict[str, Any]] = []

    async def insert() -> None:
        if table is not None and batch:
            await connection.execute(table.insert(), batch)
            counts[table.name] += len(batch)
            batch.clear()

    for line in lines:
        if isinstance(line, list):
            if len(line) != len(columns):
                raise BackupError("a row does not fit its table")
            batch.append(dict(zip(columns, map(_value, line), strict=True)))
            if len(batch) >= BATCH:
                await insert()
            continue
        await insert()
        if "rows" in line:
            if line["rows"] != counts:
                raise BackupError("the backup does not hold the rows that it says it does")
            return counts
        table = schema.tables.get(line["table"])
        columns = line["columns"]
        if table is None or not set(columns) <= set(table.columns.keys()):
            raise BackupError(
                f"there is no table {line['table']} of this shape in the schema of its revision"
            )
        counts[table.name] = 0
    raise BackupError("the backup was cut short")


async def _continue_sequences(connection: AsyncConnection) -> None:
    """PostgreSQL numbers rows by a sequence, which knows nothing of the rows that came with their numbers."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        highest = sa.select(sa.func.max(column)).scalar_subquery()
        await connection.execute(sa.select(sa.func.setval(sequence, highest)).where(highest.is_not(None)))


@contextmanager
def _replacing(path: Path) -> Iterator[gzip.GzipFile]:
    """A file to write, which takes its place when the block ends well."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(descriptor, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6) as file:
                yield file
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection that sees the database as it was at one moment."""
    async with database.reading() as connection:
        if database.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN")
        else:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


async def _in_use(connection: AsyncConnection) -> bool:
    """Whether some table that a backup would hold has a row."""

    def look(sync: sa.Connection) -> bool:
        found = set(sa.inspect(sync).get_table_names()) - LEFT_OUT - {"alembic_version"}
        unknown = found - set(metadata.tables)
        known = [table for table in metadata.sorted_tables if table.name in found]
        first: sa.ColumnClause[int] = sa.literal_column("1")
        return bool(unknown) or any(
            sync.execute(sa.select(first).select_from(table).limit(1)).first() for table in known
        )

    return await connection.run_sync(look)


def _make_schema(connection: sa.Connection, revision: str) -> None:
    """Exactly the schema from which the backup was made."""
    if revision_of(connection) is not None:
        downgrade_to_base(connection)  # empty, as we have seen
    upgrade_to(connection, revision)


def _head(lines: Iterator[Any]) -> dict[str, Any]:
    head = next(lines, None)
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise BackupError("this is no backup of Trunkline")
    if head["version"] != VERSION or head["revision"] not in revisions():
        raise BackupError("the backup was made by a newer version of Trunkline")
    return head


def _lines(file: gzip.GzipFile) -> Iterator[Any]:
    """Each line's value. Raises `BackupError` where the file is damaged."""
    try:
        for line in file:
            yield _decode(line)
    except (gzip.BadGzipFile, EOFError, msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise BackupError(f"the backup cannot be read to its end: {error}") from error


def _put(file: gzip.GzipFile, value: Any) -> None:
    file.write(_encode(value) + b"\n")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    return value


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return value
