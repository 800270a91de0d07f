"""An RTP endpoint that presses keys in the ways that telephones do: with or without the marker, in place of
the audio or between its packets, in packets of 10 to 60 ms (RFC 4733).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from tests.support.audio import Samples
from tests.support.rtp_peer import DIGITS, RtpPeer


@dataclass(frozen=True, slots=True)
class Pressing:
    """How a telephone sends keys."""

    ptime_ms: int = 20
    marker: bool = True
    interleaved: bool = False  # audio goes on while a key is held
    ends: int = 3
    tone_ms: int = 120
    gap_ms: int = 120


class KeyedPeer(RtpPeer):
    """Sends packets of its own length: silence or a queued sound, and keys."""

    pressing = Pressing()
    _held: tuple[int, int] | None = None  # the event and its timestamp
    _elapsed_ms = 0
    _waiting = ""

    @classmethod
    def pressing_so(cls, pressing: Pressing, seed: int = 1) -> KeyedPeer:
        peer = cls.open(seed=seed)
        assert isinstance(peer, cls)
        peer.pressing = pressing
        return peer

    def sdp(self, *, direction: str = "sendrecv", version: int = 1) -> bytes:
        usual = super().sdp(direction=direction, version=version)
        return usual.replace(b"a=ptime:20", b"a=ptime:%d" % self.pressing.ptime_ms)

    async def press(self, digits: str, *, tone_ms: int = 0, gap_ms: int = 0) -> None:
        """Press these keys; tone and gap are those of `pressing`."""
        self._waiting += digits
        self._events_done.clear()
        await self._events_done.wait()

    def _tick(self) -> None:
        now = self._loop.time()
        while self._next_at <= now:
            self._send_packet_time()
            self._next_at += self.pressing.ptime_ms / 1000
        self._timer = self._loop.call_at(self._next_at, self._tick)

    def _send_packet_time(self) -> None:
        how = self.pressing
        if self._waiting and self._held is None:
            self._held = (DIGITS.index(self._waiting[0]), self.timestamp)
            self._elapsed_ms = 0
        sounding = self._held is not None and self._elapsed_ms < how.tone_ms
        if not sounding or how.interleaved:
            self._send_audio()
        if self._held is not None:
            if sounding:
                self._send_update(*self._held)
            self._elapsed_ms += how.ptime_ms
            if self._elapsed_ms >= how.tone_ms + how.gap_ms:
                self._held, self._waiting = None, self._waiting[1:]
                if not self._waiting:
                    self._events_done.set()
        self.timestamp = (self.timestamp + how.ptime_ms * 8) & 0xFFFFFFFF

    def _send_audio(self) -> None:
        size = self.pressing.ptime_ms * 8
        payload, self._audio = self._audio[:size], self._audio[size:]
        payload = payload.ljust(size, bytes([self.law.silence]))
        self._send_packet(self.law.value, payload, marker=False)
        if not self._audio:
            self._played.set()

    def _send_update(self, event: int, began: int) -> None:
        how = self.pressing
        ended = self._elapsed_ms + how.ptime_ms >= how.tone_ms
        duration = (self._elapsed_ms + how.ptime_ms) * 8
        for _ in range(how.ends if ended else 1):
            body = struct.pack("!BBH", event, (0x80 if ended else 0) | 10, duration)
            marker = how.marker and self._elapsed_ms == 0
            self._send_packet(self.telephone_event, body, marker=marker, timestamp=began)

    def audio(self) -> Samples:
        """What was heard, in the order of RTP time, whatever the length of its packets."""
        packets = self.audio_packets()
        return np.concatenate([self.law.decode(packet.payload) for packet in packets])
