"""A request about a call on another node is given to that node, with the key or session it came with, and
the answer given back. It is admitted, limited and made idempotent there as here: both use the same keys,
sessions and database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import aiohttp
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from control_api.authentication import CALLER, Caller
from control_api.envelope import REQUEST_ID
from control_api.event_source import MEDIA_TYPE
from gateway.cluster.call_owners import node_away
from gateway.errors import UnavailableError
from store.cluster_records import NodeRecord
from store.identifiers import parse_identifier

FORWARDED_BY = "X-Trunkline-Forwarded-By"
"""Names the node that gave a request on, which ends there: it is never given on again."""

_GIVEN_ON = (
    "authorization",
    "cookie",
    "x-trunkline-dashboard",
    "content-type",
    "accept",
    "x-idempotency-key",
    "idempotency-key",
    "last-event-id",
    "origin",
    "if-match",
)
_GIVEN_BACK = (
    "content-type",
    "content-disposition",
    "content-security-policy",
    "retry-after",
    "idempotent-replayed",
    "cache-control",
    "x-accel-buffering",
    "location",
    "etag",
    "link",
)


class CallOwners(Protocol):
    """Which node has a call (`gateway.cluster.call_owners`)."""

    @property
    def node_id(self) -> str: ...

    async def elsewhere(self, organization_id: str, call_id: str, /) -> NodeRecord | None: ...

    async def elsewhere_by_id(self, call_id: str, /) -> NodeRecord | None: ...


class NodeClient(Protocol):
    """Speaks to other nodes (`gateway.cluster.node_client`)."""

    async def request(
        self,
        node: NodeRecord,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        /,
        *,
        endless: bool = False,
    ) -> aiohttp.ClientResponse: ...


class Forwarding:
    """Gives requests on where they belong."""

    def __init__(self, owners: CallOwners, nodes: NodeClient) -> None:
        self._owners = owners
        self._nodes = nodes

    async def forward(self, request: Request, organization_id: str, *, endless: bool) -> Response | None:
        """The other node's answer, or None when the request is to be answered here.

        Raises `UnavailableError` when the call is on a node that is away.
        """
        call_id = parse_identifier(request.path_params["call_id"])
        node = await self._owners.elsewhere(organization_id, call_id) if call_id is not None else None
        return await self._give_on(request, node, endless=endless) if node is not None else None

    async def forward_by_id(self, request: Request, call_id: str) -> Response | None:
        """The same for a request that shows a secret of the call in place of a key."""
        node = await self._owners.elsewhere_by_id(call_id)
        return await self._give_on(request, node, endless=False) if node is not None else None

    async def _give_on(self, request: Request, node: NodeRecord, *, endless: bool) -> Response:
        if FORWARDED_BY in request.headers:
            raise node_away(node.id, "was not the one that was asked")
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = await self._nodes.request(
            node, request.method, target, self._headers(request), await request.body(), endless=endless
        )
        headers = {name: answer.headers[name] for name in _GIVEN_BACK if name in answer.headers}
        if answer.headers.get("content-type", "").startswith(MEDIA_TYPE):
            return StreamingResponse(_chunks(answer), answer.status, headers)
        try:
            body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _lost(node, error) from error
        finally:
            answer.release()
        return Response(body, answer.status, headers)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {name: request.headers[name] for name in _GIVEN_ON if name in request.headers}
        caller: Caller | None = request.scope.get(CALLER)
        if caller is not None and caller.signed_in is not None:
            headers.pop("origin", None)  # was held against our own name already, and there we have another
        headers[FORWARDED_BY] = self._owners.node_id
        headers["X-Request-Id"] = request.scope[REQUEST_ID]
        headers["X-Forwarded-Proto"] = request.url.scheme
        if request.client is not None:
            headers["X-Forwarded-For"] = request.client.host
        return headers


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The stream as it comes, until it ends or either side has gone."""
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, TimeoutError):
        return
    finally:
        answer.close()


def _lost(node: NodeRecord, error: Exception) -> UnavailableError:
    return node_away(node.id, f"ended its answer half-way: {type(error).__name__}")
