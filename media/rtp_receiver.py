"""What comes from the far party: datagrams of the RTP socket become frames of PCM, digits and signs of life.

Packets are taken only once it is negotiated what they are, and only from the latched source.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from media import comfort_noise, rtp
from media.codecs import Codec, create_codec
from media.dtmf import Digit, DtmfReceiver
from media.inbound_audio import InboundAudio
from media.latching import Latch, Source
from media.rtp_statistics import RtpReceiveStatistics
from media.sockets import MAX_DATAGRAM

NOT_NEGOTIATED = -1
_PLAIN = rtp.PLAIN
_unpack = rtp.HEADER.unpack_from


class RtpReceiver:
    """The receiving half of one leg. `now` is monotonic seconds everywhere."""

    __slots__ = (
        "_digit",
        "_digits",
        "_event_type",
        "_expecting",
        "_first_packet",
        "_jitter_max_ms",
        "_key_held",
        "_latch",
        "_other_rtcp",
        "_other_than_rtp",
        "_payload_type",
        "_put",
        "_receive_from",
        "_ssrc",
        "frame",
        "inbound",
        "last_wrong_payload_type",
        "malformed",
        "received",
        "wrong_payload_type",
    )

    def __init__(
        self,
        receive_from: Callable[[int], tuple[bytes, Any]],
        latch: Latch,
        jitter_max_ms: int,
        *,
        first_packet: Callable[[Source, float], None],
        digit: Callable[[Digit], None],
        rtcp_received: Callable[[bytes, Source, float], None],
        other_than_rtp: Callable[[bytes, Source, float], bool],
    ) -> None:
        """`rtcp_received` takes the reports that come on the same port (RFC 5761), `other_than_rtp` what is
        neither (RFC 7983) and says whether it knows what that is.
        """
        self._receive_from = receive_from
        self._latch = latch
        self._jitter_max_ms = jitter_max_ms
        self._first_packet = first_packet
        self._digit = digit
        self._other_rtcp = rtcp_received
        self._other_than_rtp = other_than_rtp
        self._payload_type = NOT_NEGOTIATED
        self._event_type = NOT_NEGOTIATED
        self._expecting = False
        self._key_held = False
        self._ssrc = -1
        self._digits = DtmfReceiver(8000)
        self.received = RtpReceiveStatistics(8000)
        self.inbound = InboundAudio(create_codec("PCMU", 8000), jitter_max_ms)
        self._put = self.inbound.put
        # The far party's next 20 ms as PCM, None for silence; to be called every 20 ms.
        self.frame: Callable[[float], bytes | None] = self._unheard_frame
        self.malformed = 0
        self.wrong_payload_type = 0
        self.last_wrong_payload_type: int | None = None

    def receive_by(self, receive_from: Callable[[int], tuple[bytes, Any]]) -> None:
        """Read datagrams by this from now on: the socket's own `recvfrom`, or what decrypts them."""
        self._receive_from = receive_from

    def set_codec(self, codec: Codec) -> None:
        """Another codec, or the first: what is buffered of the old one goes."""
        self.received.set_clock_rate(codec.clock_rate)
        self.inbound = InboundAudio(codec, self._jitter_max_ms)
        self._put = self.inbound.put
        self._choose_path()

    def set_payload_types(self, audio: int, event: int | None, event_clock_rate: int) -> None:
        """What packets are called; `event` is telephone-event (RFC 4733)."""
        self._payload_type = audio
        self._event_type = NOT_NEGOTIATED if event is None else event
        if self._digits.clock_rate != event_clock_rate:
            self._digits = DtmfReceiver(event_clock_rate)

    def set_expecting(self, expecting: bool) -> None:
        """Whether the far party's audio is meant for us; else its packets are but signs of life."""
        self._expecting = expecting
        self._choose_path()

    def readable(self, now: float) -> None:
        """Read one datagram."""
        receive_from = self._receive_from
        try:
            data, source = receive_from(MAX_DATAGRAM)
            first, second, sequence, timestamp, ssrc = _unpack(data)
        except OSError:  # nothing there after all, or an ICMP error of an earlier packet
            return
        except struct.error:
            self.malformed += 1
            return
        latch = self._latch
        if (
            first == _PLAIN
            and source == latch.source
            and second & 0x7F == self._payload_type
            and ssrc == self._ssrc
        ):
            latch.last_heard = now
            payload = data[12:]
        else:
            audio = self._examine(data, source, now)
            if audio is None:
                return
            payload = audio
        put = self._put
        self.received.received(sequence, timestamp, len(payload), now)
        if not put(sequence, timestamp, payload, now):
            self.malformed += 1

    def _examine(self, data: bytes, source: Source, now: float) -> bytes | None:
        """Look closer at a packet that is not simply the next. Its audio, None when it has none of this
        call.
        """
        first_byte, second, sequence, timestamp, ssrc = _unpack(data)
        if not 128 <= first_byte <= 191:
            if not self._other_than_rtp(data, source, now):
                self.malformed += 1
            return None
        payload_type = second & 0x7F
        if self._payload_type == NOT_NEGOTIATED:
            self._latch.came_early(source)
            return None  # before the answer nobody knows what this is
        if rtp.is_rtcp(data):
            self._other_rtcp(data, source, now)
            return None
        try:
            payload = rtp.payload_of(data)
        except rtp.RtpError:
            self.malformed += 1
            return None
        if payload_type not in (self._payload_type, self._event_type, comfort_noise.PAYLOAD_TYPE):
            self.wrong_payload_type += 1
            self.last_wrong_payload_type = payload_type
            return None
        first = not self._latch.ever_heard
        if not self._latch.heard(source, now):
            return None
        if first:
            self._first_packet(source, now)
        if ssrc != self._ssrc:
            self._begin_stream(ssrc, sequence)
        if payload_type == self._payload_type:
            return payload
        self.received.received(sequence, timestamp, len(payload), now)
        if payload_type == self._event_type:
            self.inbound.skip(sequence)
            for digit in self._digits.receive(payload, timestamp, now):
                self._digit(digit)
            self._hold_key(self._digits.active)
        else:
            self.inbound.comfort_noise(sequence, payload)
        return None

    def _hold_key(self, held: bool) -> None:
        if held != self._key_held:
            self._key_held = held
            self._choose_path()

    def _begin_stream(self, ssrc: int, sequence: int) -> None:
        self._ssrc = ssrc
        self._key_held = False
        self._digits.reset()
        self.inbound.reset()
        self.received.begin(ssrc, sequence)
        self._choose_path()

    def _choose_path(self) -> None:
        """Whether `frame` may go straight to the buffer, as it does most of the time."""
        hears = self._expecting and not self._key_held and self._ssrc >= 0
        self.frame = self.inbound.frame if hears else self._unheard_frame

    def _unheard_frame(self, now: float) -> None:
        """Silence, while what comes passes unheard."""
        if self._ssrc >= 0:
            self.inbound.frame(now)

    def housekeeping(self, now: float) -> None:
        """Find keys whose end was lost."""
        if self._key_held:
            for digit in self._digits.poll(now):
                self._digit(digit)
            self._hold_key(self._digits.active)
