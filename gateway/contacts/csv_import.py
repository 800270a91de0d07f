"""Bringing contacts in from a CSV file: what each row means, and the report of what became of it.

A row whose number is known changes that contact: its filled cells count, empty ones leave what is there.
Rows are written in small transactions, so that calls are not kept waiting; a file that was cut short by a
crash can be sent again, because what is there already is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from gateway.contacts.csv_table import PHONE_NUMBER, CsvRow
from gateway.contacts.new_contact import TEXT_FIELDS, NewContact, check
from gateway.errors import InvalidRequestError
from routing.numbers import NumberRule, read_number
from store.contact_records import Contact
from store.identifiers import uuid7

MAX_ERRORS = 1_000  # told in a report; further ones are counted


class OnDuplicate(StrEnum):
    """What happens to a contact whose number comes in again."""

    UPDATE = "update"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class RowError:
    line: int
    field: str
    message: str


@dataclass(slots=True)
class ImportReport:
    """What became of the rows; `total` is all of them, blank lines not counted."""

    total: int = 0
    imported: int = 0
    updated: int = 0
    skipped: int = 0  # known already and unchanged, or the same number again in this file
    failed: int = 0
    errors: list[RowError] = field(default_factory=list)

    @property
    def errors_left_out(self) -> int:
        return self.failed - len(self.errors)

    def fail(self, line: int, name: str, message: str) -> None:
        self.failed += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(RowError(line, name, message))


class CsvImport:
    """One file on its way in. `batches` reads, `merge` decides; both fill `report`."""

    def __init__(
        self,
        organization_id: str,
        folder_id: str | None,
        rows: Iterator[CsvRow],
        *,
        max_rows: int,
        default_country: str | None = None,
        on_duplicate: OnDuplicate = OnDuplicate.UPDATE,
    ) -> None:
        self.report = ImportReport()
        self._organization_id = organization_id
        self._folder_id = folder_id
        self._rows = rows
        self._max_rows = max_rows
        self._country = default_country
        self._on_duplicate = on_duplicate
        self._seen: set[str] = set()

    def next_batch(self, size: int) -> list[NewContact] | None:
        """The good ones of the next `size` rows; `None` at the end. Raises `InvalidRequestError` when the
        headings cannot be used, or when there are more rows than may be.
        """
        rows = list(islice(self._rows, size))
        if not rows:
            return None
        found: list[NewContact] = []
        for row in rows:
            self.report.total += 1
            if self.report.total > self._max_rows:
                raise InvalidRequestError(
                    f"The file has more than {self._max_rows} rows; the first {self._max_rows} were taken.",
                    code="csv_too_long",
                    field="csv",
                    line=row.line,
                )
            contact = self._contact(row)
            if contact is None:
                continue
            if contact.phone_number in self._seen:
                self.report.skipped += 1
                continue
            self._seen.add(contact.phone_number)
            found.append(contact)
        return found

    def merge(self, batch: Sequence[NewContact], known: dict[str, Contact], now: datetime) -> list[Contact]:
        """What is to be written, given those of the numbers that are `known`. May be called again for the
        same batch when the write had to be repeated; count with `count`.
        """
        changed: list[Contact] = []
        for new in batch:
            old = known.get(new.phone_number)
            if old is None:
                changed.append(self._created(new, now))
            elif self._on_duplicate is OnDuplicate.UPDATE:
                merged = replace(old, **_filled(new), metadata=old.metadata | new.metadata)
                if merged != old:
                    changed.append(replace(merged, updated_at=now))
        return changed

    def count(self, batch: Sequence[NewContact], known: int, written: int) -> None:
        """Account for a batch that was written: `known` of its numbers existed before."""
        imported = len(batch) - known
        self.report.imported += imported
        self.report.updated += written - imported
        self.report.skipped += len(batch) - written

    def _created(self, new: NewContact, now: datetime) -> Contact:
        return Contact(
            id=uuid7(),
            organization_id=self._organization_id,
            phone_number=new.phone_number,
            created_at=now,
            updated_at=now,
            folder_id=self._folder_id,
            metadata=new.metadata,
            **_filled(new),
        )

    def _contact(self, row: CsvRow) -> NewContact | None:
        """The row as a contact; `None` when it is wrong, which is then in the report."""
        if row.fault is not None:
            self.report.fail(row.line, "row", row.fault)
            return None
        number, trouble = _phone_number(row.fields.get(PHONE_NUMBER, ""), self._country)
        if number is None:
            self.report.fail(row.line, PHONE_NUMBER, trouble)
            return None
        words = row.fields.get("keywords", "").replace(";", ",").split(",")
        contact = NewContact(
            phone_number=number,
            keywords=tuple(word.strip() for word in words if word.strip()),
            metadata={name: cell for name, cell in row.others.items() if cell},
            **{name: row.fields[name] for name in TEXT_FIELDS if row.fields.get(name)},
        )
        try:
            check(contact)
        except InvalidRequestError as error:
            self.report.fail(row.line, str(error.details.get("field")), error.message)
            return None
        return contact


def _filled(new: NewContact) -> dict[str, Any]:
    """The fields that say something."""
    filled: dict[str, Any] = {
        name: getattr(new, name) for name in TEXT_FIELDS if getattr(new, name) is not None
    }
    if new.keywords:
        filled["keywords"] = new.keywords
    return filled


def _phone_number(text: str, country: str | None) -> tuple[str | None, str]:
    """The number in E.164, or what is wrong. A number without its country code is not guessed at: a wrong
    guess rings at a stranger's.
    """
    if not text:
        return None, "is missing"
    international = text.lstrip("( ").startswith(("+", "00"))
    if not international and country is None:
        return None, "has no country code: write it as + and the country code first, or give default_country"
    rule = NumberRule.E164 if international else NumberRule.NATIONAL
    read = read_number(text, rule, country)
    if read.e164 is None:
        return None, read.finding
    return read.e164, ""
