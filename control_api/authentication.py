"""Who is asking: the bearer key of a request or the cookie of a session, and through it the organisation and
the role. Nothing in a request's body can change it.

RFC 6750 section 2.1 for the header, section 3 for the answer to a missing or wrong key. A cookie comes along
by itself, also when the page of another site makes the request. Therefore what changes something must, with
a cookie, carry a header that such a page cannot send, and must not say that it comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import cookie_parser
from starlette.types import Scope

from control_api.errors import UnauthorizedError
from gateway.errors import ForbiddenError
from routing.table import parse_address, parse_network
from store.records import ApiKey
from store.user_records import Role, SignedIn

MAX_KEY_LENGTH = 512
MAX_COOKIES = 8_192

SESSION_COOKIE = "trunkline_session"
SECURE_SESSION_COOKIE = "__Host-trunkline_session"
"""Over HTTPS: the prefix makes the browser refuse it from anywhere but this very host."""

CSRF_HEADER = b"x-trunkline-dashboard"

CALLER = "trunkline.caller"
"""Key of the ASGI scope under which the request's `Caller` stands once it is known."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of your organisation, as `Authorization: Bearer KEY`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": f"A session of the dashboard (`POST /session`); over HTTPS `{SECURE_SESSION_COOKIE}`. "
        f"What is not a GET carries the header `{CSRF_HEADER.decode().title()}: 1` too.",
    },
}
"""The OpenAPI description of the above."""


class KeyVerifier(Protocol):
    """Finds the live API key that a secret belongs to (compared by hash, in constant time)."""

    async def verify_key(self, secret: str, /) -> ApiKey | None: ...


class SessionVerifier(Protocol):
    """Finds the session that a cookie's secret belongs to (likewise)."""

    async def verify(self, token: str, /) -> SignedIn | None: ...

    async def still_good(self, signed_in: SignedIn, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: an API key, or somebody signed in. `id` is what requests are counted by."""

    id: str
    organization_id: str
    name: str
    role: Role
    signed_in: SignedIn | None = None


async def authenticate(scope: Scope, keys: KeyVerifier, sessions: SessionVerifier | None = None) -> Caller:
    """Who makes this request. Raises `UnauthorizedError`, `ForbiddenError`."""
    token = None if sessions is None or _has_authorization(scope) else session_token(scope)
    if sessions is not None and token is not None:
        signed_in = await sessions.verify(token)
        if signed_in is None:
            raise UnauthorizedError("The session is over; sign in again.", code="session_over")
        if scope["method"] not in SAFE_METHODS:
            require_same_site(scope)
        require_address(scope, signed_in.allowed_addresses)
        session = signed_in.session
        return Caller(session.id, session.organization_id, signed_in.name, signed_in.role, signed_in)
    bearer = bearer_token(scope)
    if bearer is None:
        raise UnauthorizedError("Send an API key: Authorization: Bearer YOUR_API_KEY")
    key = await keys.verify_key(bearer)
    if key is None:
        raise UnauthorizedError("The API key is unknown or was revoked.")
    require_address(scope, key.allowed_addresses)
    return Caller(key.id, key.organization_id, key.name, key.role)


def require_address(scope: Scope, allowed: Sequence[str]) -> None:
    """Raises `ForbiddenError` when the request comes from none of these networks (CIDR); none: from
    anywhere.
    """
    if allowed and not _from_one_of(scope, allowed):
        raise ForbiddenError(
            "This API key is not good from the address that the request comes from.",
            code="address_not_allowed",
        )


def require_same_site(scope: Scope) -> None:
    """Raises `ForbiddenError` when the request may come from the page of another site."""
    headers = dict(scope["headers"])
    if CSRF_HEADER not in headers:
        raise ForbiddenError(
            f"A request with a session's cookie carries the header {CSRF_HEADER.decode().title()}: 1.",
            code="csrf_header_missing",
        )
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        same = site == b"same-origin"  # browsers only, and no script can change it
    else:
        origin = headers.get(b"origin")
        same = origin is None or _host_of(origin) == headers.get(b"host", b"").decode("latin-1").lower()
    if not same:
        raise ForbiddenError("The request comes from another site.", code="foreign_origin")


def client_address(scope: Scope) -> str:
    """The address that a request comes from, by what trusted proxies say."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def session_token(scope: Scope) -> str | None:
    """The secret in the session's cookie, or None."""
    # In the clear both: another node gives a request on so, though the browser's came encrypted.
    secure = scope.get("scheme") == "https"
    names = {SECURE_SESSION_COOKIE} if secure else {SESSION_COOKIE, SECURE_SESSION_COOKIE}
    for name, value in scope["headers"]:
        if name == b"cookie" and len(value) <= MAX_COOKIES:
            for cookie, token in cookie_parser(value.decode("latin-1")).items():
                if cookie in names and token:
                    return token
    return None


def _has_authorization(scope: Scope) -> bool:
    return any(name == b"authorization" for name, _ in scope["headers"])


def _host_of(origin: bytes) -> str | None:
    try:
        return urlsplit(origin.decode("latin-1")).netloc.lower()
    except ValueError:
        return None


def _from_one_of(scope: Scope, networks: Sequence[str]) -> bool:
    """Whether the request comes from one of these networks (CIDR)."""
    client = scope.get("client")
    address = parse_address(client[0]) if client else None
    return address is not None and any(address in parse_network(network) for network in networks)


def bearer_token(scope: Scope) -> str | None:
    """The token of the one `Authorization: Bearer` header, or None."""
    found: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if found is not None:
                return None
            found = value
    if found is None or len(found) > MAX_KEY_LENGTH:
        return None
    kind, _, token = found.partition(b" ")
    token = token.strip()
    if kind.lower() != b"bearer" or not token or not token.isascii():
        return None
    return token.decode("ascii")
