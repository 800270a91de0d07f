"""Whom a campaign calls. Contacts are copied when it is made, so that what is planned stays what it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.contacts.csv_import import CsvImport
from gateway.contacts.csv_table import read_rows
from gateway.contacts.new_contact import TEXT_FIELDS, NewContact, check
from gateway.errors import InvalidRequestError, NotFoundError
from store.batch_records import CampaignContact
from store.contact_records import Contact
from store.database import Store
from store.identifiers import uuid7

BATCH = 500  # contacts in one transaction
MAX_ROW_ERRORS = 20  # told when a file is refused


@dataclass(frozen=True, slots=True)
class InlineContact:
    """A contact that stands in the request; `variables` go over what follows from its fields."""

    contact: NewContact
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactSource:
    """Exactly one of the four is set."""

    folder_id: str | None = None
    contact_ids: tuple[str, ...] | None = None
    contacts: tuple[InlineContact, ...] | None = None
    csv: str | None = None
    default_country: str | None = None


class SourceReader:
    """Reads a source for one campaign."""

    def __init__(self, store: Store, organization_id: str, max_contacts: int) -> None:
        self._store = store
        self._organization_id = organization_id
        self._max_contacts = max_contacts

    async def check(self, source: ContactSource) -> tuple[InlineContact, ...]:
        """The contacts that came with the request, each checked. Raises `InvalidRequestError`, and
        `NotFoundError` for a folder or contacts that are not there.
        """
        if source.folder_id is not None:
            if await self._store.folders.get(self._organization_id, source.folder_id) is None:
                raise NotFoundError(f"There is no folder {source.folder_id}.", folder_id=source.folder_id)
            count = (await self._store.folders.contact_counts([source.folder_id])).get(source.folder_id, 0)
            self._check_count(count, "folder_id")
            return ()
        if source.contact_ids is not None:
            await self._check_known(source.contact_ids)
            return ()
        if source.csv is not None:
            found = self._from_csv(source.csv, source.default_country)
            self._check_count(len(found), "csv")
            return found
        inline = source.contacts or ()
        self._check_count(len(inline), "contacts")
        for index, one in enumerate(inline):
            try:
                check(one.contact)
            except InvalidRequestError as error:
                raise InvalidRequestError(
                    error.message, field=f"contacts.{index}.{error.details['field']}"
                ) from error
        return inline

    async def read(
        self, source: ContactSource, inline: tuple[InlineContact, ...], campaign_id: str
    ) -> AsyncIterator[list[CampaignContact]]:
        """The contacts in batches, numbered in their order."""
        position = 0
        async for batch in self._batches(source, inline):
            yield [
                CampaignContact(
                    id=uuid7(),
                    campaign_id=campaign_id,
                    position=position + offset,
                    phone_number=number,
                    contact_id=contact_id,
                    variables=variables,
                )
                for offset, (number, contact_id, variables) in enumerate(batch)
            ]
            position += len(batch)

    async def _batches(
        self, source: ContactSource, inline: tuple[InlineContact, ...]
    ) -> AsyncIterator[list[tuple[str, str | None, dict[str, str]]]]:
        if source.folder_id is not None:
            after: Contact | None = None
            while known := await self._store.contacts.in_folder(source.folder_id, after, BATCH):
                after = known[-1]
                yield [(one.phone_number, one.id, variables_of(one)) for one in known]
        elif source.contact_ids is not None:
            for ids in _chunks(source.contact_ids):
                found = {
                    one.id: one for one in await self._store.contacts.get_many(self._organization_id, ids)
                }
                chosen = [found[one] for one in ids if one in found]
                yield [(one.phone_number, one.id, variables_of(one)) for one in chosen]
        else:
            for start in range(0, len(inline), BATCH):
                yield [
                    (one.contact.phone_number, None, variables_of(one.contact) | dict(one.variables))
                    for one in inline[start : start + BATCH]
                ]

    async def _check_known(self, contact_ids: tuple[str, ...]) -> None:
        self._check_count(len(contact_ids), "contact_ids")
        for ids in _chunks(contact_ids):
            found = {one.id for one in await self._store.contacts.get_many(self._organization_id, ids)}
            missing = [one for one in ids if one not in found]
            if missing:
                raise NotFoundError(
                    f"There is no contact {missing[0]}.", field="contact_ids", contact_ids=missing[:20]
                )

    def _from_csv(self, text: str, country: str | None) -> tuple[InlineContact, ...]:
        coming = CsvImport(
            self._organization_id,
            None,
            read_rows(text),
            max_rows=self._max_contacts,
            default_country=country,
        )
        found: list[InlineContact] = []
        while (batch := coming.next_batch(BATCH)) is not None:
            found.extend(InlineContact(contact) for contact in batch)
        if coming.report.failed:
            errors = coming.report.errors[:MAX_ROW_ERRORS]
            raise InvalidRequestError(
                f"line {errors[0].line}: {errors[0].field} {errors[0].message}",
                code="csv_rows_invalid",
                field="csv",
                failed=coming.report.failed,
                rows=[{"line": one.line, "field": one.field, "message": one.message} for one in errors],
            )
        return tuple(found)

    def _check_count(self, count: int, name: str) -> None:
        if count == 0:
            raise InvalidRequestError("There is nobody to call.", code="no_contacts", field=name)
        if count > self._max_contacts:
            raise InvalidRequestError(
                f"A campaign may have {self._max_contacts} contacts; these are {count}.", field=name
            )


def variables_of(contact: Contact | NewContact) -> dict[str, str]:
    """What the agent's prompt may name: the contact's fields, and whatever in its metadata is plain."""
    found = {name: _text(value) for name, value in contact.metadata.items() if _plain(value)}
    for name in TEXT_FIELDS:
        value = getattr(contact, name)
        if value is not None:
            found[name] = value
    return found


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _chunks(ids: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
