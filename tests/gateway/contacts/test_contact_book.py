from __future__ import annotations

import asyncio

import pytest

from gateway.contacts.contact_book import ContactBook
from gateway.contacts.new_contact import NewContact, NewFolder
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from store.contact_records import ContactFilter
from store.identifiers import uuid7

EVERYBODY = ContactFilter()


async def test_a_number_stands_once_in_a_folder_and_once_outside(book: ContactBook, ours: str) -> None:
    folder = await book.create_folder(ours, NewFolder("a"))
    other = await book.create_folder(ours, NewFolder("b"))
    for folder_id in (None, folder.id, other.id):
        await book.create(ours, NewContact("+14155550100", folder_id))
        with pytest.raises(ConflictError) as caught:
            await book.create(ours, NewContact("+14155550100", folder_id))
        assert (caught.value.code, caught.value.details["folder_id"]) == ("contact_exists", folder_id)
    await book.create(ours, NewContact("+14155550101", folder.id))
    (moving,) = (await book.list(ours, ContactFilter(folder_id=other.id), 10, 0)).items
    with pytest.raises(ConflictError):
        await book.update(ours, moving.id, {"folder_id": folder.id})


async def test_a_deleted_folder_takes_its_contacts_with_it(book: ContactBook, ours: str) -> None:
    folder = await book.create_folder(ours, NewFolder("a"))
    kept = await book.create(ours, NewContact("+14155550100"))
    await book.create(ours, NewContact("+14155550101", folder.id))
    await book.delete_folder(ours, folder.id)
    assert (await book.list(ours, EVERYBODY, 10, 0)).items == (kept,)
    with pytest.raises(NotFoundError):
        await book.list(ours, ContactFilter(folder_id=folder.id), 10, 0)
    with pytest.raises(NotFoundError):
        await book.create(ours, NewContact("+14155550101", folder.id))


async def test_nobody_reaches_into_another_organisation(book: ContactBook, ours: str) -> None:
    theirs = uuid7()
    folder = await book.create_folder(ours, NewFolder("a"))
    contact = await book.create(ours, NewContact("+14155550100", folder.id))
    for attempt in (
        book.get(theirs, contact.id),
        book.update(theirs, contact.id, {"first_name": "x"}),
        book.delete(theirs, contact.id),
        book.get_folder(theirs, folder.id),
        book.update_folder(theirs, folder.id, {"name": "x"}),
        book.delete_folder(theirs, folder.id),
        book.create(theirs, NewContact("+14155550101", folder.id)),
        book.import_csv(theirs, folder.id, "phone\n+14155550102\n"),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    assert (await book.list(theirs, EVERYBODY, 10, 0)).total == 0
    assert await book.get(ours, contact.id) == contact


async def test_two_imports_of_the_same_numbers_at_once_leave_each_number_once(
    book: ContactBook, ours: str
) -> None:
    text = "phone\n" + "".join(f"+1415555{number:04}\n" for number in range(400))
    reports = await asyncio.gather(*(book.import_csv(ours, None, text) for _ in range(3)))
    assert sum(report.imported for report in reports) == 400
    assert sum(report.skipped for report in reports) == 800
    assert (await book.list(ours, EVERYBODY, 1, 0)).total == 400


async def test_what_the_checks_refuse_is_not_kept(book: ContactBook, ours: str) -> None:
    for new, field in (
        (NewContact("4155550100"), "phone_number"),
        (NewContact("+14155550100", email="nobody"), "email"),
        (NewContact("+14155550100", first_name="x" * 300), "first_name"),
        (NewContact("+14155550100", location="a\0b"), "location"),
        (NewContact("+14155550100", keywords=("k",) * 51), "keywords"),
        (NewContact("+14155550100", metadata={"x": "y" * 20_000}), "metadata"),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            await book.create(ours, new)
        assert caught.value.details["field"] == field
    contact = await book.create(ours, NewContact("+14155550100"))
    with pytest.raises(InvalidRequestError):
        await book.update(ours, contact.id, {"phone_number": "1"})
    assert (await book.list(ours, EVERYBODY, 10, 0)).items == (contact,)
