from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg

from store import Store
from store.bulk import BulkInsert
from store.records import Organization
from store.tables import calls, organizations


@pytest.mark.parametrize("count", [0, 1, 3, 4, 21, 64, 85, 149])
async def test_every_row_is_inserted_whatever_their_number(store: Store, count: int) -> None:
    insert = BulkInsert(
        lambda: store.database.insert(organizations), ("id", "name", "created_at"), store.database.dialect
    )
    async with store.database.transaction() as connection:
        await insert.execute(connection, [(f"{i:03}", f"name {i}", i) for i in range(count)])
    stored = await store.organizations.list()
    assert [(one.id, one.name) for one in stored] == [(f"{i:03}", f"name {i}") for i in range(count)]


async def test_a_failing_row_undoes_the_whole_transaction(store: Store, organization: Organization) -> None:
    insert = BulkInsert(
        lambda: store.database.insert(organizations), ("id", "name", "created_at"), store.database.dialect
    )
    rows = [(f"{i:03}", "x", i) for i in range(70)] + [(organization.id, "twice", 0)]
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with store.database.transaction() as connection:
            await insert.execute(connection, rows)
    assert await store.organizations.list() == [organization]


def test_the_widest_statement_stays_within_the_parameters_a_database_takes() -> None:
    names = [column.name for column in calls.columns]
    for insert, dialect in (
        (lambda: sqlite.insert(calls), sqlite.dialect()),
        (lambda: postgresql.insert(calls), asyncpg.dialect()),
    ):
        sql = BulkInsert(insert, names, dialect)._statement(64)
        parameters = sql.count("?") if isinstance(dialect, sqlite.dialect) else sql.count("$")
        assert parameters == 64 * len(names) < 32_767


def test_a_dialect_with_named_parameters_is_refused() -> None:
    insert = BulkInsert(
        lambda: postgresql.insert(organizations), ("id", "name", "created_at"), postgresql.dialect()
    )
    with pytest.raises(RuntimeError, match="orders the parameters"):
        insert._statement(1)
    assert isinstance(postgresql.dialect(), sa.Dialect)
