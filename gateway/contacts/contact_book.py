"""Contacts and folders as the API sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from gateway.contacts.csv_import import CsvImport, ImportReport, OnDuplicate
from gateway.contacts.csv_table import read_rows
from gateway.contacts.new_contact import NewContact, NewFolder, check
from gateway.errors import ConflictError, NotFoundError, UnavailableError
from store.contact_records import Contact, ContactFilter, Folder
from store.database import Store
from store.errors import ConstraintError, MissingRowError
from store.identifiers import uuid7
from store.records import Page

IMPORT_BATCH = 200  # rows in one transaction: some milliseconds of work
MERGE_ATTEMPTS = 5  # of a batch into which another import of the same numbers came


class ContactBook:
    """Reads and changes an organisation's contacts. Raises `gateway.errors`."""

    def __init__(self, store: Store, *, import_max_rows: int) -> None:
        self._store = store
        self._import_max_rows = import_max_rows

    # --- folders

    async def create_folder(self, organization_id: str, new: NewFolder) -> Folder:
        now = datetime.now(UTC)
        folder = Folder(uuid7(), organization_id, new.name, now, now, new.description)
        await self._store.folders.create(folder)
        return folder

    async def get_folder(self, organization_id: str, folder_id: str) -> Folder:
        """Raises `NotFoundError`."""
        folder = await self._store.folders.get(organization_id, folder_id)
        if folder is None:
            raise NotFoundError(f"There is no folder {folder_id}.", folder_id=folder_id)
        return folder

    async def list_folders(
        self, organization_id: str, name: str | None, limit: int, offset: int
    ) -> Page[Folder]:
        """Newest first; `name` is a part of the name."""
        return await self._store.folders.list(organization_id, name, limit, offset)

    async def update_folder(self, organization_id: str, folder_id: str, changes: Mapping[str, Any]) -> Folder:
        """Change the fields of `NewFolder` that are given. Raises `NotFoundError`."""
        old = await self.get_folder(organization_id, folder_id)
        folder = replace(old, **changes, updated_at=datetime.now(UTC))
        try:
            await self._store.folders.update(folder)
        except MissingRowError as error:
            raise NotFoundError(f"There is no folder {folder_id}.", folder_id=folder_id) from error
        return folder

    async def delete_folder(self, organization_id: str, folder_id: str) -> None:
        """Remove a folder and its contacts; campaigns keep their copies. Raises `NotFoundError`."""
        if not await self._store.folders.delete(organization_id, folder_id):
            raise NotFoundError(f"There is no folder {folder_id}.", folder_id=folder_id)

    async def count_in_folders(self, folders: tuple[Folder, ...]) -> dict[str, int]:
        """How many contacts lie in each folder, by its id."""
        found = await self._store.folders.contact_counts([folder.id for folder in folders])
        return {folder.id: found.get(folder.id, 0) for folder in folders}

    # --- contacts

    async def create(self, organization_id: str, new: NewContact) -> Contact:
        """Raises `InvalidRequestError`, `NotFoundError` (folder), `ConflictError` (number is there)."""
        check(new)
        await self._check_folder(organization_id, new.folder_id)
        now = datetime.now(UTC)
        contact = Contact(
            id=uuid7(),
            organization_id=organization_id,
            created_at=now,
            updated_at=now,
            **{item.name: getattr(new, item.name) for item in fields(new)},
        )
        try:
            await self._store.contacts.create(contact)
        except ConstraintError as error:
            raise await self._refused(contact) from error
        return contact

    async def get(self, organization_id: str, contact_id: str) -> Contact:
        """Raises `NotFoundError`."""
        contact = await self._store.contacts.get(organization_id, contact_id)
        if contact is None:
            raise NotFoundError(f"There is no contact {contact_id}.", contact_id=contact_id)
        return contact

    async def list(
        self, organization_id: str, wanted: ContactFilter, limit: int, offset: int
    ) -> Page[Contact]:
        """Newest first. Raises `NotFoundError` for a folder that is not there."""
        await self._check_folder(organization_id, wanted.folder_id)
        return await self._store.contacts.list(organization_id, wanted, limit, offset)

    async def update(self, organization_id: str, contact_id: str, changes: Mapping[str, Any]) -> Contact:
        """Change the fields of `NewContact` that are given. Raises as `create` does."""
        old = await self.get(organization_id, contact_id)
        contact = replace(old, **changes, updated_at=datetime.now(UTC))
        check(NewContact(**{item.name: getattr(contact, item.name) for item in fields(NewContact)}))
        await self._check_folder(organization_id, contact.folder_id)
        try:
            await self._store.contacts.update(contact)
        except MissingRowError as error:
            raise NotFoundError(f"There is no contact {contact_id}.", contact_id=contact_id) from error
        except ConstraintError as error:
            raise await self._refused(contact) from error
        return contact

    async def delete(self, organization_id: str, contact_id: str) -> None:
        """Raises `NotFoundError`."""
        if not await self._store.contacts.delete(organization_id, contact_id):
            raise NotFoundError(f"There is no contact {contact_id}.", contact_id=contact_id)

    async def import_csv(
        self,
        organization_id: str,
        folder_id: str | None,
        text: str,
        *,
        default_country: str | None = None,
        on_duplicate: OnDuplicate = OnDuplicate.UPDATE,
    ) -> ImportReport:
        """Take in a CSV file with headings. Wrong rows are told in the report and do not keep the others
        out. Raises `InvalidRequestError` for a file that cannot be read as contacts, `NotFoundError`.
        """
        await self._check_folder(organization_id, folder_id)
        coming = CsvImport(
            organization_id,
            folder_id,
            read_rows(text),
            max_rows=self._import_max_rows,
            default_country=default_country,
            on_duplicate=on_duplicate,
        )
        while (batch := coming.next_batch(IMPORT_BATCH)) is not None:
            await self._merge(organization_id, folder_id, coming, batch)
        return coming.report

    async def _merge(
        self, organization_id: str, folder_id: str | None, coming: CsvImport, batch: Sequence[NewContact]
    ) -> None:
        now = datetime.now(UTC)
        known_count = written = 0

        def decide(known: dict[str, Contact]) -> Sequence[Contact]:
            nonlocal known_count, written
            changed = coming.merge(batch, known, now)
            known_count, written = len(known), len(changed)
            return changed

        numbers = [contact.phone_number for contact in batch]
        for _ in range(MERGE_ATTEMPTS):
            try:
                await self._store.contacts.merge(organization_id, folder_id, numbers, decide)
            except ConstraintError:
                await self._check_folder(organization_id, folder_id)
                continue
            coming.count(batch, known_count, written)
            return
        raise UnavailableError("Another import of the same contacts is running.", retry_after=5)

    async def _check_folder(self, organization_id: str, folder_id: str | None) -> None:
        if folder_id is not None:
            await self.get_folder(organization_id, folder_id)

    async def _refused(self, contact: Contact) -> ConflictError:
        """Why the store refused a contact. Raises `NotFoundError` when its folder has just gone."""
        await self._check_folder(contact.organization_id, contact.folder_id)
        where = "this folder" if contact.folder_id is not None else "the contacts without a folder"
        return ConflictError(
            f"{contact.phone_number} is among {where} already.",
            code="contact_exists",
            phone_number=contact.phone_number,
            folder_id=contact.folder_id,
        )
