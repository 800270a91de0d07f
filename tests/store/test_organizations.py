from __future__ import annotations

from store import Store
from store.identifiers import uuid7
from store.records import Organization
from tests.store.samples import later


async def test_an_organisation_comes_back_as_it_was_put_in(store: Store, organization: Organization) -> None:
    assert await store.organizations.get(organization.id) == organization
    assert await store.organizations.get(uuid7()) is None


async def test_organisations_are_listed_oldest_first(store: Store, organization: Organization) -> None:
    newer = Organization(uuid7(), "newer", later(0))
    await store.organizations.create(newer)
    assert await store.organizations.list() == [organization, newer]
