"""The far party's audio for tests that do not run on an event loop: `tests.support.rtp_peer` on a loop of
its own thread.

One thread serves all parties, so that a test which waits for SIPp or for the API disturbs no packet.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from tests.support.audio import Samples
from tests.support.g711 import Law
from tests.support.rtp_peer import RtpPacket, RtpPeer

T = TypeVar("T")

AUDIBLE = 200  # a sample value that no codec makes of silence


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="party-audio", daemon=True).start()
    return loop


def _start(work: Coroutine[Any, Any, T]) -> Future[T]:
    return asyncio.run_coroutine_threadsafe(work, _loop())


class PartyAudio:
    """Sends silence from `send_to` on, as a telephone does, and whatever `speak` and `press` ask for."""

    def __init__(self, law: Law = Law.PCMU) -> None:
        async def open_peer() -> RtpPeer:
            return RtpPeer.open(law)

        self._peer = _start(open_peer()).result(5)
        self._said: list[Future[None]] = []

    @property
    def port(self) -> int:
        return int(self._peer.port)

    @property
    def packets(self) -> list[RtpPacket]:
        """Every RTP packet received so far, with its arrival in Unix time."""
        return list(self._peer.received)

    def send_to(self, port: int | str, host: str = "127.0.0.1") -> None:
        """Start to send: the address from the other side's session description."""

        async def start() -> None:
            self._peer.remote = (host, int(port))
            self._peer.start()

        _start(start()).result(5)

    def change_law(self, law: Law) -> None:
        """Send with this one, and count as heard what comes with it, from now on."""
        self._peer.law = law

    def mute(self, muted: bool = True) -> None:
        """Send nothing at all while there is nothing to say, as a telephone that detects silence."""
        self._peer.silence_when_idle = not muted

    def speak(self, samples: Samples) -> None:
        """Send this audio; returns at once."""
        self._said.append(_start(self._peer.play(samples)))

    def press(self, keys: str) -> None:
        """Send these keys as telephone events (RFC 4733); returns at once."""
        self._said.append(_start(self._peer.press(keys)))

    def wait_until_said(self, seconds: float = 20) -> None:
        """Return when everything asked for was sent."""
        while self._said:
            self._said.pop(0).result(seconds)

    def wait_for_audio(self, seconds: float = 10) -> float:
        """When the first packet that is not silence arrived (Unix time), waiting for it."""
        limit = time.monotonic() + seconds
        seen = 0
        while time.monotonic() < limit:
            packets = self.packets[seen:]
            for packet in packets:
                if packet.payload_type == self._peer.law.value and self._audible(packet):
                    return float(packet.arrival)
            seen += len(packets)
            time.sleep(0.005)
        raise AssertionError(f"no audio within {seconds} s; {seen} packets in all")

    def audible_packets(self) -> list[RtpPacket]:
        """The packets that are not silence, in the order of their arrival."""
        return [
            packet
            for packet in self.packets
            if packet.payload_type == self._peer.law.value and self._audible(packet)
        ]

    def heard(self) -> Samples:
        """What arrived, in the order of RTP time; lost packets are silence."""
        return self._peer.audio()

    def close(self) -> None:
        for future in self._said:
            future.cancel()

        async def close_peer() -> None:
            self._peer.close()

        _start(close_peer()).result(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _audible(self, packet: RtpPacket) -> bool:
        samples = self._peer.law.decode(packet.payload).astype(np.int32)
        return bool(np.abs(samples).max(initial=0) > AUDIBLE)
