"""Contacts, folders and the report of an import on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from control_api.schemas_shared import (
    JsonObject,
    PhoneNumberIn,
    PhoneNumberOut,
    RequestModel,
    ResponseModel,
    TextQuery,
    Timestamp,
    Uuid,
    UuidIn,
)
from control_api.schemas_trunks import Country
from gateway.contacts.csv_import import ImportReport, OnDuplicate
from gateway.contacts.new_contact import MAX_KEYWORDS, MAX_TEXT, NewContact, NewFolder
from gateway.timestamps import timestamp
from store.contact_records import Contact, Folder


def plain_text(value: str) -> str:
    """Refuse what is no text to a database. Raises `ValueError`."""
    if "\0" in value:
        raise ValueError("must not hold NUL characters")
    return value


PlainText = Annotated[str, AfterValidator(plain_text), Field(min_length=1, max_length=MAX_TEXT)]

SearchText = Annotated[TextQuery, AfterValidator(plain_text)]
"""A part of something, in a query string."""


class FolderCreate(RequestModel):
    """A group of contacts."""

    name: PlainText
    description: PlainText | None = None

    def to_new(self) -> NewFolder:
        return NewFolder(self.name, self.description)


class FolderUpdate(RequestModel):
    """What is to change; absent fields stay."""

    name: PlainText = Field(default="")
    description: PlainText | None = None

    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class FolderOut(ResponseModel):
    id: Uuid
    name: str
    description: str | None
    contact_count: int
    created_at: Timestamp
    updated_at: Timestamp


class ContactFields(RequestModel):
    """What a contact has beside its number; all of it optional."""

    folder_id: UuidIn | None = None
    first_name: PlainText | None = None
    last_name: PlainText | None = None
    email: PlainText | None = Field(default=None, examples=["sarah@example.com"])
    company_name: PlainText | None = None
    industry: PlainText | None = None
    location: PlainText | None = None
    pin_code: PlainText | None = None
    keywords: Annotated[list[PlainText], Field(max_length=MAX_KEYWORDS)] = Field(default_factory=list)
    metadata: JsonObject = Field(default_factory=dict, description="Yours; also variables in campaigns.")


class ContactCreate(ContactFields):
    """Somebody who may be called."""

    phone_number: PhoneNumberIn

    def to_new(self) -> NewContact:
        return NewContact(phone_number=self.phone_number, **contact_fields(self))


class ContactUpdate(ContactFields):
    """What is to change; absent fields stay, `keywords` and `metadata` are replaced as a whole."""

    phone_number: PhoneNumberIn = ""

    def changes(self) -> dict[str, Any]:
        given = contact_fields(self) | {"phone_number": self.phone_number}
        return {name: value for name, value in given.items() if name in self.model_fields_set}


class ContactOut(ResponseModel):
    id: Uuid
    phone_number: PhoneNumberOut
    folder_id: Uuid | None
    first_name: str | None
    last_name: str | None
    email: str | None
    company_name: str | None
    industry: str | None
    location: str | None
    pin_code: str | None
    keywords: list[str]
    metadata: dict[str, Any]
    created_at: Timestamp
    updated_at: Timestamp


class ContactImport(RequestModel):
    """A CSV file within JSON; as `text/csv` the file is the body and the rest stands in the query."""

    csv: Annotated[str, Field(min_length=1)] = Field(
        description="The whole file; its first line holds the headings.",
        examples=["phone_number,first_name\n+14155551234,Sarah\n"],
    )
    folder_id: UuidIn | None = None
    default_country: Country | None = Field(
        default=None, description="The country of numbers that have no country code, such as `US`."
    )
    on_duplicate: OnDuplicate = OnDuplicate.UPDATE


class RowErrorOut(ResponseModel):
    line: int = Field(description="Where the row begins in the file; the headings are line 1.")
    field: str
    message: str


class ImportReportOut(ResponseModel):
    """What became of the rows of a file."""

    total: int = Field(description="Rows that are not blank.")
    imported: int
    updated: int
    skipped: int = Field(description="Known and unchanged, or the same number again in this file.")
    failed: int
    errors: list[RowErrorOut]
    errors_left_out: int = Field(description="Wrong rows beyond those in `errors`.")


def contact_fields(body: ContactFields) -> dict[str, Any]:
    """The fields as the gateway takes them."""
    return {
        name: tuple(body.keywords) if name == "keywords" else getattr(body, name)
        for name in ContactFields.model_fields
    }


def render_folder(folder: Folder, contact_count: int) -> dict[str, Any]:
    """The folder object."""
    return {
        "id": folder.id,
        "name": folder.name,
        "description": folder.description,
        "contact_count": contact_count,
        "created_at": timestamp(folder.created_at),
        "updated_at": timestamp(folder.updated_at),
    }


def render_contact(contact: Contact) -> dict[str, Any]:
    """The contact object."""
    return {
        "id": contact.id,
        "phone_number": contact.phone_number,
        "folder_id": contact.folder_id,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "email": contact.email,
        "company_name": contact.company_name,
        "industry": contact.industry,
        "location": contact.location,
        "pin_code": contact.pin_code,
        "keywords": list(contact.keywords),
        "metadata": contact.metadata,
        "created_at": timestamp(contact.created_at),
        "updated_at": timestamp(contact.updated_at),
    }


def render_report(report: ImportReport) -> dict[str, Any]:
    """The report of an import."""
    return {
        "total": report.total,
        "imported": report.imported,
        "updated": report.updated,
        "skipped": report.skipped,
        "failed": report.failed,
        "errors": [
            {"line": error.line, "field": error.field, "message": error.message} for error in report.errors
        ],
        "errors_left_out": report.errors_left_out,
    }
