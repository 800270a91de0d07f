from __future__ import annotations

from dataclasses import replace

import pytest

from store import Store
from store.contact_records import Contact, Folder
from store.errors import MissingRowError
from store.identifiers import uuid7
from store.records import Organization
from tests.store.samples import T0, later


async def test_a_folder_comes_back_as_it_was_put_in_and_changed(
    store: Store, organization: Organization
) -> None:
    folder = Folder(uuid7(), organization.id, "Q4", T0, T0)
    await store.folders.create(folder)
    assert await store.folders.get(organization.id, folder.id) == folder
    changed = replace(folder, name="Q1", description="d", updated_at=later(1))
    await store.folders.update(changed)
    assert await store.folders.get(organization.id, folder.id) == changed
    assert await store.folders.get(uuid7(), folder.id) is None
    with pytest.raises(MissingRowError):
        await store.folders.update(replace(folder, organization_id=uuid7()))


async def test_folders_are_listed_by_a_part_of_their_name(store: Store, organization: Organization) -> None:
    made = [Folder(uuid7(), organization.id, f"Renewal {n}", later(n), T0) for n in range(3)]
    for folder in made:
        await store.folders.create(folder)
    page = await store.folders.list(organization.id, "newal", limit=2)
    assert (page.items, page.total) == ((made[2], made[1]), 3)
    assert (await store.folders.list(organization.id, "RENEWAL 0")).items == (made[0],)


async def test_contacts_are_counted_by_folder_and_go_with_it(
    store: Store, organization: Organization
) -> None:
    full, empty = (Folder(uuid7(), organization.id, name, T0, T0) for name in ("full", "empty"))
    for folder in (full, empty):
        await store.folders.create(folder)
    for n in range(3):
        await store.contacts.create(
            Contact(uuid7(), organization.id, f"+1415555010{n}", T0, T0, folder_id=full.id)
        )
    assert await store.folders.contact_counts([full.id, empty.id]) == {full.id: 3}
    assert not await store.folders.delete(uuid7(), full.id)
    assert await store.folders.delete(organization.id, full.id)
    assert (await store.contacts.list(organization.id)).total == 0
    assert not await store.folders.delete(organization.id, full.id)


async def test_names_are_found_in_any_case_beyond_ascii_too(store: Store, organization: Organization) -> None:
    await store.folders.create(Folder(uuid7(), organization.id, "ÄRZTE in Köln", T0, T0))
    for part in ("ärzte", "KÖLN", "in"):
        assert (await store.folders.list(organization.id, part)).total == 1, part
    assert (await store.folders.list(organization.id, "arzte")).total == 0
