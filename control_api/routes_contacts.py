"""`/contacts`: make, read, search, change, delete, and bring in from CSV files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_contacts import (
    ContactCreate,
    ContactImport,
    ContactOut,
    ContactUpdate,
    ImportReportOut,
    SearchText,
    render_contact,
    render_report,
)
from control_api.schemas_shared import Envelope, ListEnvelope, PhoneNumberQuery, UuidIn
from control_api.schemas_trunks import Country
from gateway.contacts.contact_book import ContactBook
from gateway.contacts.csv_import import OnDuplicate
from gateway.contacts.csv_table import decode
from gateway.errors import InvalidRequestError
from store.contact_records import ContactFilter

TAG = "contacts"

IMPORT_PATH = "/contacts/import"

_JSON_FORM = ContactImport.model_json_schema(ref_template="#/components/schemas/{model}")
_JSON_FORM.pop("$defs")  # the document has them from the query's parameters
_IMPORT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": _JSON_FORM},
        },
    }
}


def contacts_router(prefix: str, book: ContactBook) -> APIRouter:
    """The routes under `{prefix}/contacts`."""
    router = APIRouter(prefix=f"{prefix}/contacts", tags=[TAG], route_class=ApiRoute)

    @router.post(
        "",
        status_code=201,
        operation_id="create_contact",
        response_model=Envelope[ContactOut],
        responses=answers(Answers.BODY, 404),
    )
    async def create_contact(request: Request, body: ContactCreate) -> Response:
        """Make a contact. In one folder a number stands once."""
        contact = await book.create(organization_of(request), body.to_new())
        return single(request, render_contact(contact), 201)

    @router.get(
        "",
        operation_id="list_contacts",
        response_model=ListEnvelope[ContactOut],
        responses=answers(Answers.QUERY, 404),
    )
    async def list_contacts(
        request: Request,
        folder_id: Annotated[UuidIn | None, Query()] = None,
        search: Annotated[
            SearchText | None,
            Query(description="A part of the name, company, e-mail address or number, in any case."),
        ] = None,
        phone_number: Annotated[PhoneNumberQuery | None, Query()] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's contacts, newest first."""
        wanted = ContactFilter(folder_id=folder_id, search=search, phone_number=phone_number)
        page = await book.list(organization_of(request), wanted, limit, offset)
        return listing(request, page, render_contact)

    @router.post(
        "/import",
        operation_id="import_contacts",
        response_model=Envelope[ImportReportOut],
        responses=answers(Answers.BODY, 404),
        openapi_extra=_IMPORT_BODY,
    )
    async def import_contacts(
        request: Request,
        folder_id: Annotated[UuidIn | None, Query()] = None,
        default_country: Annotated[
            Country | None, Query(description="The country of numbers without a country code.")
        ] = None,
        on_duplicate: Annotated[OnDuplicate, Query()] = OnDuplicate.UPDATE,
    ) -> Response:
        """Bring in contacts from a CSV file: as the body (`text/csv`), or as a text within JSON. Wrong rows
        are in the report and do not keep the others out."""
        content = await request.body()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            given = _read_json(content)
            folder_id, default_country = given.folder_id, given.default_country
            on_duplicate, text = given.on_duplicate, given.csv
        elif kind.startswith("multipart/"):
            raise InvalidRequestError(
                "Send the file itself as the body (Content-Type: text/csv), not as a form.",
                field="Content-Type",
            )
        else:
            text = decode(content)
        report = await book.import_csv(
            organization_of(request),
            folder_id,
            text,
            default_country=None if default_country is None else default_country.upper(),
            on_duplicate=on_duplicate,
        )
        return single(request, render_report(report))

    @router.get(
        "/{contact_id}",
        operation_id="get_contact",
        response_model=Envelope[ContactOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_contact(request: Request, contact_id: str) -> Response:
        """One contact."""
        contact = await book.get(organization_of(request), path_id(contact_id, "contact"))
        return single(request, render_contact(contact))

    @router.patch(
        "/{contact_id}",
        operation_id="update_contact",
        response_model=Envelope[ContactOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_contact(request: Request, contact_id: str, body: ContactUpdate) -> Response:
        """Change a contact, or move it to another folder."""
        contact = await book.update(organization_of(request), path_id(contact_id, "contact"), body.changes())
        return single(request, render_contact(contact))

    @router.delete(
        "/{contact_id}",
        status_code=204,
        operation_id="delete_contact",
        responses=answers(Answers.PLAIN, 404),
    )
    async def delete_contact(request: Request, contact_id: str) -> Response:
        """Remove a contact."""
        await book.delete(organization_of(request), path_id(contact_id, "contact"))
        return Response(status_code=204)

    return router


def _read_json(content: bytes) -> ContactImport:
    try:
        return ContactImport.model_validate_json(content)
    except ValidationError as error:
        found = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
        raise RequestValidationError(found) from error
