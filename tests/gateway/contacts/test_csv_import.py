from __future__ import annotations

import pytest

from gateway.contacts.contact_book import ContactBook
from gateway.contacts.csv_import import MAX_ERRORS, ImportReport, OnDuplicate, RowError
from gateway.contacts.new_contact import NewContact
from gateway.errors import InvalidRequestError
from store.contact_records import ContactFilter


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    return (report.total, report.imported, report.updated, report.skipped, report.failed)


async def test_each_row_is_imported_updated_skipped_or_told(book: ContactBook, ours: str) -> None:
    await book.create(ours, NewContact("+14155550100", first_name="Ann", metadata={"crm": "7"}))
    await book.create(ours, NewContact("+14155550101", first_name="Bob"))
    report = await book.import_csv(
        ours,
        None,
        "Phone;First name;E-Mail;Plan;Tags\n"
        "+1 (415) 555-0100;;ann@example.com;gold;vip, new\n"
        "+14155550101;Bob;;;\n"
        "\n"
        "+14155550102;Cid;;;\n"
        "+1-415-555-0102;Again;;;\n"
        "555 0103;Dan;;;\n"
        ";Eve;;;\n"
        "+14155550104;Fay;no address;;\n",
    )
    assert counts(report) == (7, 1, 1, 2, 3)
    assert report.errors == [
        RowError(
            7,
            "phone_number",
            "has no country code: write it as + and the country code first, or give default_country",
        ),
        RowError(8, "phone_number", "is missing"),
        RowError(9, "email", "is not an e-mail address"),
    ]
    (ann,) = (await book.list(ours, ContactFilter(phone_number="+14155550100"), 10, 0)).items
    assert (ann.first_name, ann.email, ann.keywords) == ("Ann", "ann@example.com", ("vip", "new"))
    assert ann.metadata == {"crm": "7", "Plan": "gold"}


async def test_the_same_file_again_changes_nothing(book: ContactBook, ours: str) -> None:
    text = "phone,name,plan\n+14155550100,Ann,gold\n+14155550101,Bob,\n"
    assert counts(await book.import_csv(ours, None, text)) == (2, 2, 0, 0, 0)
    before = (await book.list(ours, ContactFilter(), 10, 0)).items
    assert counts(await book.import_csv(ours, None, text)) == (2, 0, 0, 2, 0)
    assert (await book.list(ours, ContactFilter(), 10, 0)).items == before


async def test_known_contacts_can_be_left_alone(book: ContactBook, ours: str) -> None:
    known = await book.create(ours, NewContact("+14155550100", first_name="Ann"))
    report = await book.import_csv(
        ours, None, "phone,name\n+14155550100,Anna\n+14155550101,Bob\n", on_duplicate=OnDuplicate.SKIP
    )
    assert counts(report) == (2, 1, 0, 1, 0)
    assert await book.get(ours, known.id) == known


async def test_national_numbers_are_read_in_the_country_that_is_named(book: ContactBook, ours: str) -> None:
    report = await book.import_csv(
        ours, None, "phone\n(415) 555-0100\n+49 30 123456\n0049 30 123457\n", default_country="US"
    )
    assert counts(report) == (3, 3, 0, 0, 0)
    found = (await book.list(ours, ContactFilter(), 10, 0)).items
    assert {contact.phone_number for contact in found} == {"+14155550100", "+4930123456", "+4930123457"}


async def test_errors_beyond_what_a_report_holds_are_counted(ours: str, book: ContactBook) -> None:
    book._import_max_rows = 2_000
    report = await book.import_csv(ours, None, "phone\n" + "x\n" * (MAX_ERRORS + 5))
    assert (report.failed, len(report.errors), report.errors_left_out) == (MAX_ERRORS + 5, MAX_ERRORS, 5)


async def test_a_file_of_too_many_rows_ends_where_the_limit_is(book: ContactBook, ours: str) -> None:
    text = "phone\n" + "".join(f"+1415555{number:04}\n" for number in range(501))
    with pytest.raises(InvalidRequestError) as caught:
        await book.import_csv(ours, None, text)
    assert (caught.value.code, caught.value.details["line"]) == ("csv_too_long", 502)
