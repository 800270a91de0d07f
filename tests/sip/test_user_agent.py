"""The user agent on real loopback sockets: two of them calling each other, and raw peers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sip.call import Call
from sip.call_listener import EndedBy
from sip.errors import ParseError
from sip.message import Request, Response
from sip.user_agent import (
    CallState,
    IncomingCall,
    Listen,
    OptionsReply,
    OutboundTarget,
    OutOfDialogTarget,
    TraceEvent,
    UserAgent,
    UserAgentConfig,
)
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    RecordingListener,
    peer_request,
    peer_response,
)
from tests.support.sip_sockets import WAIT, TcpPeer, UdpPeer

BOTH = (Listen("udp", "127.0.0.1", 0), Listen("tcp", "127.0.0.1", 0))


class WaitingListener(RecordingListener):
    """Lets a test wait for an event."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: asyncio.Queue[str] = asyncio.Queue()

    def _note(self, name: str, *details: Any) -> None:
        super()._note(name, *details)
        self.arrived.put_nowait(name)

    async def wait_for(self, name: str) -> None:
        async with asyncio.timeout(WAIT):
            while await self.arrived.get() != name:
                pass


@asynccontextmanager
async def user_agent(
    on_invite: Callable[[IncomingCall], None] | None = None, **config: Any
) -> AsyncIterator[UserAgent]:
    observer = config.pop("observer", None)
    agent = UserAgent(
        UserAgentConfig(**{"listen": BOTH, **config}),
        on_invite=on_invite or (lambda call: call.reject(486)),
        on_options=lambda: OptionsReply(200),
        observer=observer,
    )
    await agent.start()
    try:
        yield agent
    finally:
        await agent.close()


def port_of(agent: UserAgent, transport: str) -> int:
    return next(address.port for address in agent.addresses if address.transport == transport)


def target(port: int, transport: str = "udp", host: str = "127.0.0.1", **changes: Any) -> OutboundTarget:
    parameters = ";transport=tcp" if transport == "tcp" else ""
    values: dict[str, Any] = {
        "request_uri": f"sip:100@{host}:{port}{parameters}",
        "host": host,
        "port": port,
        "transport": transport,
        "from_uri": "sip:200@example.org",
        "from_display": None,
        "to_uri": f"sip:100@{host}",
        "offer": OFFER,
    }
    return OutboundTarget(**{**values, **changes})


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
async def test_call_between_two_user_agents(transport: str, hangs_up: str) -> None:
    callee_heard, caller_heard = WaitingListener(), WaitingListener()
    calls: list[Call] = []

    def take(call: IncomingCall) -> None:
        calls.append(call)
        call.listener = callee_heard
        call.ring()
        call.answer(ANSWER)

    async with user_agent(take) as callee, user_agent() as caller:
        call = caller.call(target(port_of(callee, transport), transport), caller_heard)
        await callee_heard.wait_for("established")
        await caller_heard.wait_for("answer")
        assert call.state is calls[0].state is CallState.ESTABLISHED
        assert call.call_id == calls[0].call_id
        assert caller.statistics.calls == callee.statistics.calls == 1
        (call if hangs_up == "caller" else calls[0]).hang_up()
        await callee_heard.wait_for("terminated")
        await caller_heard.wait_for("terminated")
        for agent in (caller, callee):
            assert agent.statistics.calls == 0
            assert agent.statistics.faults == 0
        ended: dict[str, EndedBy] = {"caller": "local", "callee": "remote"}
        assert caller_heard.events[-1] == ("terminated", ended[hangs_up])
        if transport == "tcp":
            # One connection carried everything.
            assert callee.statistics.connections == caller.statistics.connections == 1


async def test_name_of_a_target_is_looked_up_without_blocking() -> None:
    heard = WaitingListener()
    async with user_agent() as callee, user_agent() as caller:
        call = caller.call(target(port_of(callee, "udp"), host="localhost"), heard)
        assert heard.events == []
        await heard.wait_for("failure")
        assert heard.events[-1][1] == 486
        assert call.peer.host == "127.0.0.1"


async def test_unknown_name_fails_with_503() -> None:
    heard = WaitingListener()
    async with user_agent() as caller:
        caller.call(target(5060, host="no..host"), heard)
        await heard.wait_for("failure")
        assert heard.events == [("failure", 503, "Service Unavailable", None)]
        assert caller.statistics.calls == 0


async def test_refused_connection_fails_with_503() -> None:
    heard = WaitingListener()
    async with UdpPeer() as nobody_on_tcp, user_agent() as caller:
        caller.call(target(nobody_on_tcp.port, "tcp"), heard)
        await heard.wait_for("failure")
        assert heard.events[-1][1] == 503


async def test_malformed_target_is_refused_at_once() -> None:
    async with user_agent() as caller:
        with pytest.raises(ParseError):
            caller.call(target(5060, from_uri="nonsense"), RecordingListener())


async def test_lost_invite_is_sent_again_by_the_loop_timer() -> None:
    heard = WaitingListener()
    async with UdpPeer() as peer, user_agent(t1=0.05) as caller:
        caller.call(target(peer.port), heard)
        first = await peer.receive()
        assert await peer.receive() == first
        invite = await peer.receive_message()
        assert isinstance(invite, Request)
        peer.send(peer_response(invite, 486), port_of(caller, "udp"))
        await heard.wait_for("failure")
        assert caller.statistics.retransmissions >= 2


