"""A bad network between an RTP peer and a gateway: it loses, delays, reorders and repeats datagrams, the same
for the same seed, and counts what it did, so that a test can compare it with what the gateway reports.

`Impairer` is one direction without sockets or clock; `ImpairedPath` puts two of them between real sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import random
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.rtp_peer import HEADER

IP_AND_UDP_BYTES = 28


@dataclass(frozen=True, slots=True)
class Impairment:
    """What a network does to one direction. Shares are 0..1, the rest is in the unit of its name."""

    loss: float = 0.0
    # Gilbert and Elliott: each packet of a bad spell is lost; the chances to enter and to leave it, a packet.
    burst_begins: float = 0.0
    burst_ends: float = 1.0
    outages: tuple[tuple[int, int], ...] = ()  # (first packet, packets): lost for certain
    delay_ms: float = 0.0
    jitter_ms: float = 0.0  # the delay varies evenly by so much to either side, within order
    spike_every: int = 0  # packets
    spike_ms: float = 0.0  # the queue stands still for so long, then all that waits leaves at once
    reorder: float = 0.0
    reorder_ms: float = 30.0  # a packet held back for so long is overtaken
    duplicate: float = 0.0
    drift_ppm: float = 0.0  # the sender's clock: above zero its packets come ever later
    bits_per_s: float = 0.0  # of a bottleneck, headers included; 0 = none
    queue_ms: float = 100.0  # what the bottleneck keeps before it drops
    starts_at: int = 0  # packets before this one pass unharmed


@dataclass(slots=True)
class Truth:
    """What was done to one direction, counted when it was done."""

    offered: int = 0
    lost: int = 0
    loss_runs: int = 0
    duplicated: int = 0
    delivered: int = 0
    out_of_order: int = 0
    jitter_ms: float = 0.0  # RFC 3550, A.8, at the moment of delivery
    delay_max_ms: float = 0.0
    lost_sequences: set[int] = field(default_factory=set)


_numbers = itertools.count()


@dataclass(order=True, frozen=True, slots=True)
class Delivery:
    """A datagram that is to be passed on at `due` (seconds); the `number` orders those of one moment."""

    due: float
    number: int
    came: float = field(compare=False)
    data: bytes = field(compare=False)


class Impairer:
    """One direction. Times are seconds on any clock; `clock_rate` is that of the RTP timestamps."""

    def __init__(self, does: Impairment, seed: int, clock_rate: int = 8000) -> None:
        self._does = does
        # One generator for each fault: changing one does not change the others.
        self._loss, self._burst, self._jitter, self._order, self._twice = (
            random.Random(f"{seed}-{name}") for name in ("loss", "burst", "jitter", "order", "twice")
        )
        self._clock_rate = clock_rate
        self._bad = False
        self._lost_last = False
        self._began: float | None = None
        self._last_due = float("-inf")
        self._free_at = float("-inf")
        self._stands_until = float("-inf")
        self._newest = -1
        self._seen: set[int] = set()
        self._transit: float | None = None
        self.truth = Truth()

    def take(self, data: bytes, now: float) -> list[Delivery]:
        """When a datagram is to be delivered: never, once or twice."""
        does, truth = self._does, self.truth
        index = truth.offered
        truth.offered += 1
        if self._began is None:
            self._began = now
        if index < does.starts_at:
            return [self._delivery(now, now, data)]
        due = self._due(index, len(data), now)
        if due is None or self._loses(index):
            truth.lost += 1
            truth.loss_runs += not self._lost_last
            truth.lost_sequences.add(int.from_bytes(data[2:4]))
            self._lost_last = True
            return []
        self._lost_last = False
        held_back = self._order.random() < does.reorder
        deliveries = [self._delivery(due + does.reorder_ms / 1000 if held_back else due, now, data)]
        if self._twice.random() < does.duplicate:
            truth.duplicated += 1
            deliveries.append(self._delivery(deliveries[0].due + 0.001, now, data))
        return deliveries

    @staticmethod
    def _delivery(due: float, came: float, data: bytes) -> Delivery:
        return Delivery(due, next(_numbers), came, data)

    def _loses(self, index: int) -> bool:
        does = self._does
        self._bad = self._burst.random() < (1 - does.burst_ends if self._bad else does.burst_begins)
        by_chance = self._loss.random() < does.loss
        planned = any(first <= index < first + packets for first, packets in does.outages)
        return by_chance or self._bad or planned

    def _due(self, index: int, size: int, now: float) -> float | None:
        """The time of delivery in order; None when the bottleneck's queue is full."""
        does = self._does
        assert self._began is not None
        due = now + (does.delay_ms + self._jitter.uniform(-does.jitter_ms, does.jitter_ms)) / 1000
        due += (now - self._began) * does.drift_ppm * 1e-6
        if does.spike_every and index % does.spike_every == 0:
            self._stands_until = due + does.spike_ms / 1000
        due = self._last_due = max(due, self._last_due, self._stands_until, now)
        if does.bits_per_s:
            leaves = max(due, self._free_at) + (size + IP_AND_UDP_BYTES) * 8 / does.bits_per_s
            if leaves - due > does.queue_ms / 1000:
                return None
            due = self._free_at = leaves
        return due

    def delivered(self, delivery: Delivery, now: float) -> None:
        """Count a datagram that leaves at `now`."""
        truth = self.truth
        truth.delivered += 1
        truth.delay_max_ms = max(truth.delay_max_ms, (now - delivery.came) * 1000)
        if len(delivery.data) < HEADER.size:
            return
        _, _, sequence, timestamp, _ = HEADER.unpack_from(delivery.data)
        ahead = (sequence - self._newest) & 0xFFFF
        if self._newest < 0 or 0 < ahead < 0x8000:
            self._newest = sequence
        elif sequence not in self._seen:  # a repeated packet is not one that was overtaken
            truth.out_of_order += 1
        self._seen.add(sequence)
        transit = now * 1000 - timestamp * 1000 / self._clock_rate
        if self._transit is not None:
            truth.jitter_ms += (min(abs(transit - self._transit), 1000) - truth.jitter_ms) / 16
        self._transit = transit


