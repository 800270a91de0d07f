"""`/telephony/numbers`: bring in, buy, list, change, assign, unassign, release."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_numbers import (
    AvailableNumberOut,
    NumberAssign,
    NumberImport,
    NumberOut,
    NumberPatch,
    NumberPurchase,
    NumberSearch,
    NumberTypeIn,
    NumberUnassign,
    render_available,
    render_number,
)
from control_api.schemas_shared import Envelope, ListEnvelope, PhoneNumberQuery, UuidIn
from control_api.schemas_trunks import Country
from gateway.directory import Directory
from gateway.numbers.service import NumberService
from store.numbers import NumberFilter

TAG = "telephony"


def numbers_router(prefix: str, directory: Directory, numbers: NumberService) -> APIRouter:
    """The routes under `{prefix}/telephony/numbers`."""
    router = APIRouter(prefix=f"{prefix}/telephony/numbers", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "",
        operation_id="list_numbers",
        response_model=ListEnvelope[NumberOut],
        responses=answers(Answers.QUERY),
    )
    async def list_numbers(
        request: Request,
        type: Annotated[NumberTypeIn | None, Query()] = None,
        country: Annotated[Country | None, Query()] = None,
        provider_type: Annotated[str | None, Query(max_length=32)] = None,
        phone_number: Annotated[PhoneNumberQuery | None, Query()] = None,
        agent_id: Annotated[UuidIn | None, Query(description="In either slot.")] = None,
        assigned: Annotated[bool | None, Query(description="Whether an agent has any of its slots.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's numbers, newest first."""
        wanted = NumberFilter(
            agent_id=agent_id,
            type=None if type is None else type.value,
            country=None if country is None else country.upper(),
            provider_type=provider_type,
            phone_number=phone_number,
            assigned=assigned,
        )
        page = await directory.list_numbers(
            organization_of(request), limit=limit, offset=offset, wanted=wanted
        )
        return listing(request, page, render_number)

    @router.post(
        "/import",
        status_code=201,
        operation_id="import_number",
        response_model=Envelope[NumberOut],
        responses=answers(Answers.BODY, 404, 502),
    )
    async def import_number(request: Request, body: NumberImport) -> Response:
        """Bring in a number that you have at a carrier or a PBX; what comes with it is tried first."""
        number = await numbers.import_number(
            organization_of(request), body.to_new(), body.new_trunk(), body.account()
        )
        return single(request, render_number(number), 201)

    @router.post(
        "/search",
        operation_id="search_numbers",
        response_model=ListEnvelope[AvailableNumberOut],
        responses=answers(Answers.BODY),
    )
    async def search_numbers(request: Request, body: NumberSearch) -> Response:
        """The numbers that can be bought here."""
        page = await numbers.search(body.query(), body.limit, body.offset)
        return listing(request, page, render_available)

    @router.post(
        "/purchase",
        status_code=201,
        operation_id="purchase_number",
        response_model=Envelope[NumberOut],
        responses=answers(Answers.BODY),
    )
    async def purchase_number(request: Request, body: NumberPurchase) -> Response:
        """Buy a number. It is yours from this answer on, until you release it."""
        number = await numbers.purchase(organization_of(request), body.phone_number, body.friendly_name)
        return single(request, render_number(number), 201)

    @router.post(
        "/assign",
        operation_id="assign_number",
        response_model=Envelope[NumberOut],
        responses=answers(Answers.BODY, 404),
    )
    async def assign_number(request: Request, body: NumberAssign) -> Response:
        """Give a number to an agent; it counts from the next call on, calls in progress keep their agent."""
        number = await directory.assign(
            organization_of(request), body.number_id, body.agent_id, body.assignment_type
        )
        return single(request, render_number(number))

    @router.post(
        "/unassign",
        operation_id="unassign_number",
        response_model=Envelope[NumberOut],
        responses=answers(Answers.BODY, 404),
    )
    async def unassign_number(request: Request, body: NumberUnassign) -> Response:
        """Take a number away from its agent. Calls to it are refused from now on."""
        number = await directory.unassign(organization_of(request), body.number_id, body.assignment_type)
        return single(request, render_number(number))

    @router.get(
        "/{number_id}",
        operation_id="get_number",
        response_model=Envelope[NumberOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_number(request: Request, number_id: str) -> Response:
        """One number."""
        number = await directory.get_number(organization_of(request), path_id(number_id, "number"))
        return single(request, render_number(number))

    @router.patch(
        "/{number_id}",
        operation_id="update_number",
        response_model=Envelope[NumberOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_number(request: Request, number_id: str, body: NumberPatch) -> Response:
        """Change what was sent and nothing else; null empties a field."""
        number = await directory.update_number(
            organization_of(request), path_id(number_id, "number"), **body.changes()
        )
        return single(request, render_number(number))

    @router.delete(
        "/{number_id}",
        status_code=204,
        operation_id="release_number",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404),
    )
    async def release_number(request: Request, number_id: str) -> Response:
        """Give a number back: calls to it are refused from now on, and it costs nothing any more."""
        await numbers.release(organization_of(request), path_id(number_id, "number"))
        return Response(status_code=204)

    return router
