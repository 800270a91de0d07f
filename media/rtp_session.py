"""The RTP half of a leg: two sockets, whom they talk to, and the receiving and the sending side between them.

`RtpReceiver` and `RtpSender` do the work of each packet; here is what happens less often: what was
negotiated, and RTCP.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable

from media.codecs import create_codec
from media.config import MediaConfig
from media.dtmf import Digit
from media.latching import Latch, Source
from media.messages import Direction, NegotiateLeg
from media.rtcp_session import RtcpSession
from media.rtp_receiver import RtpReceiver
from media.rtp_security import RtpSecurity
from media.rtp_sender import RtpSender
from media.sockets import MAX_DATAGRAM

CNAME = "trunkline"
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
        self.latch = Latch(silence_s=config.latch_silence_s, relatch_silence_s=config.relatch_silence_s)
        self.rtcp = RtcpSession(CNAME, config.rtcp_interval_s, now)
        self.receiver = RtpReceiver(
            self._socket.recvfrom,
            self.latch,
            config.jitter_max_ms,
            first_packet=first_packet,
            digit=digit,
            rtcp_received=self._rtcp_received,
        )
        self.sender = RtpSender(self._socket.sendto, self.latch)
        self.security = RtpSecurity(self._socket, self.receiver, self.sender)
        self.negotiated: NegotiateLeg | None = None
        self.sample_rate: int | None = None  # Hz of the PCM that goes in and out, once it is negotiated
        self._rtcp_source: Source | None = None
        self._rtcp_errors = 0

    def negotiate(self, settled: NegotiateLeg, now: float) -> None:
        """Take what offer and answer settled, the first or a later time; the same again changes nothing.

        Raises `UnknownCodecError`, and `ValueError` when the host is no address or a key none of its suite.
        """
        before = self.negotiated
        if settled == before:
            return
        on_hold = settled.remote_host in _NOBODY
        if not on_hold:
            # Anything but a literal would make the socket ask DNS, in the middle of everybody's audio.
            ipaddress.ip_address(settled.remote_host)
        self.security.set_keys(settled.srtp)
        if before is None or _coding(before) != _coding(settled):
            codec = create_codec(settled.codec, settled.clock_rate, settled.fmtp)
            self.sample_rate = codec.sample_rate
            self.receiver.set_codec(codec)
            self.sender.set_codec(codec)
        for side in (self.receiver, self.sender):
            side.set_payload_types(
                settled.payload_type,
                settled.telephone_event_payload_type,
                settled.telephone_event_clock_rate,
            )
        # Who holds us may play music, which is not for the agent's ear.
        self.receiver.set_expecting(settled.direction is Direction.SENDRECV)
        may_send = settled.direction in (Direction.SENDRECV, Direction.SENDONLY)
        self.sender.set_pacing(settled.ptime_ms, may_send and not on_hold)
        if not on_hold:
            self.latch.signalled(settled.remote_host, settled.remote_port, now)
        self.negotiated = settled

    @property
    def last_packet_at(self) -> float | None:
        """When the far party was last heard."""
        return self.latch.last_heard if self.latch.ever_heard else None

    @property
    def expecting(self) -> bool:
        """Whether the far party's audio is meant for the agent; else it is but a sign of life."""
        return self.negotiated is not None and self.negotiated.direction is Direction.SENDRECV

    @property
    def ignored(self) -> int:
        """Datagrams that were no audio of this call."""
        return self.latch.strangers + self.receiver.malformed + self.receiver.wrong_payload_type

    @property
    def send_errors(self) -> int:
        """Packets that the system would not send."""
        return self.sender.errors + self._rtcp_errors

    # --- RTCP ---

    def rtcp_readable(self, now: float) -> None:
        """Read one datagram of the RTCP socket."""
        try:
            data, source = self._rtcp_socket.recvfrom(MAX_DATAGRAM)
        except OSError:
            return
        opened = self.security.open_rtcp(data)
        if opened is not None:
            self._rtcp_received(opened, source, now)

    def _rtcp_received(self, data: bytes, source: Source, now: float) -> None:
        target = self.latch.target
        if target is None or source[0] != target[0]:
            self.latch.strangers += 1
            return
        self._rtcp_source = source
        self.rtcp.receive(data, self.sender.stream, now, time.time())

    def housekeeping(self, now: float) -> None:
        """What need not happen in each frame: digits without an end, reports."""
        self.receiver.housekeeping(now)
        if now >= self.rtcp.due_at and self.negotiated is not None:
            self._send_rtcp(self.rtcp.report(self.sender.stream, self.receiver.received, now, time.time()))

    def goodbye(self, now: float) -> None:
        """Tell the far party that this stream ends."""
        if self.sender.stream.packets:
            self._send_rtcp(self.rtcp.goodbye(self.sender.stream, self.receiver.received, now, time.time()))

    def _send_rtcp(self, data: bytes) -> None:
        settled = self.negotiated
        target = self.latch.target
        if settled is None or target is None:
            return
        try:
            data = self.security.close_rtcp(data)
            if settled.rtcp_mux:
                self._socket.sendto(data, target)
            elif self._rtcp_source is not None and self._rtcp_source[0] == target[0]:
                self._rtcp_socket.sendto(data, self._rtcp_source)
            elif settled.remote_rtcp_port:
                self._rtcp_socket.sendto(data, (target[0], settled.remote_rtcp_port))
        except OSError:
            self._rtcp_errors += 1


def _coding(settled: NegotiateLeg) -> tuple[str, int, str]:
    """What makes another codec of it."""
    return settled.codec, settled.clock_rate, settled.fmtp
