"""The way to a collector: over UDP and TCP, when it is away, and when it is slow."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.signalling.hep_export import HepExport
from tests.gateway.signalling.messages import sip, traced
from tests.support.hep_decoder import HepPacket, read_hep


class Collector(asyncio.Protocol):
    """Takes everything of one connection."""

    def __init__(self) -> None:
        self.stream = b""
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.stream += data

    def packets(self) -> list[HepPacket]:
        return read_hep(self.stream)


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_every_message_is_told_over_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.setblocking(False)
        export = HepExport("udp", *collector.getsockname(), capture_id=7, password="p")
        export.start()
        for number in range(40):
            export.add(f"c{number}", traced(sip(call_id=f"c{number}")))
        await until(lambda: export.sent == 40)
        packets = [read_hep(collector.recv(65_536))[0] for _ in range(40)]
        await export.close()
    assert [packet.correlation for packet in packets] == [f"c{number}" for number in range(40)]
    assert packets[0].capture_id == 7
    assert packets[0].payload == sip(call_id="c0")
    assert export.dropped == 0


async def test_what_was_said_while_the_collector_was_away_is_told_when_it_is_back() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    export = HepExport("tcp", "127.0.0.1", port, capture_id=1, retry_s=(0.01,))
    export.start()
    export.add("early", traced(sip(call_id="early")))
    await asyncio.sleep(0.03)
    collectors: list[Collector] = []

    def connected() -> Collector:
        collectors.append(Collector())
        return collectors[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connected, "127.0.0.1", port)
    await until(lambda: export.sent == 1)
    await until(lambda: collectors[0].stream)
    transport = collectors[0].transport
    assert isinstance(transport, asyncio.Transport)
    transport.abort()  # the collector is started anew
    await until(lambda: len(collectors) == 2)
    export.add("late", traced(sip(call_id="late")))
    await until(lambda: collectors[1].stream)
    await export.close()
    server.close()
    assert [one.correlation for one in collectors[0].packets()] == ["early"]
    assert [one.correlation for one in collectors[1].packets()] == ["late"]


async def test_the_queue_is_bounded_and_the_oldest_go_first() -> None:
    export = HepExport("udp", "127.0.0.1", 9, capture_id=1, queue_limit=10)
    for number in range(25):
        export.add(str(number), traced(sip()))
    assert export.waiting == 10
    assert export.dropped == 15


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_can_be_closed_at_any_time(transport: str) -> None:
    export = HepExport(transport, "127.0.0.1", 9, capture_id=1)
    export.start()
    export.add("a", traced(sip()))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await export.close()
