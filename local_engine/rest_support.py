"""What every REST handler needs: the engine, the sockets' addresses, JSON bodies and replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from local_engine.engine import Engine
from local_engine.errors import InvalidRequest


@dataclass(slots=True)
class Addresses:
    """The ports of the WebSocket listener and of its slow front."""

    socket_port: int = 0
    slow_port: int = 0

    def socket_base(self, request: web.Request) -> str:
        """`ws://host:port` under the host name the client used."""
        return f"ws://{_host(request)}:{self.socket_port}"

    def slow_base(self, request: web.Request) -> str:
        """The same for calls whose upgrade is held back."""
        return f"ws://{_host(request)}:{self.slow_port}"


ENGINE = web.AppKey("engine", Engine)
ADDRESSES = web.AppKey("addresses", Addresses)

_ENCODER = msgspec.json.Encoder()


def _host(request: web.Request) -> str:
    host = request.url.host or "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`value` as JSON."""
    return web.Response(
        body=_ENCODER.encode(value), status=status, headers=headers, content_type="application/json"
    )


async def json_object(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object. Raises `InvalidRequest`."""
    data = await request.read()
    try:
        value = msgspec.json.decode(data or b"{}")
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"JSON parse error - {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequest("Invalid data. Expected an object.")
    return value
