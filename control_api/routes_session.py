"""`/session`: sign in, see who one is, change one's password, sign out.

The secret of a session is in a cookie that no script can read and no other site's request brings along.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import OwnRoute, caller_of
from control_api.authentication import (
    SECURE_SESSION_COOKIE,
    SESSION_COOKIE,
    Caller,
    client_address,
    require_address,
    require_same_site,
)
from control_api.documentation import Answers, answers
from control_api.envelope import single
from control_api.errors import UnauthorizedError
from control_api.idempotency import NO_STORE
from control_api.schemas_shared import Envelope
from control_api.schemas_users import PasswordChange, SessionOut, SignInIn, render_caller
from gateway.errors import ConflictError
from gateway.sign_in.sign_in import SignIn
from store.records import ApiKey, Organization
from store.user_records import SignedIn, User

TAG = "session"
REFUSED = "The sign-in was refused: the name, the password or the key is wrong."


class SignInRoute(APIRoute):
    """A route that needs no key, but must not be asked by the page of another site: before the body is read,
    so that such a page cannot sign anybody in.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def from_our_own_page(request: Request) -> Response:
            require_same_site(request.scope)
            return await handle(request)

        return from_our_own_page


class Organizations(Protocol):
    """Finds organisations."""

    async def organization(self, organization_id: str, /) -> Organization: ...


def session_router(prefix: str, sign_in: SignIn, organizations: Organizations) -> APIRouter:
    """`POST {prefix}/session`, which needs no key: it is the way in."""
    router = APIRouter(prefix=f"{prefix}/session", tags=[TAG], route_class=SignInRoute)

    @router.post(
        "",
        status_code=201,
        operation_id="sign_in",
        response_model=Envelope[SessionOut],
        responses=answers(Answers.BODY),
        openapi_extra={"security": []},
    )
    async def open_session(request: Request, body: SignInIn) -> Response:
        """Sign in. The answer sets the session's cookie. Needs the header `X-Trunkline-Dashboard: 1`."""
        address = client_address(request.scope)
        owner: User | ApiKey | None
        if body.api_key is not None:
            owner = await sign_in.by_key(body.api_key, address)
        elif body.link is not None:
            owner = await sign_in.by_link(body.link, address)
        else:
            owner = await sign_in.by_password(body.username or "", body.password or "", address)
        if owner is None:
            raise UnauthorizedError(REFUSED, code="sign_in_refused")
        if isinstance(owner, ApiKey):
            require_address(request.scope, owner.allowed_addresses)
        signed_in, token = await sign_in.sessions.open(
            owner, address=address, user_agent=request.headers.get("user-agent")
        )
        caller = _caller(signed_in)
        answer = single(
            request, render_caller(caller, await organizations.organization(caller.organization_id)), 201
        )
        answer.headers["Cache-Control"] = NO_STORE
        _set_cookie(request, answer, token, signed_in.session.expires_at)
        return answer

    return router


def own_session_router(prefix: str, sign_in: SignIn, organizations: Organizations) -> APIRouter:
    """The routes of `{prefix}/session` for those who are in."""
    router = APIRouter(prefix=f"{prefix}/session", tags=[TAG], route_class=OwnRoute)

    @router.get(
        "",
        operation_id="get_session",
        response_model=Envelope[SessionOut],
        responses=answers(Answers.PLAIN),
    )
    async def get_session(request: Request) -> Response:
        """Who you are, and what you may do."""
        caller = caller_of(request)
        answer = single(
            request, render_caller(caller, await organizations.organization(caller.organization_id))
        )
        answer.headers["Cache-Control"] = NO_STORE
        return answer

    @router.put(
        "/password",
        status_code=204,
        operation_id="change_password",
        response_class=Response,
        responses=answers(Answers.BODY),
    )
    async def change_password(request: Request, body: PasswordChange) -> Response:
        """Change your own password. Your other sessions end."""
        signed_in = _session_of(request)
        session = signed_in.session
        if session.user_id is None:
            raise ConflictError("An API key has no password.", code="no_password")
        await sign_in.change_own_password(
            session.organization_id,
            session.user_id,
            current=body.current_password,
            new=body.new_password,
            session_id=session.id,
            address=client_address(request.scope),
        )
        return Response(status_code=204)

    @router.delete(
        "",
        status_code=204,
        operation_id="sign_out",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404, 409),
    )
    async def close_session(request: Request) -> Response:
        """Sign out."""
        session = _session_of(request).session
        await sign_in.sessions.end(session.organization_id, session.id)
        answer = Response(status_code=204)
        _set_cookie(request, answer, "", None)
        return answer

    return router


def _session_of(request: Request) -> SignedIn:
    """The session of a request. Raises `ConflictError` when it was made with a key."""
    signed_in = caller_of(request).signed_in
    if signed_in is None:
        raise ConflictError("The request was made with an API key, not with a session.", code="no_session")
    return signed_in


def _caller(signed_in: SignedIn) -> Caller:
    session = signed_in.session
    return Caller(session.id, session.organization_id, signed_in.name, signed_in.role, signed_in)


def _set_cookie(request: Request, answer: Response, token: str, expires_at: datetime | None) -> None:
    """Set the cookie, or take it away when there is no token."""
    secure = request.url.scheme == "https"
    answer.set_cookie(
        SECURE_SESSION_COOKIE if secure else SESSION_COOKIE,
        token,
        max_age=0 if expires_at is None else int((expires_at - datetime.now(UTC)).total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )
