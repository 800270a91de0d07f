"""The transport layer: where answers go, what is found for a name, what is watched and counted."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from sip.errors import ParseError
from sip.flow import Flow, TransportError
from sip.message import Request, Response
from sip.transport import DeferredFlow, Listen, TraceEvent, TransportLayer
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    PEER_HOST,
    Harness,
    RecordingFlow,
    peer_request,
    peer_response,
)
from tests.support.sip_sockets import WAIT, TcpPeer, UdpPeer


class Receiver:
    """Stands for the endpoint."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[tuple[Request | Response, Flow, tuple[str, int]]] = asyncio.Queue()
        self.invalid: asyncio.Queue[ParseError] = asyncio.Queue()
        self.failed: asyncio.Queue[Flow] = asyncio.Queue()

    def receive(self, message: Request | Response, flow: Flow, source: tuple[str, int], now: float) -> None:
        self.messages.put_nowait((message, flow, source))

    def receive_invalid(self, error: ParseError, flow: Flow) -> bool:
        self.invalid.put_nowait(error)
        return error.request is not None

    def transport_failed(self, flow: Flow, now: float) -> None:
        self.failed.put_nowait(flow)

    async def next(self) -> tuple[Request | Response, Flow, tuple[str, int]]:
        async with asyncio.timeout(WAIT):
            return await self.messages.get()


class Bench:
    def __init__(self, layer: TransportLayer, receiver: Receiver, bound: tuple[Listen, ...]) -> None:
        self.layer = layer
        self.receiver = receiver
        self.udp_port, self.tcp_port = bound[0].port, bound[1].port
        self.events: list[TraceEvent] = []


LISTEN = (Listen("udp", "127.0.0.1", 0), Listen("tcp", "127.0.0.1", 0))


async def opened(**options: Any) -> Bench:
    receiver = Receiver()
    layer = TransportLayer(
        receiver, **{"clock": time.monotonic, "public_host": None, "observer": None, **options}
    )
    return Bench(layer, receiver, await layer.start(LISTEN))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = await opened()
    yield bench
    await bench.layer.close()


def options(via: str) -> Request:
    request = peer_request("OPTIONS")
    request.set("Via", via)
    return request


async def test_answer_goes_to_the_source_port_when_rport_asks_for_it(bench: Bench) -> None:
    async with UdpPeer() as peer:
        peer.send(options("SIP/2.0/UDP 10.1.1.1:5999;rport;branch=z9hG4bK-a+b*"), bench.udp_port)
        message, flow, source = await bench.receiver.next()
        assert source == ("127.0.0.1", peer.port)
        assert (flow.host, flow.port) == source
        assert message.top_via.received == "127.0.0.1"
        assert message.top_via.rport == peer.port
        assert message.top_via.branch == "z9hG4bK-a+b*"
        flow.send(b"answer", None)
        assert await peer.receive() == b"answer"


async def test_answer_goes_to_the_port_of_sent_by_without_rport(bench: Bench) -> None:
    async with UdpPeer() as peer, UdpPeer() as listening:
        via = f"SIP/2.0/UDP 127.0.0.1:{listening.port};branch=z9hG4bK-1"
        peer.send(options(via), bench.udp_port)
        message, flow, source = await bench.receiver.next()
        assert source == ("127.0.0.1", peer.port)
        assert (flow.host, flow.port) == ("127.0.0.1", listening.port)
        # Nothing to add: the Via is echoed byte for byte.
        assert message.get("Via") == via


async def test_sent_by_without_port_means_5060(bench: Bench) -> None:
    async with UdpPeer() as peer:
        peer.send(options("SIP/2.0/UDP pbx_1;branch=z9hG4bK-1"), bench.udp_port)
        message, flow, _ = await bench.receiver.next()
        assert (flow.host, flow.port) == ("127.0.0.1", 5060)
        assert message.top_via.received == "127.0.0.1"


async def test_tcp_request_is_stamped_and_answered_on_its_connection(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.tcp_port) as peer:
        await peer.send(options("SIP/2.0/TCP 10.1.1.1:5999;rport;branch=z9hG4bK-1"))
        message, flow, source = await bench.receiver.next()
        assert message.top_via.received == "127.0.0.1"
        assert source == ("127.0.0.1", peer.port)
        flow.send(b"answer", None)
        assert await peer.receive(6) == b"answer"


