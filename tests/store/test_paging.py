from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store import Store
from store.identifiers import uuid7
from store.paging import newest_first
from store.records import Organization
from store.tables import organizations


async def test_pages_come_newest_first_with_the_size_of_the_whole(store: Store) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    made = [Organization(uuid7(), f"o{n}", moment + timedelta(seconds=n // 2)) for n in range(7)]
    for organization in made:
        await store.organizations.create(organization)
    expected = sorted(made, key=lambda one: (one.created_at, one.id), reverse=True)
    wanted = [organizations.c.name != "o3"]
    expected = [one for one in expected if one.name != "o3"]
    for offset in (0, 4, 6):
        page = await newest_first(store.database, organizations, wanted, lambda row: row.id, 4, offset)
        assert page.items == tuple(one.id for one in expected[offset : offset + 4])
        assert (page.total, page.has_more) == (6, offset == 0)
