"""What goes to the far party: frames of PCM become packets of the length it asked for, keys become events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from media.codecs import Codec, create_codec
from media.dtmf_sender import DigitsError, DtmfSender
from media.latching import Latch, Source
from media.rtp import RtpStream

FRAME_MS = 20
MIN_PTIME_MS = 10
MAX_PTIME_MS = 60


class RtpSender:
    """The sending half of one leg. Call `send` every 20 ms; the media clock runs on whether anything goes
    out.
    """

    __slots__ = (
        "_codec",
        "_digits",
        "_event_type",
        "_latch",
        "_outgoing",
        "_plain",
        "_ptime_ms",
        "_send_to",
        "_sending",
        "_silent_payload",
        "_silent_pcm",
        "_stream",
        "_ticks_per_frame",
        "digits_sent",
        "errors",
        "sending_digits",
    )

    def __init__(self, send_to: Callable[[bytes, Any], int], latch: Latch) -> None:
        self._send_to = send_to
        self._latch = latch
        self._stream = RtpStream(0)
        self._digits = DtmfSender(8000)
        self._event_type: int | None = None
        self._ptime_ms = FRAME_MS
        self._outgoing = bytearray()  # audio that is not yet a whole packet
        self._sending = False
        self.sending_digits = False  # while this is so the agent's audio waits
        self.digits_sent: list[str] = []  # jobs finished since the owner looked
        self.errors = 0
        self.set_codec(create_codec("PCMU", 8000))

    @property
    def takes_digits(self) -> bool:
        """Whether keys can go out as telephone events."""
        return self._event_type is not None

    @property
    def stream(self) -> RtpStream:
        return self._stream

    def send_by(self, send_to: Callable[[bytes, Any], int]) -> None:
        """Send packets by this from now on: the socket's own `sendto`, or what encrypts them."""
        self._send_to = send_to

    def set_codec(self, codec: Codec) -> None:
        self._codec = codec
        self._ticks_per_frame = codec.clock_rate * FRAME_MS // 1000
        self._silent_payload = codec.silence(self._ticks_per_frame)
        self._silent_pcm = bytes(codec.sample_rate * FRAME_MS // 1000 * 2)

    def set_payload_types(self, audio: int, event: int | None, event_clock_rate: int) -> None:
        """What packets are called; `event` is telephone-event (RFC 4733)."""
        self._stream.set_payload_type(audio)
        self._event_type = event
        if self._digits.clock_rate != event_clock_rate:
            self._digits = DtmfSender(event_clock_rate)
            self.sending_digits = False

    def set_pacing(self, ptime_ms: int, sending: bool) -> None:
        """The packet time the far party asked for, and whether anything may be sent at all (hold)."""
        self._ptime_ms = min(max(ptime_ms, MIN_PTIME_MS), MAX_PTIME_MS)
        self._sending = sending
        self._outgoing.clear()
        self._choose_path()

    def _choose_path(self) -> None:
        """Whether each frame simply is one packet."""
        self._plain = self._sending and self._ptime_ms == FRAME_MS and not self.sending_digits

    def send_digits(self, digits: str, tone_ms: int, gap_ms: int, *, told: bool = True) -> None:
        """Queue keys, which come to `digits_sent` if they are to be told. Raises `DigitsError`."""
        if self._event_type is None:
            raise DigitsError("telephone-event was not negotiated")
        self._digits.enqueue(digits, tone_ms, gap_ms, told=told)
        self.sending_digits = True
        self._choose_path()

    def send(self, pcm: bytes | bytearray | None) -> bool:
        """Send 20 ms of audio, None for silence. Whether it could go out."""
        target = self._latch.target
        if target is None or not self._plain:
            return self._send_otherwise(pcm, target)
        payload = self._silent_payload if pcm is None else self._codec.encode(pcm)
        if not payload and not (payload := self._unusual_payload(pcm)):
            return True
        packet = self._stream.packet(payload, self._ticks_per_frame)
        send_to = self._send_to
        try:
            send_to(packet, target)
        except OSError:
            self.errors += 1
            return False
        return True

    def _unusual_payload(self, pcm: bytes | bytearray | None) -> bytes:
        """A payload where none is at hand: silence of a codec that has to encode it. Empty when the codec
        keeps silent (DTX): time goes on, and the marker tells where speech begins (RFC 3551, section 4.1).
        """
        payload = self._codec.encode(self._silent_pcm) if pcm is None else b""
        if not payload:
            self._stream.advance(self._ticks_per_frame)
            self._stream.pause()
        return payload

    def _send_otherwise(self, pcm: bytes | bytearray | None, target: Source | None) -> bool:
        """Nothing may be sent; or keys are; or packets have another length than a frame."""
        codec = self._codec
        if target is None or not self._sending:
            self._stream.advance(self._ticks_per_frame)
            self._stream.pause()
            return False
        outgoing = self._outgoing
        outgoing += self._silent_pcm if pcm is None else pcm
        packet_bytes = codec.sample_rate * self._ptime_ms // 1000 * 2
        ticks = codec.clock_rate * self._ptime_ms // 1000
        sent = False
        while len(outgoing) >= packet_bytes:
            audio = bytes(outgoing[:packet_bytes])
            del outgoing[:packet_bytes]
            packet = self._event_packet(ticks) if self.sending_digits else None
            if packet is None:
                payload = codec.encode(audio)
                if not payload:
                    self._stream.advance(ticks)
                    self._stream.pause()
                    sent = True
                    continue
                packet = self._stream.packet(payload, ticks)
            try:
                self._send_to(packet, target)
                sent = True
            except OSError:
                self.errors += 1
        return sent

    def _event_packet(self, ticks: int) -> bytes | None:
        """The packet that stands for this time while keys are sent; None in a gap between them."""
        event, finished = self._digits.packet(self._stream.timestamp, self._ptime_ms)
        if finished is not None:
            if finished:
                self.digits_sent.append(finished)
            self.sending_digits = self._digits.busy
            self._choose_path()
        if event is None or self._event_type is None:
            return None
        packet = self._stream.event_packet(
            event.payload, self._event_type, event.timestamp, marker=event.marker
        )
        self._stream.advance(ticks)
        return packet
