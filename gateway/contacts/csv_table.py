"""Reading a CSV file as people make them: any of the usual encodings, separators and headings.

The first line holds the headings. Which field a heading stands for is found by its words (`Phone No.` is the
telephone number); a heading that stands for nothing we know keeps its name.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.errors import InvalidRequestError

MAX_COLUMNS = 200
MAX_HEADING = 100
SEPARATORS = (",", ";", "\t", "|")

PHONE_NUMBER = "phone_number"

_HEADINGS: dict[str, tuple[str, ...]] = {
    PHONE_NUMBER: (
        *("phone_number", "phone", "phone_no", "phonenumber", "telephone", "telephone_number", "tel"),
        *("mobile", "mobile_number", "mobile_phone", "cell", "cell_phone", "number", "contact_number"),
    ),
    "first_name": ("first_name", "firstname", "first", "given_name", "forename", "name", "full_name"),
    "last_name": ("last_name", "lastname", "last", "surname", "family_name"),
    "email": ("email", "e_mail", "email_address", "mail"),
    "company_name": ("company_name", "company", "organization", "organisation", "business", "business_name"),
    "industry": ("industry", "sector"),
    "location": ("location", "city", "town"),
    "pin_code": ("pin_code", "pincode", "pin", "zip", "zip_code", "zipcode", "postal_code", "postcode"),
    "keywords": ("keywords", "keyword", "tags"),
}
_FIELD_OF = {heading: name for name, headings in _HEADINGS.items() for heading in headings}


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One record. `line` is where it begins in the file; `fault` is set when it could not be read."""

    line: int
    fields: dict[str, str] = field(default_factory=dict)  # by the names of a contact's fields
    others: dict[str, str] = field(default_factory=dict)  # by their headings
    fault: str | None = None


def decode(content: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else what Western Windows writes."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_rows(text: str) -> Iterator[CsvRow]:
    """The records below the headings, blank lines left out; read as they are asked for.

    Raises `InvalidRequestError` at the first one when the headings cannot be used.
    """
    text = text.removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        headings = next(reader, [])
    except csv.Error as error:
        raise InvalidRequestError(f"The headings cannot be read: {error}", field="csv") from error
    fields, others = _columns(headings)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield CsvRow(line, fault=str(error))
            continue
        if cells is None:
            return
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if any(cells[len(headings) :]):
            yield CsvRow(line, fault=f"has {len(cells)} cells under {len(headings)} headings")
            continue
        yield CsvRow(
            line,
            {name: cells[column] for name, column in fields.items() if column < len(cells)},
            {name: cells[column] for name, column in others.items() if column < len(cells)},
        )


def _separator(text: str) -> str:
    """The one that stands most often in the first line, outside of quotes."""
    first = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    return max(SEPARATORS, key=first.count)


def _columns(headings: list[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Where the fields of a contact stand, and where the other columns do."""
    if len(headings) > MAX_COLUMNS:
        raise InvalidRequestError(f"There are more than {MAX_COLUMNS} columns.", field="csv")
    fields: dict[str, int] = {}
    others: dict[str, int] = {}
    for column, heading in enumerate(headings):
        plain = heading.strip().replace("\0", "")[:MAX_HEADING]
        words = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
        name = _FIELD_OF.get(words)
        if name is not None and name not in fields:
            fields[name] = column
        else:
            others.setdefault(plain or f"column_{column + 1}", column)
    if PHONE_NUMBER not in fields:
        raise InvalidRequestError(
            "No column is headed phone_number (or phone, mobile, telephone); the first line must hold the"
            " headings.",
            code="csv_without_phone_number",
            field="csv",
        )
    return fields, others
