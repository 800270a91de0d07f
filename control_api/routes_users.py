"""`/users` and `/sessions`: who may sign in, and who is."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, caller_of, organization_of, require_admin
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.idempotency import NO_STORE
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_shared import Envelope, ListEnvelope
from control_api.schemas_users import (
    SignedInOut,
    UserChange,
    UserCreate,
    UserOut,
    render_signed_in,
    render_user,
)
from gateway.errors import ConflictError
from gateway.sign_in.sessions import Sessions
from gateway.sign_in.users import Users
from store.user_records import Role

TAG = "users"


def users_router(prefix: str, users: Users) -> APIRouter:
    """The routes under `{prefix}/users`, all for the role admin."""
    router = APIRouter(prefix=f"{prefix}/users", tags=[TAG], route_class=ApiRoute)

    @router.post(
        "",
        status_code=201,
        operation_id="create_user",
        response_model=Envelope[UserOut],
        responses=answers(Answers.BODY),
    )
    async def create_user(request: Request, body: UserCreate) -> Response:
        """Let somebody sign in."""
        user = await users.create(organization_of(request), body.username, body.password, body.role)
        return single(request, render_user(user), 201)

    @router.get(
        "",
        operation_id="list_users",
        response_model=ListEnvelope[UserOut],
        responses=answers(Answers.QUERY),
    )
    async def list_users(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """The organisation's users, by name."""
        require_admin(request)
        return listing(request, await users.list(organization_of(request), limit, offset), render_user)

    @router.patch(
        "/{user_id}",
        operation_id="update_user",
        response_model=Envelope[UserOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_user(request: Request, user_id: str, body: UserChange) -> Response:
        """Give a user another role or password. Its sessions end, but for the one that asks."""
        signed_in = caller_of(request).signed_in
        wanted = path_id(user_id, "user")
        own = signed_in is not None and signed_in.session.user_id == wanted
        if own and body.role not in (None, Role.ADMIN):
            raise ConflictError("You cannot take your own role away.", code="own_user", user_id=wanted)
        user = await users.change(
            organization_of(request),
            wanted,
            role=body.role,
            password=body.password,
            keep_session=signed_in.session.id if own and signed_in is not None else None,
        )
        return single(request, render_user(user))

    @router.delete(
        "/{user_id}",
        status_code=204,
        operation_id="delete_user",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404, 409),
    )
    async def delete_user(request: Request, user_id: str) -> Response:
        """Remove a user and end its sessions. Nobody can remove himself."""
        signed_in = caller_of(request).signed_in
        wanted = path_id(user_id, "user")
        if signed_in is not None and signed_in.session.user_id == wanted:
            raise ConflictError("You cannot remove yourself.", code="own_user", user_id=wanted)
        await users.remove(organization_of(request), wanted)
        return Response(status_code=204)

    return router


def sessions_router(prefix: str, sessions: Sessions) -> APIRouter:
    """The routes under `{prefix}/sessions`."""
    router = APIRouter(prefix=f"{prefix}/sessions", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "",
        operation_id="list_sessions",
        response_model=ListEnvelope[SignedInOut],
        responses=answers(Answers.QUERY),
    )
    async def list_sessions(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """Who is signed in, newest first; with the role read, your own sessions alone."""
        caller = caller_of(request)
        if caller.signed_in is None:
            require_admin(request)
        page = await sessions.list(
            organization_of(request),
            limit,
            offset,
            of=None if caller.role is Role.ADMIN else caller.signed_in,
        )
        answer = listing(request, page, lambda signed_in: render_signed_in(signed_in, caller))
        answer.headers["Cache-Control"] = NO_STORE
        return answer

    @router.delete(
        "/{session_id}",
        status_code=204,
        operation_id="end_session",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404),
    )
    async def end_session(request: Request, session_id: str) -> Response:
        """Sign somebody out: at once on this gateway, within seconds on others."""
        await sessions.end(organization_of(request), path_id(session_id, "session"))
        return Response(status_code=204)

    return router
