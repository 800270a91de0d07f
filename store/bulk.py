"""Inserting many rows with few statements.

`executemany` hands SQLite one row at a time, and the interpreter lock changes hands for every row; beside a
busy event loop each of those hand-overs can take milliseconds. One statement of many rows is one hand-over.
The SQL is compiled once by SQLAlchemy for the database's dialect and then executed with flat tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

CHUNKS = (
    64,
    16,
    4,
    1,
)  # rows in one statement; 64 rows of the widest table are 2,176 parameters (limit 32,766)

Insert = sqlite.Insert | postgresql.Insert
Row = tuple[Any, ...]


class BulkInsert:
    """One INSERT, compiled for several numbers of rows.

    `columns` are the names of the row tuples' fields, `finish` adds the conflict clause.
    """

    def __init__(
        self,
        insert: Callable[[], Insert],
        columns: Sequence[str],
        dialect: sa.Dialect,
        finish: Callable[[Insert], Insert] = lambda statement: statement,
    ) -> None:
        self._insert = insert
        self._columns = tuple(columns)
        self._dialect = dialect
        self._finish = finish
        self._sql: dict[int, str] = {}

    async def execute(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Insert the rows, in order."""
        start = 0
        for size in CHUNKS:
            while len(rows) - start >= size:
                flat = tuple(value for row in rows[start : start + size] for value in row)
                await connection.exec_driver_sql(self._statement(size), flat)
                start += size

    def _statement(self, size: int) -> str:
        sql = self._sql.get(size)
        if sql is None:
            rows: list[dict[str, Any]] = [
                {name: sa.bindparam(f"{name}_{i}") for name in self._columns} for i in range(size)
            ]
            compiled = self._finish(self._insert().values(rows)).compile(dialect=self._dialect)
            wanted = [f"{name}_{i}" for i in range(size) for name in self._columns]
            if compiled.positiontup != wanted:
                raise RuntimeError(f"{self._dialect.name} orders the parameters of an INSERT in its own way")
            sql = self._sql[size] = str(compiled)
        return sql
