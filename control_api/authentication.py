"""Who is asking: the bearer key of a request, and through it the organisation. Nothing in a request's body
can change it.

RFC 6750 section 2.1 for the header, section 3 for the answer to a missing or wrong key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.types import Scope

from control_api.errors import UnauthorizedError
from gateway.errors import ForbiddenError
from routing.table import parse_address, parse_network
from store.records import ApiKey

MAX_KEY_LENGTH = 512

SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of your organisation, as `Authorization: Bearer KEY`.",
    }
}
"""The OpenAPI description of the above."""


class KeyVerifier(Protocol):
    """Finds the live API key that a secret belongs to (compared by hash, in constant time)."""

    async def verify_key(self, secret: str, /) -> ApiKey | None: ...


async def authenticate(scope: Scope, keys: KeyVerifier) -> ApiKey:
    """The API key with which this request was made. Raises `UnauthorizedError`, `ForbiddenError`."""
    bearer = bearer_token(scope)
    if bearer is None:
        raise UnauthorizedError("Send an API key: Authorization: Bearer YOUR_API_KEY")
    key = await keys.verify_key(bearer)
    if key is None:
        raise UnauthorizedError("The API key is unknown or was revoked.")
    if key.allowed_addresses and not _from_one_of(scope, key.allowed_addresses):
        raise ForbiddenError(
            "This API key is not good from the address that the request comes from.",
            code="address_not_allowed",
        )
    return key


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
