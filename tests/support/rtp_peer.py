"""An RTP endpoint for tests: it sends G.711 exactly on time and keeps everything it receives.

RFC 3550 (RTP) and RFC 4733 (telephone events), written apart from the product's own code. Arrival times are
the kernel's, so that a busy test process does not distort what it measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from tests.support.audio import Samples
from tests.support.g711 import Law

PTIME_MS = 20
DIGITS = "0123456789*#ABCD"
SO_TIMESTAMPNS = 35  # Linux; the socket module does not name it
HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """A received packet; `arrival` is Unix time in seconds, taken by the kernel."""

    arrival: float
    source: tuple[str, int]
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes, arrival: float, source: tuple[str, int]) -> RtpPacket | None:
        """None for what is no RTP of version 2 (RTCP included)."""
        if len(data) < HEADER.size:
            return None
        first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        if first >> 6 != 2 or 192 <= second <= 223:
            return None
        start = HEADER.size + 4 * (first & 0x0F)
        if first & 0x10 and len(data) >= start + 4:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        end = len(data) - (data[-1] if first & 0x20 else 0)
        return cls(
            arrival, source, second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:end]
        )


class RtpPeer:
    """One end of an audio session: `open` it, tell it the far end, `start` it; it sends until `close`."""

    def __init__(self, sock: socket.socket, law: Law, telephone_event: int, seed: int) -> None:
        self._socket = sock
        self.law = law
        self.telephone_event = telephone_event
        self.host, self.port = sock.getsockname()[:2]
        self.remote: tuple[str, int] | None = None
        self.received: list[RtpPacket] = []
        self.received_other: list[bytes] = []  # RTCP and garbage
        self.ssrc = 0x10000000 + seed
        self.sequence = 1000
        self.timestamp = 160_000
        self.packets_sent = 0
        self.sent_at: list[float] = []  # Unix time of each packet of audio, dropped ones included
        self.silence_when_idle = True
        self.drop: Callable[[int], bool] = lambda index: False
        self.swap: Callable[[int], bool] = lambda index: False
        self._held_back: bytes | None = None
        self._audio = b""
        self._played = asyncio.Event()
        self._events: list[tuple[int, int]] = []  # (event, packets) still to send
        self._event_step = 0
        self._events_done = asyncio.Event()
        self._index = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = 0.0
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    @classmethod
    def open(
        cls, law: Law = Law.PCMU, *, host: str = "127.0.0.1", telephone_event: int = 101, seed: int = 1
    ) -> RtpPeer:
        """Bind an even port (RFC 3550, section 11) chosen by the system. Needs a running loop."""
        while True:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            sock.bind((host, 0))
            if sock.getsockname()[1] % 2 == 0:
                return cls(sock, law, telephone_event, seed)
            sock.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.stop()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    # --- session description ---

    def sdp(self, *, direction: str = "sendrecv", version: int = 1) -> bytes:
        """An SDP body that describes this endpoint (RFC 4566), for an offer or an answer."""
        name = "PCMU" if self.law is Law.PCMU else "PCMA"
        lines = [
            "v=0",
            f"o=phone 7 {version} IN IP4 {self.host}",
            "s=-",
            f"c=IN IP4 {self.host}",
            "t=0 0",
            f"m=audio {self.port} RTP/AVP {self.law.value} {self.telephone_event}",
            f"a=rtpmap:{self.law.value} {name}/8000",
            f"a=rtpmap:{self.telephone_event} telephone-event/8000",
            f"a=fmtp:{self.telephone_event} 0-16",
            f"a=ptime:{PTIME_MS}",
            f"a={direction}",
            "",
        ]
        return "\r\n".join(lines).encode()

    def connect(self, sdp: bytes) -> None:
        """Take the far end from its SDP."""
        host, port = "", 0
        for line in sdp.decode("ascii", "replace").splitlines():
            if line.startswith("c=IN IP"):
                host = line.split()[2]
            elif line.startswith("m=audio "):
                port = int(line.split()[1])
        assert host, "the SDP has no connection line"
        assert port, "the SDP has no audio, or refuses it"
        self.remote = (host, port)

    # --- sending ---

    def start(self) -> None:
        """Begin to send a packet every 20 ms, silence until something is to be played."""
        assert self.remote is not None
        if self._timer is None:
            self._next_at = self._loop.time()
            self._tick()

    def stop(self) -> None:
        """Send nothing more (for example to let a media time-out happen)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def queue(self, samples: Samples) -> None:
        """Play this after what is queued already."""
        self._audio += self.law.encode(samples)
        self._played.clear()

    async def play(self, samples: Samples) -> None:
        """Queue and wait until the last packet of it has left."""
        self.queue(samples)
        await self._played.wait()

    async def press(self, digits: str, *, tone_ms: int = 100, gap_ms: int = 60) -> None:
        """Send keys as RFC 4733 events, the end of each three times, in place of the audio."""
        for digit in digits:
            self._events.append((DIGITS.index(digit.upper()), max(1, tone_ms // PTIME_MS)))
            self._events += [(-1, 1)] * (gap_ms // PTIME_MS)
        self._events_done.clear()
        await self._events_done.wait()

    def lose(self, share: float, seed: int = 1) -> None:
        """Drop this share of the packets sent from now on, at random but the same for the same seed."""
        generator = random.Random(seed)
        self.drop = lambda index: generator.random() < share

    def send_raw(self, data: bytes) -> None:
        """Send a datagram of one's own making."""
        if self.remote is not None:
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                self._socket.sendto(data, self.remote)

    def _tick(self) -> None:
        now = self._loop.time()
        # A late tick sends all that is due: the schedule is absolute.
        while self._next_at <= now:
            self._send_next()
            self._next_at += PTIME_MS / 1000
        self._timer = self._loop.call_at(self._next_at, self._tick)

    def _send_next(self) -> None:
        if self._events:
            self._send_event()
            return
        frame = PTIME_MS * 8
        if self._audio:
            payload, self._audio = self._audio[:frame], self._audio[frame:]
            payload = payload.ljust(frame, bytes([self.law.silence]))
            self._send_packet(self.law.value, payload, marker=self._index == 0)
        elif self.silence_when_idle:
            self._send_packet(self.law.value, bytes([self.law.silence]) * frame, marker=self._index == 0)
        self.timestamp = (self.timestamp + frame) & 0xFFFFFFFF
        if not self._audio:
            self._played.set()

    def _send_event(self) -> None:
        event, packets = self._events[0]
        frame = PTIME_MS * 8
        if event >= 0:
            self._event_step += 1
            duration = self._event_step * frame
            start = (self.timestamp - (self._event_step - 1) * frame) & 0xFFFFFFFF
            last = self._event_step == packets
            for _ in range(3 if last else 1):
                body = struct.pack("!BBH", event, (0x80 if last else 0) | 10, duration)
                self._send_packet(
                    self.telephone_event, body, marker=self._event_step == 1 and not last, timestamp=start
                )
        self.timestamp = (self.timestamp + frame) & 0xFFFFFFFF
        if event < 0 or self._event_step == packets:
            self._events.pop(0)
            self._event_step = 0
        if not self._events:
            self._events_done.set()

    def _send_packet(
        self, payload_type: int, payload: bytes, *, marker: bool, timestamp: int | None = None
    ) -> None:
        at = self.timestamp if timestamp is None else timestamp
        header = HEADER.pack(0x80, payload_type | (0x80 if marker else 0), self.sequence, at, self.ssrc)
        index, self._index = self._index, self._index + 1
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.sent_at.append(time.time())
        if self.drop(index):
            return
        if self.swap(index) and self._held_back is None:
            self._held_back = header + payload
            return
        self.send_raw(header + payload)
        self.packets_sent += 1
        if self._held_back is not None:
            held, self._held_back = self._held_back, None
            self.send_raw(held)
            self.packets_sent += 1

    # --- receiving ---

    def _readable(self) -> None:
        while True:
            try:
                data, ancillary, _, source = self._socket.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                break
            arrival = time.time()
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    arrival = seconds + nanoseconds * 1e-9
            packet = RtpPacket.parse(data, arrival, source[:2])
            if packet is None:
                self.received_other.append(data)
            else:
                self.received.append(packet)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until the condition holds, looking again after each packet. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_received(self, packets: int, timeout_s: float = 5.0) -> None:
        await self.until(lambda: len(self.received) >= packets, timeout_s)

    def audio_packets(self) -> list[RtpPacket]:
        """Received packets of our law in the order of their RTP time, duplicates removed."""
        seen: dict[int, RtpPacket] = {}
        first: int | None = None
        for packet in self.received:
            if packet.payload_type == self.law.value:
                first = packet.timestamp if first is None else first
                # The signed difference, so that a wrap of the 32-bit clock does not matter.
                offset = (packet.timestamp - first + 0x80000000 & 0xFFFFFFFF) - 0x80000000
                seen.setdefault(offset, packet)
        return [packet for _, packet in sorted(seen.items())]

    def audio(self) -> Samples:
        """What was heard, by RTP time: lost packets are silence (pauses of the stream are not filled)."""
        parts: list[Samples] = []
        previous: RtpPacket | None = None
        for packet in self.audio_packets():
            if previous is not None:
                missed = ((packet.sequence - previous.sequence) & 0xFFFF) - 1
                if 0 < missed < 1000:
                    parts.append(np.zeros(missed * PTIME_MS * 8, dtype=np.int16))
            parts.append(self.law.decode(packet.payload))
            previous = packet
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)

    def digits(self) -> str:
        """Keys received as telephone events, one for each event start time."""
        starts: dict[int, str] = {}
        for packet in self.received:
            if packet.payload_type == self.telephone_event and packet.payload and packet.payload[0] < 16:
                starts.setdefault(packet.timestamp, DIGITS[packet.payload[0]])
        return "".join(starts.values())

    def spacing_ms(self) -> list[float]:
        """Milliseconds between the arrivals of consecutive packets."""
        arrivals = [packet.arrival for packet in self.received]
        return [(b - a) * 1000 for a, b in itertools.pairwise(arrivals)]
