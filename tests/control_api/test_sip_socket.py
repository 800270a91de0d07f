"""SIP over real WebSockets, on a socket of the system's choice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from starlette.applications import Starlette
from websockets.typing import Subprotocol

from control_api import sip_socket
from control_api.server import HttpServer
from control_api.sip_socket import PATH, sip_route
from gateway.configuration.sip import SipSection
from gateway.sip_sockets import SipSockets
from sip.incoming_call import IncomingCall
from sip.parser import parse_message
from sip.user_agent import Listen, OptionsReply, UserAgent, UserAgentConfig
from tests.support.sip_endpoint_harness import ANSWER, OFFER, peer_request

SIP = [Subprotocol("sip")]


class Line:
    """A user agent behind an HTTP server that answers every call."""

    def __init__(self) -> None:
        self.calls: list[IncomingCall] = []
        self.user_agent = UserAgent(
            UserAgentConfig(listen=(Listen("udp", "127.0.0.1", 0),)),
            on_invite=self._answer,
            on_options=lambda: OptionsReply(200),
        )
        sockets = SipSockets(self.user_agent, SipSection(websocket=True))
        self.server = HttpServer(
            Starlette(routes=[sip_route(sockets)]), "127.0.0.1", 0, 0.1, trusted_proxies=("127.0.0.1",)
        )
        self.authority = ""

    def _answer(self, call: IncomingCall) -> None:
        self.calls.append(call)
        call.answer(ANSWER)

    async def start(self) -> None:
        await self.user_agent.start()
        host, port = await self.server.start()
        self.authority = f"{host}:{port}"

    def connect(self, **options: Any) -> Any:
        return websockets.connect(f"ws://{self.authority}{PATH}", **{"subprotocols": SIP, **options})

    async def until_connections(self, number: int) -> None:
        async with asyncio.timeout(5):
            while self.user_agent.statistics.connections != number:
                await asyncio.sleep(0.01)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    await made.start()
    yield made
    await made.user_agent.close()
    await made.server.stop()


def from_browser(method: str, **headers: str) -> bytes:
    request = peer_request(method)
    request.set("Via", "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1")
    for name, value in headers.items():
        request.set(name, value)
    if method == "INVITE":
        request.set("Contact", "<sip:u@df7jal23ls0d.invalid;transport=ws>")
        request.set("Content-Type", "application/sdp")
        request.body = OFFER
    return request.serialise()


async def receive(client: Any) -> Any:
    data = await asyncio.wait_for(client.recv(), 5)
    assert isinstance(data, str), "a message that is text goes out as text"
    return parse_message(data.encode())


async def test_a_request_is_answered_on_its_socket(line: Line) -> None:
    async with line.connect() as client:
        assert client.subprotocol == "sip"
        await client.send(from_browser("OPTIONS").decode())
        answer = await receive(client)
        assert answer.status == 200
        assert answer.top_via.received == "127.0.0.1"
        await client.send(from_browser("OPTIONS", Via="SIP/2.0/WS a.invalid;branch=z9hG4bK2"))
        assert (await receive(client)).top_via.branch == "z9hG4bK2"


@pytest.mark.parametrize(("proxied", "name"), [({}, "WS"), ({"X-Forwarded-Proto": "https"}, "WSS")])
async def test_requests_of_ours_take_the_socket_of_the_call(
    line: Line, proxied: dict[str, str], name: str
) -> None:
    async with line.connect(additional_headers=proxied) as client:
        await client.send(from_browser("INVITE").decode())
        answer = await receive(client)
        while answer.status < 200:
            answer = await receive(client)
        assert (
            answer.get("Contact")
            == f"<sip:{line.calls[0].request.request_uri.user}@{line.authority};transport=ws>"
        )
        await client.send(from_browser("ACK", To=answer.get("To"), CSeq="1 ACK").decode())
        async with asyncio.timeout(5):
            while line.calls[0].state.value != "established":
                await asyncio.sleep(0.01)
        line.calls[0].hang_up()
        bye = await receive(client)
        assert bye.method == "BYE"
        assert bye.uri == "sip:u@df7jal23ls0d.invalid;transport=ws"
        assert bye.get("Via").startswith(f"SIP/2.0/{name} {line.authority};")


async def test_a_call_goes_on_over_the_socket_that_its_peer_opens_anew(line: Line) -> None:
    async with line.connect() as client:
        await client.send(from_browser("INVITE").decode())
        answer = await receive(client)
        while answer.status < 200:
            answer = await receive(client)
        await client.send(from_browser("ACK", To=answer.get("To"), CSeq="1 ACK").decode())
    await line.until_connections(0)
    async with line.connect() as client:
        await client.send(from_browser("INFO", To=answer.get("To"), CSeq="2 INFO").decode())
        assert (await receive(client)).status == 200
        line.calls[0].hang_up()
        assert (await receive(client)).method == "BYE"


async def test_strangers_pages_and_other_protocols_are_refused(line: Line) -> None:
    for options in ({"origin": "https://evil.example"}, {"subprotocols": [Subprotocol("chat")]}):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with line.connect(**options):
                pass
        assert refused.value.response.status_code == 403
    async with line.connect(origin=f"http://{line.authority}") as client:
        await client.send("\r\n\r\n")
        assert await asyncio.wait_for(client.recv(), 5) == "\r\n"


async def test_a_closed_socket_is_forgotten_and_an_oversized_message_closes_it(line: Line) -> None:
    async with line.connect() as client:
        await line.until_connections(1)
        await client.send("x" * 70_000)
        await line.until_connections(0)
        await client.wait_closed()
        assert client.close_code == 1009


async def test_a_client_that_does_not_read_is_given_up(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_socket, "MAX_WAITING_BYTES", 100)
    async with line.connect() as client:
        await client.send(from_browser("OPTIONS").decode())
        await line.until_connections(0)
    assert line.user_agent.statistics.dropped == 1
