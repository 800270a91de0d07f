"""The RTP half of a leg: two sockets, whom they talk to, and the receiving and the sending side between them.

`RtpReceiver` and `RtpSender` do the work of each packet; here is what happens less often: what was
negotiated, and RTCP.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable

import msgspec

from media.codecs import create_codec
from media.config import MediaConfig
from media.dtmf import Digit
from media.handshakes import Handshakes
from media.latching import Latch, Source
from media.leg_transport import LegTransport
from media.messages import Direction, NegotiateLeg, Symmetric
from media.rtcp_session import RtcpSession
from media.rtcp_xr import VoipMetrics
from media.rtp_receiver import RtpReceiver
from media.rtp_security import RtcpSecurity, RtpSecurity
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
        handshake_ended: Callable[[str | None, float], None] = lambda *_: None,
        handshakes: Handshakes | None = None,
        symmetric: Symmetric = Symmetric.AUTO,
        *,
        moved: bool = False,
    ) -> None:
        """`handshake_ended` is told why there are no keys, or nothing when there are. Without `handshakes`
        there is no DTLS-SRTP.
        """
        self._socket, self._rtcp_socket = sockets
        self.latch, *latches = (
            Latch(
                silence_s=config.latch_silence_s,
                relatch_silence_s=config.relatch_silence_s,
                symmetric=symmetric,
                moved=moved,
            )
            for _ in range(4)
        )
        self.rtcp = RtcpSession(CNAME, config.rtcp_interval_s, now)
        self.receiver = RtpReceiver(
            self._socket.recvfrom,
            self.latch,
            config.jitter_max_ms,
            first_packet=first_packet,
            digit=digit,
            rtcp_received=self._rtcp_received,
            other_than_rtp=self._other_than_rtp,
        )
        self.sender = RtpSender(self._socket.sendto, self.latch)
        self.security = RtpSecurity(self._socket, self.receiver, self.sender)
        self.transport = LegTransport(
            self._socket,
            self.latch,
            latches[0],
            self.security,
            handshakes,
            config.handshake_timeout_s,
            self._handshake_ended,
        )
        self._rtcp_security = RtcpSecurity()
        # Audio does not wait for this one, nor does the call fail with it.
        self.rtcp_transport = LegTransport(
            self._rtcp_socket,
            latches[1],
            latches[2],
            self._rtcp_security,
            handshakes,
            config.handshake_timeout_s,
            lambda *_: None,
        )
        self._tell_handshake_ended = handshake_ended
        # How we hear the far party; asked only when it wants extended reports.
        self.voip_metrics: Callable[[], VoipMetrics | None] = lambda: None
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
        named = settled.remote_host not in _NOBODY
        if named:
            # Anything but a literal would make the socket ask DNS, in the middle of everybody's audio.
            ipaddress.ip_address(settled.remote_host)
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
        if named:
            self.latch.signalled(settled.remote_host, settled.remote_port, now)
            self.transport.signalled(settled.remote_host, settled.remote_port, now)
            self.rtcp_transport.signalled(settled.remote_host, settled.remote_rtcp_port, now)
        self.transport.negotiate(settled, now)
        self.rtcp_transport.negotiate(_for_rtcp(settled), now)
        self.negotiated = settled
        self._pace(settled)

    def _pace(self, settled: NegotiateLeg) -> None:
        """Whether we send, and how: not on hold, and not before there are keys for what has to be
        encrypted.
        """
        may_send = settled.direction in (Direction.SENDRECV, Direction.SENDONLY)
        # Under ICE the address is what the checks find, whatever the description names.
        on_hold = settled.remote_host in _NOBODY and settled.ice is None
        self.sender.set_pacing(settled.ptime_ms, may_send and not on_hold and self.transport.ready)

    def _handshake_ended(self, failure: str | None, now: float) -> None:
        if self.negotiated is not None:
            self._pace(self.negotiated)
        self._tell_handshake_ended(failure, now)

    def _other_than_rtp(self, data: bytes, source: Source, now: float) -> bool:
        return self.transport.receive(data, source, now)

    def call_stands(self, now: float) -> None:
        """The call is answered: handshakes have a time limit from now on."""
        self.transport.call_stands(now)
        self.rtcp_transport.call_stands(now)

    @property
    def last_packet_at(self) -> float | None:
        """When the far party was last heard."""
        return self.latch.last_heard if self.latch.ever_heard else None

    def last_sign_at(self, *, talks: bool) -> float | None:
        """When the far party last showed that it is there: by a packet, or by a check of ICE after it; of one
        that only listens (not `talks`), by a check alone.
        """
        ice = self.transport.ice
        checked_at = ice.last_check_at if ice is not None else None
        if not self.latch.ever_heard:
            return None if talks else checked_at
        return self.latch.last_heard if checked_at is None else max(self.latch.last_heard, checked_at)

    @property
    def expecting(self) -> bool:
        """Whether the far party's audio is meant for the agent; else it is but a sign of life."""
        return self.negotiated is not None and self.negotiated.direction is Direction.SENDRECV

    @property
    def ignored(self) -> int:
        """Datagrams that were no audio of this call."""
        refused = self.transport.strangers + self.transport.checks_refused + self.transport.dtls_malformed
        return refused + self.latch.strangers + self.receiver.malformed + self.receiver.wrong_payload_type

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
        if data and data[0] < 128:
            self.rtcp_transport.receive(data, source, now)
            return
        apart = self._rtcp_is_apart
        opened = self._rtcp_security.open(data) if apart else self.security.open_rtcp(data)
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
        self.transport.housekeeping(now)
        self.rtcp_transport.housekeeping(now)
        if now >= self.rtcp.due_at and self.negotiated is not None:
            metrics = self.voip_metrics() if self.negotiated.rtcp_xr else None
            self._send_rtcp(
                self.rtcp.report(self.sender.stream, self.receiver.received, now, time.time(), metrics)
            )

    def goodbye(self, now: float) -> None:
        """Tell the far party that this leg ends."""
        if self.sender.stream.packets:
            self._send_rtcp(self.rtcp.goodbye(self.sender.stream, self.receiver.received, now, time.time()))
        self.transport.close()
        self.rtcp_transport.close()

    def _send_rtcp(self, data: bytes) -> None:
        settled = self.negotiated
        target = self.latch.target
        if settled is None or target is None or not self.transport.ready:
            return
        try:
            if settled.rtcp_mux:
                self._socket.sendto(self.security.close_rtcp(data), target)
                return
            apart = self._rtcp_is_apart
            closed = self._rtcp_security.close(data) if apart else self.security.close_rtcp(data)
            address = self._rtcp_target(settled, target)
            if closed is not None and address is not None:
                self._rtcp_socket.sendto(closed, address)
        except OSError:
            self._rtcp_errors += 1

    @property
    def _rtcp_is_apart(self) -> bool:
        """Whether RTCP has a handshake of its own."""
        settled = self.negotiated
        return settled is not None and settled.dtls is not None and not settled.rtcp_mux

    def _rtcp_target(self, settled: NegotiateLeg, target: Source) -> Source | None:
        """Where reports go to, when not to the port of the audio."""
        ice = self.rtcp_transport.ice
        if ice is not None:
            return ice.nominated
        if self._rtcp_source is not None and self._rtcp_source[0] == target[0]:
            return self._rtcp_source
        return (target[0], settled.remote_rtcp_port) if settled.remote_rtcp_port else None


def _for_rtcp(settled: NegotiateLeg) -> NegotiateLeg:
    """What the RTCP port has to agree on by itself: nothing where RTCP goes with the audio."""
    if settled.rtcp_mux:
        return msgspec.structs.replace(settled, srtp=None, dtls=None, ice=None)
    return msgspec.structs.replace(settled, srtp=None)


def _coding(settled: NegotiateLeg) -> tuple[str, int, str]:
    """What makes another codec of it."""
    return settled.codec, settled.clock_rate, settled.fmtp
