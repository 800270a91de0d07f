"""The WebSocket of a browser's page: what it sees of its call, and what it asks of it, as JSON.

Behind the session's own address, which is all that it asks for. A page that has lost it connects again and
sees how things stand.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from control_api.rate_limit import RateLimiter
from control_api.signalling_route import take_turn
from control_api.socket_relay import SocketRelay
from gateway.browser_calls.credentials import call_of
from gateway.browser_calls.page_commands import read_command
from gateway.browser_calls.page_feed import Page
from gateway.browser_calls.service import BrowserCalls
from gateway.browser_calls.session import BrowserSession
from gateway.errors import GatewayError, LimitExceededError, UnavailableError

UNKNOWN_SESSION = 4404
TOO_MANY = 1013  # "try again later" (the registry of RFC 6455 section 11.7)
# "Done" and "going away" (what a browser sends for a tab that is closed): such a page does not come back. One
# whose network changes, or that only opens its socket anew, sends no code or nothing at all.
LEAVING = (1000, 1001)
SEND_TIMEOUT_S = 30.0
# What a person types and presses is less.
COMMANDS_PER_MINUTE = 300
COMMANDS_AT_ONCE = 60

_encode = msgspec.json.Encoder().encode


def page_route(prefix: str, calls: BrowserCalls, relay: SocketRelay) -> WebSocketRoute:
    """The route under `prefix`."""

    async def connect(socket: WebSocket) -> None:
        await socket.accept()  # a refused handshake would tell the page nothing
        secret = socket.path_params["session"]
        try:
            take_turn(socket)
            call_id = call_of(secret)
            if call_id is not None and await relay.relay(socket, call_id):
                return
            session = calls.session(secret)
            page = session.attach_page()
        except (LimitExceededError, UnavailableError) as error:
            await socket.close(TOO_MANY, error.message)
            return
        except GatewayError as error:
            await socket.close(UNKNOWN_SESSION, error.message)
            return
        left = False
        try:
            left = await _serve(socket, session, page)
        finally:
            session.detach_page(page, left=left)

    return WebSocketRoute(f"{prefix}/webrtc/sessions/{{session}}/socket", connect, name="page_socket")


async def _serve(socket: WebSocket, session: BrowserSession, page: Page) -> bool:
    """Serve one page until the call ends or the page has gone: whether it said that it leaves."""
    sending = asyncio.create_task(_send(socket, page))
    receiving = asyncio.create_task(_receive(socket, session))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)
    return not receiving.cancelled() and receiving.result() in LEAVING


async def _send(socket: WebSocket, page: Page) -> None:
    try:
        while (message := await page.next()) is not None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await socket.send_text(_encode(message).decode())
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.close(1000)
    except (WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
        return  # gone, or as good as gone


async def _receive(socket: WebSocket, session: BrowserSession) -> int | None:
    """Obey the page until its socket is closed: the code of its closing, None when it broke."""
    limiter = RateLimiter(COMMANDS_PER_MINUTE, burst=COMMANDS_AT_ONCE)
    try:
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                code: int | None = received.get("code")
                return code
            if not limiter.take("page", time.monotonic()).allowed:
                await _refuse(socket, code="rate_limited", message="Too many messages; slow down.")
                continue
            try:
                session.obey(read_command(received.get("text") or ""))
            except GatewayError as error:
                await _refuse(socket, code=error.code, message=error.message)
    except (WebSocketDisconnect, RuntimeError, OSError):
        return None


async def _refuse(socket: WebSocket, **problem: Any) -> None:
    await socket.send_text(_encode({"type": "error", **problem}).decode())
