from __future__ import annotations

from dataclasses import replace

import pytest

from store import Store
from store.contact_records import Contact, ContactFilter, Folder
from store.contacts import in_folder_query
from store.errors import ConstraintError, MissingRowError
from store.identifiers import uuid7
from store.records import Organization
from tests.store.query_plan import query_plan
from tests.store.samples import T0, later


def contact(organization_id: str, phone_number: str, **changes: object) -> Contact:
    return replace(Contact(uuid7(), organization_id, phone_number, T0, T0), **changes)  # type: ignore[arg-type]


async def test_a_contact_comes_back_as_it_was_put_in(store: Store, organization: Organization) -> None:
    folder = Folder(uuid7(), organization.id, "Q4 renewal", T0, T0, "d")
    await store.folders.create(folder)
    full = contact(
        organization.id,
        "+14155550100",
        folder_id=folder.id,
        first_name="Zoë",
        last_name="L",
        email="z@example.com",
        company_name="Bright",
        industry="i",
        location="l",
        pin_code="12345",
        keywords=("a", "b"),
        metadata={"n": 1, "nul": "\0"},
    )
    plain = contact(organization.id, "+14155550100")
    for one in (full, plain):
        await store.contacts.create(one)
        assert await store.contacts.get(organization.id, one.id) == one
    assert await store.contacts.get(uuid7(), full.id) is None


async def test_a_search_finds_parts_in_any_case(store: Store, organization: Organization) -> None:
    zoe = contact(organization.id, "+14155550100", first_name="ZOË", last_name="Lane")
    bob = contact(organization.id, "+14155550101", email="Bob@Example.com", company_name="100%_Pure")
    for one in (zoe, bob):
        await store.contacts.create(one)

    async def found(search: str) -> tuple[Contact, ...]:
        return (await store.contacts.list(organization.id, ContactFilter(search=search))).items

    assert await found("zoë lane") == (zoe,)
    assert await found("550101") == (bob,)
    assert await found("EXAMPLE") == (bob,)
    assert await found("0%_p") == (bob,)
    assert await found("%") == (bob,)
    assert await found("+1415") == (bob, zoe)
    assert await found("lane+") == ()


async def test_lists_are_newest_first_and_paged(store: Store, organization: Organization) -> None:
    made = [contact(organization.id, f"+1415555010{n}", created_at=later(n)) for n in range(5)]
    for one in made:
        await store.contacts.create(one)
    page = await store.contacts.list(organization.id, limit=2, offset=1)
    assert (page.items, page.total, page.has_more) == ((made[3], made[2]), 5, True)


async def test_a_merge_sees_what_is_known_and_writes_both_new_and_changed(
    store: Store, organization: Organization
) -> None:
    old = contact(organization.id, "+14155550100")
    await store.contacts.create(old)
    fresh = contact(organization.id, "+14155550101")
    changed = replace(old, first_name="Ann", updated_at=later(1))

    def merge(known: dict[str, Contact]) -> list[Contact]:
        assert known == {old.phone_number: old}
        return [changed, fresh]

    await store.contacts.merge(organization.id, None, [old.phone_number, fresh.phone_number], merge)
    assert await store.contacts.get(organization.id, old.id) == changed
    assert await store.contacts.get(organization.id, fresh.id) == fresh
    again = contact(organization.id, "+14155550100")
    with pytest.raises(ConstraintError):
        await store.contacts.merge(organization.id, None, [], lambda known: [again])


async def test_what_is_gone_cannot_be_changed(store: Store, organization: Organization) -> None:
    gone = contact(organization.id, "+14155550100")
    with pytest.raises(MissingRowError):
        await store.contacts.update(gone)
    assert not await store.contacts.delete(organization.id, gone.id)
    await store.contacts.create(gone)
    assert not await store.contacts.delete(uuid7(), gone.id)
    assert await store.contacts.delete(organization.id, gone.id)


async def test_the_contacts_of_a_folder_can_be_walked_through(
    store: Store, organization: Organization
) -> None:
    folder = Folder(uuid7(), organization.id, "f", T0, T0)
    await store.folders.create(folder)
    made = [contact(organization.id, f"+1415555010{n}", folder_id=folder.id) for n in range(5)]
    for one in made:
        await store.contacts.create(one)
    await store.contacts.create(contact(organization.id, "+14155550100"))
    first = await store.contacts.in_folder(folder.id, None, 3)
    assert first + await store.contacts.in_folder(folder.id, first[-1], 3) == made


async def test_every_batch_of_a_large_folder_is_found_along_an_index(
    store: Store, organization: Organization
) -> None:
    after = contact(organization.id, "+14155550100")
    query = in_folder_query(uuid7(), after, 500)
    sql = str(query.compile(dialect=store.database.dialect, compile_kwargs={"literal_binds": True}))
    plan = await query_plan(store, sql)
    assert "ix_contacts_folder_id_created_at_id" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
    assert "created_at" in plan.partition("ix_contacts_folder_id_created_at_id")[2]