async def test_public_host_stands_in_via_and_contact() -> None:
    async with UdpPeer() as peer, user_agent(public_host="sip.example.org") as caller:
        caller.call(target(peer.port), RecordingListener())
        invite = await peer.receive_message()
        port = port_of(caller, "udp")
        assert (invite.top_via.host, invite.top_via.port) == ("sip.example.org", port)
        assert invite.get("Contact") == f"<sip:200@sip.example.org:{port}>"
        assert caller.local_host_for("127.0.0.1") == "sip.example.org"


async def test_unspecified_bind_address_is_written_nowhere() -> None:
    listen = (Listen("udp", "0.0.0.0", 0),)
    async with UdpPeer() as peer, user_agent(listen=listen) as caller:
        caller.call(target(peer.port), RecordingListener())
        assert b"0.0.0.0" not in await peer.receive()
        assert caller.local_host_for("127.0.0.1") == "127.0.0.1"


async def test_product_is_named_in_requests_and_answers() -> None:
    async with UdpPeer() as peer, user_agent(product="Example/1") as agent:
        agent.call(target(peer.port), RecordingListener())
        assert (await peer.receive_message()).get("User-Agent") == "Example/1"
        options = peer_request("OPTIONS")
        options.set("Via", "SIP/2.0/UDP x;rport;branch=z9hG4bK-o")
        peer.send(options, port_of(agent, "udp"))
        assert (await peer.receive_message()).get("Server") == "Example/1"


async def test_ipv6_peer_is_answered() -> None:
    listen = (Listen("udp", "::1", 0),)
    async with UdpPeer("::1") as peer, user_agent(lambda call: call.ring(), listen=listen) as agent:
        invite = peer_request("INVITE")
        invite.set("Via", f"SIP/2.0/UDP [::1]:{peer.port};branch=z9hG4bK-6")
        peer.send(invite, port_of(agent, "udp"))
        response = await peer.receive_message()
        assert isinstance(response, Response)
        assert response.get("Contact") == f"<sip:+15550100@[::1]:{port_of(agent, 'udp')}>"


async def test_malformed_request_over_tcp_gets_400_that_names_the_fault() -> None:
    async with user_agent() as agent, await TcpPeer.connect(port_of(agent, "tcp")) as peer:
        invite = peer_request("INVITE", transport="TCP").serialise()
        await peer.send(invite.replace(b"Call-ID: call-1@peer\r\n", b""))
        async with asyncio.timeout(WAIT):
            assert (await peer.receive(12)) == b"SIP/2.0 400 "
        assert agent.statistics.parse_errors == 1


async def test_garbage_on_one_connection_leaves_a_call_on_another_alone() -> None:
    callee_heard, caller_heard = WaitingListener(), WaitingListener()

    def take(call: IncomingCall) -> None:
        call.listener = callee_heard
        call.answer(ANSWER)

    async with user_agent(take) as callee, user_agent() as caller:
        call = caller.call(target(port_of(callee, "tcp"), "tcp"), caller_heard)
        await callee_heard.wait_for("established")
        async with await TcpPeer.connect(port_of(callee, "tcp")) as bad:
            await bad.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await bad.closed()
        call.hang_up()
        await callee_heard.wait_for("terminated")


async def test_closing_hangs_up_every_call() -> None:
    callee_heard, caller_heard = WaitingListener(), WaitingListener()

    def take(call: IncomingCall) -> None:
        call.listener = callee_heard
        call.answer(ANSWER)

    async with user_agent(take) as callee:
        async with user_agent() as caller:
            for _ in range(3):
                caller.call(target(port_of(callee, "udp")), caller_heard)
            for _ in range(3):
                await callee_heard.wait_for("established")
            assert callee.statistics.calls == 3
        for _ in range(3):
            await callee_heard.wait_for("terminated")
        assert callee.statistics.calls == 0
        assert caller_heard.names.count("terminated") == 3


async def test_observer_sees_the_whole_ladder() -> None:
    events: list[TraceEvent] = []
    heard = WaitingListener()
    async with user_agent() as callee, user_agent(observer=events.append) as caller:
        caller.call(target(port_of(callee, "udp")), heard)
        await heard.wait_for("failure")
        peer = ("127.0.0.1", port_of(callee, "udp"))
        assert {event.peer for event in events} == {peer}
        ladder = [
            (event.direction, event.message.method)
            if isinstance(event.message, Request)
            else (event.direction, event.message.status)
            for event in events
        ]
        assert ladder == [("sent", "INVITE"), ("received", 486), ("sent", "ACK")]


async def test_addresses_bound_are_known_and_freed() -> None:
    async with user_agent() as agent:
        first = agent.addresses
        assert [address.transport for address in first] == ["udp", "tcp"]
        assert all(address.port for address in first)
    async with user_agent(listen=first) as again:
        assert again.addresses == first


def question(host: str, port: int, transport: str) -> OutOfDialogTarget:
    return OutOfDialogTarget(f"sip:{host}:{port}", host, port, transport, "sip:us@127.0.0.1", f"sip:{host}")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_another_user_agent_can_be_asked_how_it_is(transport: str) -> None:
    async with user_agent() as there, user_agent() as here:
        status, response = await here.ask(
            "OPTIONS", question("127.0.0.1", port_of(there, transport), transport)
        )
        assert status == 200
        assert response is not None
        assert "INVITE" in (response.get("Allow") or "")


async def test_a_name_that_does_not_exist_cannot_be_asked() -> None:
    async with user_agent() as here:
        assert await here.ask("OPTIONS", question("nowhere.invalid", 5060, "udp")) == (503, None)
