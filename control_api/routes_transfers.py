"""`/calls/{call_id}/transfer`: to have the far party of a call speak to somebody else."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import single
from control_api.path_ids import path_id
from control_api.routes_call_control import TAG
from control_api.schemas_calls import CallOut
from control_api.schemas_shared import Envelope
from control_api.schemas_transfers import TransferIn
from control_api.services import CallControlService
from gateway.call_object import render_call


def transfers_router(prefix: str, control: CallControlService) -> APIRouter:
    """Transfers under `{prefix}/calls/{call_id}`."""
    router = APIRouter(prefix=f"{prefix}/calls/{{call_id}}/transfer", tags=[TAG], route_class=ApiRoute)
    without = answers(Answers.IDEMPOTENT, 404)

    @router.post(
        "",
        status_code=202,
        operation_id="transfer",
        response_model=Envelope[CallOut],
        responses=answers(Answers.BODY, 404),
    )
    async def transfer(request: Request, call_id: str, body: TransferIn) -> Response:
        """Have the far party speak to somebody else. `transfer-started`, `transfer-progress` and in the end
        one of `transfer-completed` and `transfer-failed`, with which the far party is back with the agent,
        follow on the timeline."""
        call = await control.transfer(organization_of(request), path_id(call_id, "call"), body.plan())
        return single(request, render_call(call), 202)

    @router.post(
        "/complete",
        status_code=202,
        operation_id="complete_transfer",
        response_model=Envelope[CallOut],
        responses=without,
    )
    async def complete_transfer(request: Request, call_id: str) -> Response:
        """Put the far party through to whom the agent speaks with in a warm transfer."""
        call = await control.end_transfer(organization_of(request), path_id(call_id, "call"), complete=True)
        return single(request, render_call(call), 202)

    @router.post(
        "/cancel",
        status_code=202,
        operation_id="cancel_transfer",
        response_model=Envelope[CallOut],
        responses=without,
    )
    async def cancel_transfer(request: Request, call_id: str) -> Response:
        """Give up a transfer whose target we call, or the agent speaks with: the far party is back with the
        agent."""
        call = await control.end_transfer(organization_of(request), path_id(call_id, "call"), complete=False)
        return single(request, render_call(call), 202)

    return router
