"""`/telephony/numbers`: bring in, list, assign, unassign."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.schemas_numbers import (
    NumberAssign,
    NumberImport,
    NumberOut,
    NumberUnassign,
    render_number,
)
from control_api.schemas_shared import Envelope, ListEnvelope
from gateway.directory import Directory
from gateway.errors import GatewayError, InvalidRequestError
from store.records import PhoneNumber

TAG = "telephony"


def numbers_router(prefix: str, directory: Directory) -> APIRouter:
    """The routes under `{prefix}/telephony/numbers`."""
    router = APIRouter(prefix=f"{prefix}/telephony/numbers", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "",
        operation_id="list_numbers",
        response_model=ListEnvelope[NumberOut],
        responses=answers(Answers.QUERY),
    )
    async def list_numbers(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """The organisation's numbers, newest first."""
        page = await directory.list_numbers(organization_of(request), limit=limit, offset=offset)
        return listing(request, page, render_number)

    @router.post(
        "/import",
        status_code=201,
        operation_id="import_number",
        response_model=Envelope[NumberOut],
        responses=answers(Answers.BODY, 404),
    )
    async def import_number(request: Request, body: NumberImport) -> Response:
        """Bring in a number that you have at a carrier or a PBX."""
        number = await _import(directory, organization_of(request), body)
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

    return router


async def _import(directory: Directory, organization_id: str, body: NumberImport) -> PhoneNumber:
    """The number, with its inline trunk if there is one; neither is left behind when the other cannot be
    made."""
    number = await directory.import_number(organization_id, body.to_new())
    new_trunk = body.new_trunk()
    if new_trunk is None:
        return number
    try:
        trunk = await directory.create_trunk(organization_id, new_trunk)
        return await directory.bind_number(organization_id, number.id, trunk.id)
    except GatewayError as error:
        await directory.release_number(organization_id, number.id)
        if isinstance(error, InvalidRequestError) and error.details.get("field") == "outbound.address":
            raise InvalidRequestError(error.message, field="sip_server") from error
        raise
