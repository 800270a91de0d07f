from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.csv_table import CsvRow, decode, read_rows
from gateway.errors import InvalidRequestError


def fields(text: str) -> list[dict[str, str]]:
    return [row.fields | row.others for row in read_rows(text)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_usual_separator_and_line_end_is_understood(separator: str, end: str) -> None:
    text = end.join(separator.join(cells) for cells in (["phone", "first_name"], ["+49301", "Ann"])) + end
    assert fields(text) == [{"phone_number": "+49301", "first_name": "Ann"}]


@pytest.mark.parametrize(
    "content",
    [
        "phone,name\n+1415,Zoë".encode(),
        "phone,name\n+1415,Zoë".encode("utf-8-sig"),
        "phone,name\n+1415,Zoë".encode("utf-16"),
        "phone,name\n+1415,Zoë".encode("cp1252"),
    ],
)
def test_each_usual_encoding_is_understood(content: bytes) -> None:
    assert fields(decode(content)) == [{"phone_number": "+1415", "first_name": "Zoë"}]


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Phone No.", "phone_number"),
        ("MOBILE", "phone_number"),
        (" Phone Number ", "phone_number"),
        ("E-Mail", "email"),
        ("Company", "company_name"),
        ("ZIP code", "pin_code"),
        ("Surname", "last_name"),
        ("Tags", "keywords"),
        ("Favourite colour", "Favourite colour"),
    ],
)
def test_headings_are_known_by_their_words(heading: str, name: str) -> None:
    other = "x" if name == "phone_number" else "phone"
    (row,) = fields(f"{heading},{other}\nvalue,other\n")
    assert row[name] == "value"


def test_quoted_cells_may_hold_separators_quotes_and_line_ends() -> None:
    text = 'phone,company,note\n+1415,"Bright, ""Dental""","two\nlines"\n\n+1416,B,c\n'
    first, second = read_rows(text)
    assert first.fields["company_name"] == 'Bright, "Dental"'
    assert first.others == {"note": "two\nlines"}
    assert (first.line, second.line) == (2, 5)


def test_a_quoted_heading_does_not_decide_the_separator() -> None:
    assert fields('"a,b,c";phone\n1;+1415\n') == [{"phone_number": "+1415", "a,b,c": "1"}]


def test_a_second_column_of_the_same_kind_keeps_its_own_name() -> None:
    assert fields("phone,mobile\n+1415,+1416\n") == [{"phone_number": "+1415", "mobile": "+1416"}]


def test_short_rows_are_filled_and_long_ones_are_faults() -> None:
    short, long = read_rows("phone,name\n+1415\n+1416,Ann,more\n")
    assert short == CsvRow(2, {"phone_number": "+1415"})
    assert (long.line, long.fault) == (3, "has 3 cells under 2 headings")


def test_a_cell_that_is_too_long_to_read_is_a_fault_of_its_row() -> None:
    first, second = read_rows("phone,name\n+1415," + "x" * 200_000 + "\n+1416,Ann\n")
    assert first.fault is not None
    assert second.fields == {"phone_number": "+1416", "first_name": "Ann"}


@pytest.mark.parametrize("text", ["", "\n", "name,email\nAnn,a@b\n", "+14155551234,Ann\n"])
def test_without_a_column_of_numbers_there_is_nothing_to_read(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        list(read_rows(text))
    assert (caught.value.code, caught.value.details["field"]) == ("csv_without_phone_number", "csv")


def test_a_file_of_countless_columns_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        list(read_rows("phone," + ",".join(map(str, range(300))) + "\n"))


@given(st.binary(max_size=300))
def test_whatever_is_in_a_file_it_is_read_or_refused(content: bytes) -> None:
    try:
        rows = list(read_rows(decode(b"phone,a\n" + content)))
    except InvalidRequestError:
        return
    assert all(row.line >= 1 for row in rows)
