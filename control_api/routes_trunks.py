"""`/trunks`: create, read, list, change, test, delete."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_shared import Envelope, ListEnvelope
from control_api.schemas_trunks import (
    TrunkCreate,
    TrunkOut,
    TrunkPatch,
    TrunkTestOut,
    render_probe,
    render_trunk,
)
from control_api.services import TrunkStatuses
from gateway.directory import Directory
from gateway.numbers.service import NumberService
from store.records import Trunk

TAG = "trunks"


def trunks_router(
    prefix: str, directory: Directory, statuses: TrunkStatuses, numbers: NumberService
) -> APIRouter:
    """The routes under `{prefix}/trunks`."""
    router = APIRouter(prefix=f"{prefix}/trunks", tags=[TAG], route_class=ApiRoute)

    def render(trunk: Trunk) -> dict[str, Any]:
        return render_trunk(trunk, statuses.status(trunk.id))

    @router.post(
        "",
        status_code=201,
        operation_id="create_trunk",
        response_model=Envelope[TrunkOut],
        responses=answers(Answers.BODY),
    )
    async def create_trunk(request: Request, body: TrunkCreate) -> Response:
        """Make a SIP trunk. It counts from the next call on; its password is never shown again."""
        trunk = await directory.create_trunk(organization_of(request), body.to_new())
        return single(request, render(trunk), 201)

    @router.get(
        "",
        operation_id="list_trunks",
        response_model=ListEnvelope[TrunkOut],
        responses=answers(Answers.QUERY),
    )
    async def list_trunks(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """The organisation's trunks, newest first."""
        page = await directory.list_trunks(organization_of(request), limit=limit, offset=offset)
        return listing(request, page, render)

    @router.get(
        "/{trunk_id}",
        operation_id="get_trunk",
        response_model=Envelope[TrunkOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_trunk(request: Request, trunk_id: str) -> Response:
        """One trunk."""
        trunk = await directory.get_trunk(organization_of(request), path_id(trunk_id, "trunk"))
        return single(request, render(trunk))

    @router.patch(
        "/{trunk_id}",
        operation_id="update_trunk",
        response_model=Envelope[TrunkOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_trunk(request: Request, trunk_id: str, body: TrunkPatch) -> Response:
        """Change what was sent and nothing else. It counts from the next call on."""
        trunk = await directory.update_trunk(
            organization_of(request), path_id(trunk_id, "trunk"), **body.changes()
        )
        return single(request, render(trunk))

    @router.delete(
        "/{trunk_id}",
        status_code=204,
        operation_id="delete_trunk",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404, 409),
    )
    async def delete_trunk(request: Request, trunk_id: str) -> Response:
        """Remove a trunk that no number is bound to; calls in progress go on."""
        await directory.delete_trunk(organization_of(request), path_id(trunk_id, "trunk"))
        return Response(status_code=204)

    @router.post(
        "/{trunk_id}/test",
        operation_id="test_trunk",
        response_model=Envelope[TrunkTestOut],
        responses=answers(Answers.IDEMPOTENT, 404),
    )
    async def test_trunk(request: Request, trunk_id: str) -> Response:
        """Ask the trunk's target with OPTIONS whether it is there and takes the credentials."""
        trunk = await directory.get_trunk(organization_of(request), path_id(trunk_id, "trunk"))
        return single(request, render_probe(await numbers.test_trunk(trunk)))

    return router