async def test_unreadable_datagrams_are_counted_and_answered_when_they_can_be(bench: Bench) -> None:
    async with UdpPeer() as peer:
        peer.send(b"\x00\xff garbage", bench.udp_port)
        peer.send(options("SIP/2.0/UDP h").serialise().replace(b"CSeq: 1", b"CSeq: x"), bench.udp_port)
        peer.send(b"\r\n\r\n", bench.udp_port)
        peer.send(options("SIP/2.0/UDP h;rport"), bench.udp_port)
        await bench.receiver.next()
        assert bench.layer.parse_errors == 2
        assert bench.layer.dropped == 1
        error = bench.receiver.invalid.get_nowait()
        assert error.request is not None
        assert error.request.top_via.received == "127.0.0.1"
        assert bench.layer.datagrams_received == 4


async def test_observer_sees_everything_with_direction_transport_and_peer() -> None:
    events: list[TraceEvent] = []
    bench = await opened(observer=events.append)
    async with UdpPeer() as peer:
        request = options("SIP/2.0/UDP h;rport;branch=z9hG4bK-1")
        peer.send(request, bench.udp_port)
        _, flow, _ = await bench.receiver.next()
        flow.send(request.serialise(), request)
        flow.send(request.serialise(), None)
    await bench.layer.close()
    here = ("127.0.0.1", peer.port)
    assert [(event.direction, event.transport, event.peer) for event in events] == [
        ("received", "udp", here),
        ("sent", "udp", here),
        ("sent", "udp", here),
    ]
    assert events[1].message is request
    assert events[2].message is None
    assert all(event.data == request.serialise() for event in events)
    assert {event.local for event in events} == {("127.0.0.1", bench.udp_port)}


@pytest.mark.parametrize("framing", [False, True])
async def test_observer_sees_what_a_connection_brings_and_nobody_can_read(framing: bool) -> None:
    events: list[TraceEvent] = []
    bench = await opened(observer=events.append)
    wire = options("SIP/2.0/TCP h;branch=z9hG4bK-1").serialise().replace(b"CSeq: 1", b"CSeq: x")
    if framing:
        wire = wire.replace(b"Content-Length: 0", b"Content-Length: x")
    async with await TcpPeer.connect(bench.tcp_port) as peer:
        await peer.send(wire)
        async with asyncio.timeout(WAIT):
            await bench.receiver.invalid.get()
    await bench.layer.close()
    (event,) = events
    assert (event.direction, event.transport, event.message) == ("received", "tcp", None)
    assert event.data == wire


async def test_failing_observer_changes_nothing() -> None:
    def fail(event: TraceEvent) -> None:
        raise RuntimeError("broken on purpose")

    bench = await opened(observer=fail)
    async with UdpPeer() as peer:
        peer.send(options("SIP/2.0/UDP h;rport;branch=z9hG4bK-1"), bench.udp_port)
        _, flow, _ = await bench.receiver.next()
        flow.send(b"answer", peer_request("OPTIONS"))
        assert await peer.receive() == b"answer"
    await bench.layer.close()
    assert bench.layer.observer_failures == 2


async def test_name_is_looked_up_in_the_background_and_remembered(bench: Bench) -> None:
    found: asyncio.Queue[Flow | None] = asyncio.Queue()
    bench.layer.resolve("localhost", 5061, "udp", found.put_nowait)
    assert found.empty()
    async with asyncio.timeout(WAIT):
        flow = await found.get()
    assert flow is not None
    assert (flow.host, flow.port) == ("127.0.0.1", 5061)
    bench.layer.resolve("localhost", 5061, "udp", found.put_nowait)
    assert found.get_nowait() is flow