class ImpairedPath:
    """The way between one peer and the gateway, and back. Needs a running loop.

    The peer sends to `near`; the gateway sees `far` and answers there: `far` belongs into the peer's session
    description.
    """

    def __init__(
        self,
        *,
        up: Impairment = Impairment(),
        down: Impairment = Impairment(),
        seed: int = 1,
        clock_rate: int = 8000,
        host: str = "127.0.0.1",
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._up = Impairer(up, seed, clock_rate)
        self._down = Impairer(down, seed + 1, clock_rate)
        self._near = _even_port(host)
        self._far = _even_port(host)
        self.near: tuple[str, int] = self._near.getsockname()[:2]
        self.far: tuple[str, int] = self._far.getsockname()[:2]
        self.gateway: tuple[str, int] | None = None  # set it as soon as it is known
        self._peer: tuple[str, int] | None = None
        self._queue: list[tuple[Delivery, Impairer, socket.socket, tuple[str, int]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._near.fileno(), self._from_peer)
        self._loop.add_reader(self._far.fileno(), self._from_gateway)

    @property
    def up(self) -> Truth:
        """What happened to the packets from the peer to the gateway."""
        return self._up.truth

    @property
    def down(self) -> Truth:
        return self._down.truth

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for sock in (self._near, self._far):
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock.fileno())
                sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _from_peer(self) -> None:
        for data, source in _waiting(self._near):
            self._peer = source
            self._pass_on(self._up, data, self._far, self.gateway)

    def _from_gateway(self) -> None:
        for data, _ in _waiting(self._far):
            self._pass_on(self._down, data, self._near, self._peer)

    def _pass_on(
        self, impairer: Impairer, data: bytes, by: socket.socket, to: tuple[str, int] | None
    ) -> None:
        if to is None:
            return
        for delivery in impairer.take(data, self._loop.time()):
            heapq.heappush(self._queue, (delivery, impairer, by, to))
        self._deliver_due()

    def _deliver_due(self) -> None:
        """Send all whose time has come, in the order of their times, however late the loop is."""
        queue = self._queue
        while queue and queue[0][0].due <= (now := self._loop.time()):
            delivery, impairer, by, to = heapq.heappop(queue)
            impairer.delivered(delivery, now)
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                by.sendto(delivery.data, to)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(queue[0][0].due, self._deliver_due) if queue else None


def _waiting(sock: socket.socket) -> list[tuple[bytes, tuple[str, int]]]:
    datagrams: list[tuple[bytes, tuple[str, int]]] = []
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        while True:
            data, source = sock.recvfrom(2048)
            datagrams.append((data, source[:2]))
    return datagrams


def _even_port(host: str) -> socket.socket:
    while True:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((host, 0))
        if sock.getsockname()[1] % 2 == 0:
            return sock
        sock.close()
