"""What one receiver knows about one stream: RFC 3550, sections 6.4.1, A.1, A.3 and A.8.

Extended sequence numbers, loss (whole and per interval), interarrival jitter. A new SSRC, or a sequence that
jumps and goes on from there, begins anew without losing the totals of the call.
"""

from __future__ import annotations

MAX_DROPOUT = 3000
MAX_MISORDER = 100
_MODULUS = 1 << 16
_NONE = -1


class RtpReceiveStatistics:
    """Counters of one leg's inbound stream. `clock_rate` is that of the RTP timestamp."""

    __slots__ = (
        "_bad_sequence",
        "_base",
        "_clock_rate",
        "_cycles",
        "_earlier_lost",
        "_earlier_received",
        "_interval_expected",
        "_interval_received",
        "_jitter",
        "_next",
        "_received",
        "_transit",
        "gaps",
        "octets",
        "out_of_order",
        "ssrc",
        "ssrc_changes",
    )

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self.ssrc: int = _NONE
        self.octets = 0
        self.out_of_order = 0
        self.gaps = 0  # runs of missing packets, whether or not some of them came late
        self.ssrc_changes = 0
        self._earlier_lost = 0
        self._earlier_received = 0
        self._jitter = 0.0
        self._begin(0)

    def set_clock_rate(self, clock_rate: int) -> None:
        """Another codec was negotiated; jitter goes on as the same time on another clock."""
        if clock_rate != self._clock_rate:
            self._jitter *= clock_rate / self._clock_rate
            self._transit = float("-inf")
            self._clock_rate = clock_rate

    def _begin(self, sequence: int) -> None:
        self._base = self._next = sequence
        self._cycles = 0  # those of the next sequence number
        self._received = 0
        self._bad_sequence = _NONE
        self._interval_expected = 0
        self._interval_received = 0
        self._transit = float("-inf")

    def begin(self, ssrc: int, sequence: int) -> None:
        """A new stream; `sequence` is that of its first packet, which is counted by `received` as all are."""
        if self.ssrc != _NONE:
            self.ssrc_changes += 1
            self._close_account()
        self.ssrc = ssrc
        self._begin(sequence)

    def received(self, sequence: int, timestamp: int, octets: int, now: float) -> None:
        """Count one packet of the present stream with `octets` bytes of payload that arrived at `now`
        (seconds).
        """
        if sequence == self._next:
            if sequence == 0xFFFF:
                self._cycles += _MODULUS
                self._next = 0
            else:
                self._next = sequence + 1
        elif not self._accept(sequence):
            return
        self.octets += octets
        self._received += 1
        rate = self._clock_rate
        transit = now * rate - timestamp
        deviation = transit - self._transit
        self._transit = transit
        # More than a second is a pause of the sender or a new timestamp base, no jitter of the network.
        if 0 <= deviation < rate:
            self._jitter += (deviation - self._jitter) / 16
        elif -rate < deviation < 0:
            self._jitter -= (deviation + self._jitter) / 16

    def _close_account(self) -> None:
        """A stream is over; its totals stay."""
        self._earlier_lost += self._lost()
        self._earlier_received += self._received

    def _accept(self, sequence: int) -> bool:
        """Anything but the next packet (A.1). False when the packet must not be counted."""
        ahead = (sequence - self._next) & 0xFFFF
        if ahead < MAX_DROPOUT:
            self.gaps += 1
            if sequence < self._next:
                self._cycles += _MODULUS
            self._go_to(sequence)
        elif ahead < _MODULUS - MAX_MISORDER:
            if sequence != self._bad_sequence:
                self._bad_sequence = (sequence + 1) & 0xFFFF
                return False
            # Two in a row: the sender has started anew without telling.
            self._close_account()
            self._begin(sequence)
            self._go_to(sequence)
        else:
            self.out_of_order += 1
        return True

    def _go_to(self, sequence: int) -> None:
        self._next = (sequence + 1) & 0xFFFF
        if self._next == 0:
            self._cycles += _MODULUS

    @property
    def packets(self) -> int:
        """Packets received in the whole call."""
        return self._earlier_received + self._received

    @property
    def highest_sequence(self) -> int:
        """Extended highest sequence number received."""
        return self._cycles + self._next - 1

    @property
    def jitter(self) -> int:
        """Interarrival jitter in units of the RTP timestamp."""
        return int(self._jitter)

    @property
    def jitter_ms(self) -> float:
        return self._jitter * 1000 / self._clock_rate

    def _expected(self) -> int:
        return self.highest_sequence - self._base + 1

    def _lost(self) -> int:
        return self._expected() - self._received if self._received else 0

    @property
    def lost(self) -> int:
        """Packets lost in the whole call; duplicates can make a single stream's share negative (A.3)."""
        return max(0, self._earlier_lost + self._lost())

    @property
    def cumulative_lost(self) -> int:
        """The field of a report block: this SSRC only, clamped to 24 bits signed."""
        return max(-0x800000, min(0x7FFFFF, self._lost()))

    def fraction_lost(self) -> int:
        """Loss since the last call of this method, in 1/256."""
        expected = self._expected()
        interval = expected - self._interval_expected
        lost = interval - (self._received - self._interval_received)
        self._interval_expected = expected
        self._interval_received = self._received
        if interval <= 0 or lost <= 0:
            return 0
        return min(255, (lost << 8) // interval)
