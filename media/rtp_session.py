"""The RTP half of a leg: two sockets, who is on the other side, what came and what goes out.

The owner calls `frame` and `send` once each 20 ms and `housekeeping` now and then; `readable` and
`rtcp_readable` are called by the poller. Packets are taken only after `negotiate` and only from the latched
source.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable

from media import comfort_noise, rtp
from media.codecs import Codec, create_codec
from media.config import MediaConfig
from media.dtmf import Digit, DtmfReceiver
from media.dtmf_sender import DigitsError, DtmfSender
from media.inbound_audio import FRAME_MS, InboundAudio
from media.latching import Latch, Source
from media.messages import Direction, NegotiateLeg
from media.rtcp_session import RtcpSession
from media.rtp_statistics import RtpReceiveStatistics
from media.sockets import MAX_DATAGRAM

MIN_PTIME_MS = 10
MAX_PTIME_MS = 60
_unpack = rtp.HEADER.unpack_from
_NOBODY = frozenset({"0.0.0.0", "::"})  # RFC 2543's way to say hold


class RtpSession:
    """One leg's RTP and RTCP. `now` is monotonic seconds everywhere."""

    def __init__(
        self,
        sockets: tuple[socket.socket, socket.socket],
        config: MediaConfig,
        now: float,
        first_packet: Callable[[Source, float], None],
        digit: Callable[[Digit], None],
    ) -> None:
        self._socket, self._rtcp_socket = sockets
        self._receive_from = self._socket.recvfrom
        self._send_to = self._socket.sendto
        self._config = config
        self._first_packet = first_packet
        self._digit = digit
        self._latch = Latch(silence_s=config.latch_silence_s, relatch_silence_s=config.relatch_silence_s)
        self._rtcp = RtcpSession("trunkline", config.rtcp_interval_s, now)
        self._negotiated: NegotiateLeg | None = None
        self._codec: Codec | None = None
        self._inbound: InboundAudio | None = None
        self._received: RtpReceiveStatistics | None = None
        self._stream = rtp.RtpStream(0)
        self._accepted_types: tuple[int, ...] = ()
        self._key_held = False
        self._payload_type = -1
        self._event_type = -1
        self._digits_in = DtmfReceiver(8000)
        self._digits_out = DtmfSender(8000)
        self._ptime_ms = FRAME_MS
        self._ptime_bytes = 0
        self._ticks_per_frame = 0
        self._silent_payload: bytes | None = None
        self._silent_pcm = b""
        self._outgoing = bytearray()
        self._repacks = False  # the far party wants another packet time than our frame
        self._rtcp_source: Source | None = None
        self._expecting = False
        self._sending = False
        self.sending_digits = False  # while this is so the agent's audio waits
        self.digits_sent: list[str] = []  # jobs finished since the owner looked
        self.last_packet_at: float | None = None
        self.malformed = 0
        self.wrong_payload_type = 0
        self.last_wrong_payload_type: int | None = None
        self.send_errors = 0

    # --- signalling ---

    def negotiate(self, settled: NegotiateLeg, now: float) -> None:
        """Take what offer and answer settled, the first or a later time. Raises `UnknownCodecError`."""
        before = self._negotiated
        if settled == before:
            return
        codec = self._codec
        if codec is None or before is None or _coding(before) != _coding(settled):
            codec = create_codec(settled.codec, settled.clock_rate, settled.fmtp)
            self._codec = codec
            self._silent_pcm = bytes(codec.sample_rate * FRAME_MS // 1000 * 2)
            self._inbound = InboundAudio(codec, self._config.jitter_max_ms)
            if self._received is None:
                self._received = RtpReceiveStatistics(settled.clock_rate)
            else:
                self._received.set_clock_rate(settled.clock_rate)
        self._negotiated = settled
        self._payload_type = self._stream.payload_type = settled.payload_type
        event_type = settled.telephone_event_payload_type
        self._event_type = -1 if event_type is None else event_type
        self._accepted_types = (self._payload_type, self._event_type, comfort_noise.PAYLOAD_TYPE)
        if before is None or before.telephone_event_clock_rate != settled.telephone_event_clock_rate:
            self._digits_in = DtmfReceiver(settled.telephone_event_clock_rate)
            self._digits_out = DtmfSender(settled.telephone_event_clock_rate)
        self._ptime_ms = min(max(settled.ptime_ms, MIN_PTIME_MS), MAX_PTIME_MS)
        self._ptime_bytes = codec.sample_rate * self._ptime_ms // 1000 * 2
        self._repacks = self._ptime_ms != FRAME_MS
        self._outgoing.clear()
        self._ticks_per_frame = codec.clock_rate * FRAME_MS // 1000
        self._silent_payload = codec.silence(self._ticks_per_frame)
        self._expecting = settled.direction in (Direction.SENDRECV, Direction.RECVONLY)
        self._sending = settled.direction in (Direction.SENDRECV, Direction.SENDONLY)
        if settled.remote_host not in _NOBODY:
            # Anything but a literal would make the socket ask DNS, in the middle of everybody's audio.
            ipaddress.ip_address(settled.remote_host)
            self._latch.signalled(settled.remote_host, settled.remote_port, now)
        else:
            self._sending = False

    @property
    def negotiated(self) -> NegotiateLeg | None:
        return self._negotiated

    @property
    def sample_rate(self) -> int | None:
        """Hz of the PCM that goes in and out; None before the first negotiation."""
        return self._codec.sample_rate if self._codec is not None else None

    @property
    def expecting(self) -> bool:
        """Whether the far party may send; what it sends otherwise is taken for alive but not heard."""
        return self._expecting

    # --- from the far party ---

    def readable(self, now: float) -> None:
        """Read one datagram of the RTP socket."""
        try:
            data, source = self._receive_from(MAX_DATAGRAM)
        except OSError:  # nothing there after all, or an ICMP error of an earlier packet
            return
        if len(data) < 12:
            self.malformed += 1
            return
        first, second, sequence, timestamp, ssrc = _unpack(data)
        if first == 0x80:
            payload = data[12:]
        else:
            try:
                payload = rtp.payload_of(data)
            except rtp.RtpError:
                self.malformed += 1
                return
        received = self._received
        inbound = self._inbound
        if received is None or inbound is None:
            return  # before the answer nobody knows what this is
        payload_type = second & 0x7F
        if payload_type not in self._accepted_types:
            if 64 <= payload_type <= 95:
                self._rtcp_received(data, source, now)
            else:
                self.wrong_payload_type += 1
                self.last_wrong_payload_type = payload_type
            return
        latch = self._latch
        if source == latch.source:
            latch.last_heard = now
        elif not latch.heard(source, now):
            return
        if ssrc != received.ssrc:
            inbound.reset()
            self._digits_in.reset()
            self._key_held = False
        received.received(ssrc, sequence, timestamp, len(payload), now)
        if payload_type == self._payload_type:
            if not inbound.put(sequence, timestamp, payload):
                self.malformed += 1
        elif payload_type == self._event_type:
            inbound.skip(sequence)
            self._event_received(payload, timestamp, now)
        else:
            inbound.comfort_noise(sequence, payload)
        if self.last_packet_at is None:
            self._first_packet(source, now)
        self.last_packet_at = now

    def _event_received(self, payload: bytes, timestamp: int, now: float) -> None:
        for digit in self._digits_in.receive(payload, timestamp, now):
            self._digit(digit)
        self._key_held = self._digits_in.active

    def frame(self) -> bytes | None:
        """The far party's next 20 ms as PCM; None for silence."""
        inbound = self._inbound
        if inbound is None or self.last_packet_at is None:
            return None
        frame = inbound.frame()
        return None if self._key_held or not self._expecting else frame

    def rtcp_readable(self, now: float) -> None:
        """Read one datagram of the RTCP socket."""
        try:
            data, source = self._rtcp_socket.recvfrom(MAX_DATAGRAM)
        except OSError:
            return
        self._rtcp_received(data, source, now)

    def _rtcp_received(self, data: bytes, source: Source, now: float) -> None:
        target = self._latch.target
        if target is None or source[0] != target[0]:
            self._latch.strangers += 1
            return
        self._rtcp_source = source
        self._rtcp.receive(data, self._stream, now, time.time())

    # --- to the far party ---

    @property
    def takes_digits(self) -> bool:
        """Whether keys can go out as telephone events."""
        return self._event_type >= 0

    def send_digits(self, digits: str, tone_ms: int, gap_ms: int) -> None:
        """Queue keys. Raises `DigitsError`."""
        if self._event_type < 0:
            raise DigitsError("telephone-event was not negotiated")
        self._digits_out.enqueue(digits, tone_ms, gap_ms)
        self.sending_digits = True

    def send(self, pcm: bytes | bytearray | None) -> bool:
        """Send 20 ms of audio, None for silence. Whether it could go out."""
        latch = self._latch
        target = latch.source or latch.target
        codec = self._codec
        stream = self._stream
        if codec is None or target is None or not self._sending:
            stream.advance(self._ticks_per_frame)
            stream.pause()
            return False
        if self._repacks or self.sending_digits:
            return self._send_repacked(pcm, codec, target)
        payload = self._silent_payload if pcm is None else codec.encode(pcm)
        if not payload and not (payload := self._unusual_payload(pcm, codec)):
            return True
        try:
            self._send_to(stream.packet(payload, self._ticks_per_frame), target)
        except OSError:
            self.send_errors += 1
            return False
        return True

    def _unusual_payload(self, pcm: bytes | bytearray | None, codec: Codec) -> bytes:
        """A payload where none is at hand: silence of a codec that has to encode it. Empty when the codec
        keeps silent (DTX): time goes on, and the marker tells where speech begins (RFC 3551, section 4.1).
        """
        payload = codec.encode(self._silent_pcm) if pcm is None else b""
        if not payload:
            self._stream.advance(self._ticks_per_frame)
            self._stream.pause()
        return payload

    def _send_repacked(self, pcm: bytes | bytearray | None, codec: Codec, target: Source) -> bool:
        """The same for another packet time than ours, and while keys are sent."""
        outgoing = self._outgoing
        outgoing += self._silent_pcm if pcm is None else pcm
        ticks = codec.clock_rate * self._ptime_ms // 1000
        sent = False
        while len(outgoing) >= self._ptime_bytes:
            audio = bytes(outgoing[: self._ptime_bytes])
            del outgoing[: self._ptime_bytes]
            packet = self._event_packet() if self.sending_digits else None
            if packet is not None:
                self._stream.advance(ticks)
            elif payload := codec.encode(audio):
                packet = self._stream.packet(payload, ticks)
            else:
                self._stream.advance(ticks)
                self._stream.pause()
                sent = True
                continue
            try:
                self._send_to(packet, target)
                sent = True
            except OSError:
                self.send_errors += 1
        return sent

    def _event_packet(self) -> bytes | None:
        event, finished = self._digits_out.packet(self._stream.timestamp, self._ptime_ms)
        if finished is not None:
            self.digits_sent.append(finished)
            self.sending_digits = self._digits_out.busy
        if event is None:
            return None
        return self._stream.event_packet(
            event.payload, self._event_type, event.timestamp, marker=event.marker
        )

    # --- now and then ---

    def housekeeping(self, now: float) -> None:
        """What need not happen in each frame: digits without an end, reports."""
        if self._key_held:
            for digit in self._digits_in.poll(now):
                self._digit(digit)
            self._key_held = self._digits_in.active
        if now >= self._rtcp.due_at and self._negotiated is not None:
            self._send_rtcp(self._rtcp.report(self._stream, self._received, now, time.time()))

    def goodbye(self, now: float) -> None:
        """Tell the far party that this stream ends."""
        if self._stream.packets:
            self._send_rtcp(self._rtcp.goodbye(self._stream, self._received, now, time.time()))

    def _send_rtcp(self, data: bytes) -> None:
        settled = self._negotiated
        target = self._latch.target
        if settled is None or target is None:
            return
        try:
            if settled.rtcp_mux:
                self._socket.sendto(data, target)
            elif self._rtcp_source is not None and self._rtcp_source[0] == target[0]:
                self._rtcp_socket.sendto(data, self._rtcp_source)
            elif settled.remote_rtcp_port:
                self._rtcp_socket.sendto(data, (target[0], settled.remote_rtcp_port))
        except OSError:
            self.send_errors += 1

    # --- counters ---

    @property
    def latch(self) -> Latch:
        return self._latch

    @property
    def rtcp(self) -> RtcpSession:
        return self._rtcp

    @property
    def stream(self) -> rtp.RtpStream:
        return self._stream

    @property
    def received(self) -> RtpReceiveStatistics | None:
        return self._received

    @property
    def inbound(self) -> InboundAudio | None:
        return self._inbound

    @property
    def ignored(self) -> int:
        """Datagrams that were no audio of this call."""
        return self._latch.strangers + self.malformed + self.wrong_payload_type


def _coding(settled: NegotiateLeg) -> tuple[str, int, str]:
    """What makes another codec of it."""
    return settled.codec, settled.clock_rate, settled.fmtp
