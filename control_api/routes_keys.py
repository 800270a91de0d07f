"""`/api-keys`: make, list, revoke."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.idempotency import NO_STORE
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_keys import KeyCreate, KeyOut, NewKeyOut, render_key
from control_api.schemas_shared import Envelope, ListEnvelope
from gateway.accounts import Accounts
from store.records import Page

TAG = "keys"


def keys_router(prefix: str, accounts: Accounts) -> APIRouter:
    """The routes under `{prefix}/api-keys`."""
    router = APIRouter(prefix=f"{prefix}/api-keys", tags=[TAG], route_class=ApiRoute)

    @router.post(
        "",
        status_code=201,
        operation_id="create_key",
        response_model=Envelope[NewKeyOut],
        responses=answers(Answers.BODY),
    )
    async def create_key(request: Request, body: KeyCreate) -> Response:
        """Make a key for your organisation. The secret is in this answer and nowhere else."""
        key, secret = await accounts.create_key(
            organization_of(request),
            body.name,
            allowed_addresses=body.allowed_addresses,
            role=body.role,
        )
        answer = single(request, {**render_key(key), "key": secret}, 201)
        answer.headers["Cache-Control"] = NO_STORE
        return answer

    @router.get(
        "",
        operation_id="list_keys",
        response_model=ListEnvelope[KeyOut],
        responses=answers(Answers.QUERY),
    )
    async def list_keys(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """The organisation's keys, newest first, revoked ones too."""
        keys = await accounts.list_keys(organization_of(request))
        page = Page(tuple(keys[offset : offset + limit]), len(keys), limit, offset)
        return listing(request, page, render_key)

    @router.delete(
        "/{key_id}",
        status_code=204,
        operation_id="revoke_key",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404),
    )
    async def revoke_key(request: Request, key_id: str) -> Response:
        """Make a key good for nothing, from now on on this gateway and within seconds on others."""
        await accounts.revoke_key(organization_of(request), path_id(key_id, "key"))
        return Response(status_code=204)

    return router
