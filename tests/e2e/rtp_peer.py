"""The far party's audio: an RTP endpoint that talks on a 20 ms schedule and keeps every packet it gets with its time.

A thread of its own, so that a busy test does not disturb the rhythm. mu-law (payload type 0) and RFC 4733 events (101).
"""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from tests.e2e.sound import FRAME, RATE, Samples, from_mulaw, to_mulaw

PCMU = 0
TELEPHONE_EVENT = 101
KEYS = "0123456789*#ABCD"
SILENCE = to_mulaw(np.zeros(FRAME, dtype=np.int16))


@dataclass(frozen=True, slots=True)
class Packet:
    """One received RTP packet; `at` is `time.monotonic()` of its arrival."""

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class RtpPeer:
    """Sends silence from `send_to` on, as a telephone does, and whatever `speak` and `press` put into its queue."""

    def __init__(self) -> None:
        self._socket = self._bind()
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.packets: list[Packet] = []
        self._target: tuple[str, int] | None = None
        self._queue: deque[tuple[bytes, ...]] = (
            deque()
        )  # what each 20 ms step sends: RTP packets without header
        self._mute = False
        self._lock = threading.Lock()
        self._running = True
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self.frames_sent = 0
        self._thread = threading.Thread(target=self._run, name=f"rtp-{self.port}", daemon=True)
        self._thread.start()

    @staticmethod
    def _bind() -> socket.socket:
        while True:
            candidate = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            candidate.bind(("127.0.0.1", 0))
            if candidate.getsockname()[1] % 2 == 0:
                return candidate
            candidate.close()

    def send_to(self, port: int | str, host: str = "127.0.0.1") -> None:
        """Start to send: the address from the other side's session description."""
        self._target = (host, int(port))

    def mute(self, muted: bool = True) -> None:
        """Send nothing at all, as a telephone on hold."""
        self._mute = muted

    def speak(self, samples: Samples) -> None:
        """Send this audio, after what is queued already."""
        with self._lock:
            for at in range(0, len(samples), FRAME):
                frame = samples[at : at + FRAME]
                if len(frame) < FRAME:
                    frame = np.concatenate((frame, np.zeros(FRAME - len(frame), dtype=np.int16)))
                self._queue.append((to_mulaw(frame),))

    def press(self, keys: str, tone_ms: int = 100, gap_ms: int = 60) -> None:
        """Send the keys as telephone events (RFC 4733): updates of 20 ms, the end three times."""
        with self._lock:
            for key in keys:
                steps = tone_ms // 20
                event = KEYS.index(key.upper())
                for step in range(1, steps + 1):
                    update = struct.pack("!BBH", event, 10, step * FRAME)
                    last = struct.pack("!BBH", event, 0x80 | 10, step * FRAME)
                    marker = b"\x01" if step == 1 else b"\x00"
                    self._queue.append(
                        (b"event" + marker + update,) if step < steps else (b"event\x00" + last,) * 3
                    )
                self._queue.extend((SILENCE,) for _ in range(gap_ms // 20))

    def wait_until_said(self, seconds: float = 20) -> None:
        """Return when everything queued was sent."""
        limit = time.monotonic() + seconds
        while self._queue:
            assert time.monotonic() < limit, f"{len(self._queue)} steps were never sent"
            time.sleep(0.005)

    def wait_for_audio(self, seconds: float = 10, threshold: float = 200) -> float:
        """When the first packet louder than `threshold` arrived (monotonic time), waiting for it."""
        limit = time.monotonic() + seconds
        seen = 0
        while time.monotonic() < limit:
            packets = self.packets[seen:]
            for packet in packets:
                if (
                    packet.payload_type == PCMU
                    and np.abs(from_mulaw(packet.payload)).max(initial=0) > threshold
                ):
                    return packet.at
            seen += len(packets)
            time.sleep(0.005)
        raise AssertionError(f"no audio within {seconds} s; {len(self.packets)} packets in all")

    def heard(self) -> Samples:
        """What arrived, laid out by RTP timestamps; what is missing is silence."""
        packets = [packet for packet in self.packets if packet.payload_type == PCMU]
        if not packets:
            return np.zeros(0, dtype=np.int16)
        base = packets[0].timestamp
        offsets = [((packet.timestamp - base + 0x80000000) & 0xFFFFFFFF) - 0x80000000 for packet in packets]
        low = min(offsets)
        end = max(offset + len(packet.payload) for offset, packet in zip(offsets, packets, strict=True)) - low
        assert end < 600 * RATE, "timestamps jump over ten minutes"
        samples = np.zeros(end, dtype=np.int16)
        for offset, packet in zip(offsets, packets, strict=True):
            samples[offset - low : offset - low + len(packet.payload)] = from_mulaw(packet.payload)
        return samples

    def close(self) -> None:
        self._running = False
        self._thread.join(2)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        due = time.monotonic()
        while self._running:
            wait = due - time.monotonic()
            if wait > 0:
                readable, _, _ = select.select([self._socket], [], [], wait)
                if readable:
                    self._receive()
                continue
            due += FRAME / RATE
            self._step()

    def _receive(self) -> None:
        while True:
            try:
                data = self._socket.recv(2048)
            except OSError:
                return
            at = time.monotonic()
            if len(data) < 12 or data[0] >> 6 != 2:
                continue
            _, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
            start = 12 + 4 * (data[0] & 0x0F)
            self.packets.append(
                Packet(at, second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:])
            )

    def _step(self) -> None:
        if self._target is None:
            return
        with self._lock:
            payloads = self._queue.popleft() if self._queue else (SILENCE,)
        if self._mute:
            self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
            return
        for payload in payloads:
            payload_type, marker, timestamp = PCMU, 0, self._timestamp
            if payload.startswith(b"event") and len(payload) == 10:
                payload_type, marker = TELEPHONE_EVENT, payload[5]
                # All packets of one event carry the time at which it began.
                duration = struct.unpack_from("!H", payload, 8)[0]
                timestamp = (self._timestamp - (duration - FRAME)) & 0xFFFFFFFF
                payload = payload[6:]
            header = struct.pack(
                "!BBHII", 0x80, payload_type | (marker << 7), self._sequence, timestamp, self._ssrc
            )
            try:
                self._socket.sendto(header + payload, self._target)
            except OSError:
                return  # the other side's port has just closed
            self._sequence = (self._sequence + 1) & 0xFFFF
        self.frames_sent += 1
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