async def test_whoever_waits_for_a_name_hears_of_a_look_up_that_broke(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> object:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(bench.layer.lookup, "locate", broken)
    found: asyncio.Queue[Flow | None] = asyncio.Queue()
    bench.layer.resolve("localhost", 5061, "udp", found.put_nowait)
    async with asyncio.timeout(WAIT):
        assert await found.get() is None


async def test_name_that_does_not_exist_is_reported(bench: Bench) -> None:
    found: asyncio.Queue[Flow | None] = asyncio.Queue()
    bench.layer.resolve("no..host", 5060, "udp", found.put_nowait)
    async with asyncio.timeout(WAIT):
        assert await found.get() is None
    bench.layer.resolve("::1", 5060, "udp", found.put_nowait)
    # An address of a family that no socket of ours has.
    assert found.get_nowait() is None


async def test_what_is_sent_to_a_name_waits_for_it(bench: Bench) -> None:
    fallback = RecordingFlow()
    async with UdpPeer() as peer:
        flow = bench.layer.next_hop("localhost", peer.port, "udp", fallback)
        assert isinstance(flow, DeferredFlow)
        flow.send(b"one", None)
        flow.send(b"two", None)
        assert await peer.receive() == b"one"
        assert await peer.receive() == b"two"
        flow.send(b"three", None)
        assert await peer.receive() == b"three"
        assert flow.carrier is bench.layer.next_hop("localhost", peer.port, "udp", fallback)
    assert fallback.sent_raw == []


async def test_what_is_sent_to_an_unknown_name_goes_where_messages_came_from(bench: Bench) -> None:
    async with UdpPeer() as peer:
        fallback = bench.layer.flow_to("127.0.0.1", peer.port, "udp")
        flow = bench.layer.next_hop("container..0a1b", 5060, "udp", fallback)
        assert flow.local_authority == fallback.local_authority
        flow.send(b"BYE", None)
        assert await peer.receive() == b"BYE"


async def test_sending_without_end_to_a_name_being_looked_up_is_bounded(bench: Bench) -> None:
    flow = bench.layer.next_hop("localhost", 9, "udp", RecordingFlow())
    for _ in range(16):
        flow.send(b"x", None)
    with pytest.raises(TransportError):
        flow.send(b"x", None)


async def test_large_requests_find_tcp_where_a_peer_listens_and_udp_is_kept_where_not(bench: Bench) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    offered = bench.layer.flow_for_large(bench.layer.flow_to("127.0.0.1", port, "udp"))
    assert offered is not None
    assert offered.transport == "tcp"
    server.close()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        udp = bench.layer.flow_to("127.0.0.1", unused.getsockname()[1], "udp")
        tried = bench.layer.flow_for_large(udp)
        async with asyncio.timeout(WAIT):
            while await bench.receiver.failed.get() is not tried:
                pass
        # Found out once, not asked again for a while.
        assert bench.layer.flow_for_large(udp) is None


async def test_large_requests_stay_on_udp_when_we_do_not_listen_on_tcp_ourselves() -> None:
    layer = TransportLayer(Receiver(), clock=time.monotonic, public_host=None, observer=None)
    await layer.start((Listen("udp", "127.0.0.1", 0),))
    assert layer.flow_for_large(layer.flow_to("127.0.0.1", 9, "udp")) is None
    await layer.close()


async def test_unspecified_bind_address_is_not_advertised() -> None:
    layer = TransportLayer(Receiver(), clock=time.monotonic, public_host=None, observer=None)
    bound = await layer.start((Listen("udp", "0.0.0.0", 0), Listen("tcp", "0.0.0.0", 0)))
    for address in bound:
        flow = layer.flow_to("127.0.0.1", 9, address.transport)
        assert flow.local_authority == f"127.0.0.1:{address.port}"
    await layer.close()


async def test_failed_start_leaves_nothing_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        layer = TransportLayer(Receiver(), clock=time.monotonic, public_host=None, observer=None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            udp_port = probe.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            await layer.start(
                (Listen("udp", "127.0.0.1", udp_port), Listen("tcp", "127.0.0.1", taken.getsockname()[1]))
            )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free_again:
            free_again.bind(("127.0.0.1", udp_port))
    with pytest.raises(ValueError, match="sctp"):
        await layer.start((Listen("sctp", "127.0.0.1", 0),))


def mutated(data: bytes, random: Random) -> bytes:
    """A message with a few bytes changed, removed, repeated or cut off."""
    out = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(out))
        kind = random.randrange(5)
        if kind == 0:
            out[at] = random.randrange(256)
        elif kind == 1:
            del out[at : at + random.randint(1, 20)]
        elif kind == 2:
            out[at:at] = out[at : at + random.randint(1, 40)]
        elif kind == 3:
            out[at:at] = random.choice((b"\r\n", b"\0", b'"', b"<", b";", b",", b"\xff", b"\r\n\r\n", b"%"))
        else:
            del out[max(at, 20) :]
        out = out or bytearray(b"x")
    return bytes(out)


@pytest.mark.parametrize("seed", range(4))
def test_no_datagram_whatever_can_raise_past_the_transport_or_disturb_the_endpoint(seed: int) -> None:
    random = Random(seed)
    harness = Harness(max_transactions=10_000)
    harness.at_invite = lambda call: call.answer(ANSWER)
    layer = TransportLayer(harness.endpoint, clock=lambda: harness.now, public_host=None, observer=None)
    transport = NowhereTransport(harness)
    valid = [
        peer_request(method, body=OFFER, headers=(("Record-Route", "<sip:p;lr>"), ("Require", "x"))[at % 2 :])
        for at, method in enumerate(("INVITE", "BYE", "ACK", "CANCEL", "OPTIONS", "REGISTER", "UPDATE"))
    ]
    messages = [request.serialise() for request in valid]
    messages += [peer_response(request, status).serialise() for request in valid for status in (180, 200)]
    for _ in range(2000):
        data = mutated(random.choice(messages), random)
        layer.datagram_received(data, (PEER_HOST, 5070), transport)  # type: ignore[arg-type]
    assert layer.parse_errors > 200
    assert harness.endpoint.faults == 0
    harness.listener.actions.clear()
    harness.assert_nothing_left()


class NowhereTransport:
    """Stands for a UDP socket."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    def flow_to(self, host: str, port: int) -> RecordingFlow:
        return self._harness.flow


async def test_both_families_are_listened_to_and_each_peer_is_told_its_own() -> None:
    receiver = Receiver()
    layer = TransportLayer(receiver, clock=time.monotonic, public_host="203.0.113.5", observer=None)
    bound = await layer.start((Listen("udp", "0.0.0.0", 0), Listen("udp", "::", 0), Listen("tcp", "::", 0)))
    try:
        for family, host, own, port in (
            (socket.AF_INET, "127.0.0.1", "203.0.113.5", bound[0].port),
            (socket.AF_INET6, "::1", "[::1]", bound[1].port),
        ):
            with socket.socket(family, socket.SOCK_DGRAM) as peer:
                peer.bind((host, 0))
                peer.sendto(options("SIP/2.0/UDP x;rport;branch=z9hG4bK-1").serialise(), (host, port))
                _, flow, source = await receiver.next()
                assert source[0] == host
                assert flow.local_authority == f"{own}:{port}"
        assert layer.flow_to("::1", 5060, "tcp").local_authority == f"[::1]:{bound[2].port}"
    finally:
        await layer.close()


async def test_a_listener_behind_a_nat_is_told_as_the_nat_shows_it() -> None:
    receiver = Receiver()
    layer = TransportLayer(receiver, clock=time.monotonic, public_host=None, observer=None)
    bound = await layer.start(
        (
            Listen("udp", "127.0.0.1", 0, "203.0.113.5", 15060),
            Listen("tcp", "127.0.0.1", 0, "203.0.113.6"),
            Listen("tcp", "127.0.0.1", 0, "203.0.113.7", 17060),
        )
    )
    assert bound[0].public_host == "203.0.113.5"
    try:
        async with UdpPeer() as peer:
            peer.send(options("SIP/2.0/UDP x;rport;branch=z9hG4bK-1"), bound[0].port)
            _, flow, _ = await receiver.next()
            assert flow.local_authority == "203.0.113.5:15060"
        for listener, told in ((bound[1], f"203.0.113.6:{bound[1].port}"), (bound[2], "203.0.113.7:17060")):
            async with await TcpPeer.connect(listener.port) as stream:
                await stream.send(options("SIP/2.0/TCP x;branch=z9hG4bK-1"))
                _, flow, _ = await receiver.next()
                assert flow.local_authority == told
    finally:
        await layer.close()
