"""The RTCP side of one leg: when to report, what to report, and what the far party reports of us (RFC 3550,
section 6).

Times: `now` is monotonic seconds, `wall_clock` Unix seconds.
"""

from __future__ import annotations

import random

from media import rtcp, rtcp_xr
from media.rtcp_xr import VoipMetrics
from media.rtp import RtpStream
from media.rtp_statistics import RtpReceiveStatistics


class RtcpSession:
    """Reports about one leg. `received` is None until the far party's stream is known."""

    __slots__ = (
        "_cname",
        "_interval_s",
        "_last_report",
        "_last_report_at",
        "_reference",
        "_reference_at",
        "due_at",
        "malformed",
        "remote_jitter",
        "remote_loss_fraction",
        "remote_lost",
        "remote_metrics",
        "reports_received",
        "reports_sent",
        "round_trip_ms",
    )

    def __init__(self, cname: str, interval_s: float, now: float) -> None:
        self._cname = cname
        self._interval_s = interval_s
        self._last_report = 0  # middle of the NTP timestamp of their last sender report
        self._last_report_at = 0.0
        # The first report comes after half the interval (6.2).
        self.due_at = now + self._jittered() / 2
        self.malformed = 0
        self.reports_received = 0
        self.reports_sent = 0
        self.round_trip_ms: float | None = None
        self.remote_loss_fraction: float | None = None
        self.remote_lost = 0
        self.remote_jitter = 0
        self.remote_metrics: VoipMetrics | None = None  # how the far party hears us, in its own words
        self._reference = 0  # middle of the last reference time of theirs
        self._reference_at = 0.0

    def _jittered(self) -> float:
        """The interval varied by a factor of 0.5-1.5, so that reports of many calls do not coincide
        (6.3.1).
        """
        return self._interval_s * random.uniform(0.5, 1.5)

    def report(
        self,
        stream: RtpStream,
        received: RtpReceiveStatistics | None,
        now: float,
        wall_clock: float,
        metrics: VoipMetrics | None = None,
    ) -> bytes:
        """The compound packet that is due, and set when the next one is. With `metrics` an extended report is
        part of it.
        """
        self.due_at = now + self._jittered()
        self.reports_sent += 1
        packets: list[rtcp.RtcpPacket] = [
            self._own_report(stream, received, now, wall_clock),
            rtcp.SourceDescription(stream.ssrc, self._cname),
        ]
        if metrics is not None:
            blocks: list[rtcp_xr.Block] = [metrics]
            if self._reference:
                delay = min(int((now - self._reference_at) * 65536), 0xFFFFFFFF)
                blocks.append(rtcp_xr.LastReference(metrics.ssrc, self._reference, delay))
            packets.append(rtcp_xr.ExtendedReport(stream.ssrc, tuple(blocks)))
        return rtcp.serialize(*packets)

    def goodbye(
        self, stream: RtpStream, received: RtpReceiveStatistics | None, now: float, wall_clock: float
    ) -> bytes:
        """The last compound packet of a leg."""
        return rtcp.serialize(
            self._own_report(stream, received, now, wall_clock),
            rtcp.SourceDescription(stream.ssrc, self._cname),
            rtcp.Goodbye((stream.ssrc,)),
        )

    def _own_report(
        self, stream: RtpStream, received: RtpReceiveStatistics | None, now: float, wall_clock: float
    ) -> rtcp.RtcpPacket:
        blocks: tuple[rtcp.ReportBlock, ...] = ()
        if received is not None and received.packets:
            delay = int((now - self._last_report_at) * 65536) if self._last_report else 0
            blocks = (
                rtcp.ReportBlock(
                    ssrc=received.ssrc,
                    fraction_lost=received.fraction_lost(),
                    cumulative_lost=received.cumulative_lost,
                    highest_sequence=received.highest_sequence & 0xFFFFFFFF,
                    jitter=received.jitter & 0xFFFFFFFF,
                    last_sender_report=self._last_report,
                    delay_since_last=min(delay, 0xFFFFFFFF),
                ),
            )
        if stream.packets == 0:
            return rtcp.ReceiverReport(stream.ssrc, blocks)
        return rtcp.SenderReport(
            ssrc=stream.ssrc,
            ntp_timestamp=rtcp.ntp_timestamp(wall_clock),
            rtp_timestamp=stream.timestamp,
            packets=stream.packets & 0xFFFFFFFF,
            octets=stream.octets & 0xFFFFFFFF,
            reports=blocks,
        )

    def receive(self, data: bytes, stream: RtpStream, now: float, wall_clock: float) -> None:
        """Take a compound packet of the far party; a malformed one is counted."""
        try:
            packets = rtcp.parse(data)
        except rtcp.RtcpError:
            self.malformed += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp_xr.ExtendedReport):
                self._extended(packet, stream, now)
            if not isinstance(packet, rtcp.SenderReport | rtcp.ReceiverReport):
                continue
            self.reports_received += 1
            if isinstance(packet, rtcp.SenderReport):
                self._last_report = rtcp.middle(packet.ntp_timestamp)
                self._last_report_at = now
            for block in packet.reports:
                if block.ssrc == stream.ssrc:
                    self._reported(block, wall_clock)

    def _extended(self, packet: rtcp_xr.ExtendedReport, stream: RtpStream, now: float) -> None:
        for block in packet.blocks:
            if isinstance(block, VoipMetrics) and block.ssrc == stream.ssrc:
                self.remote_metrics = block
            elif isinstance(block, rtcp_xr.ReferenceTime):
                self._reference = rtcp.middle(block.ntp_timestamp)
                self._reference_at = now

    def _reported(self, block: rtcp.ReportBlock, wall_clock: float) -> None:
        self.remote_loss_fraction = block.fraction_lost / 256
        self.remote_lost = block.cumulative_lost
        self.remote_jitter = block.jitter
        seconds = rtcp.round_trip_s(block, rtcp.ntp_timestamp(wall_clock))
        if seconds is not None:
            self.round_trip_ms = round(seconds * 1000, 3)
