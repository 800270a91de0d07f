"""Puts RTP packets back into order and time (RFC 3550, section 6.4 on what jitter is). No clock, no asyncio,
no audio.

Packets are kept as they came and asked for in the order of their timestamps. The buffer starts without delay
and lets it grow when packets come late: a late packet is played late rather than thrown away, since half a
word is worse than a short pause. `media.delay_variation` learns how much delay the network asks for; after a
pause of the sender the first packet waits for it. `media.standing_delay` takes back what is more than that.

A pause of the sender (DTX, digits) shows as an empty buffer, a lost packet as a gap in front of a packet that
is there. Timestamps are extended to a count of our own that never goes back: a sender that jumps back goes on
where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from media.delay_variation import DelayVariation

# A jump of the timestamp further than this is a new time base, not a loss to be filled.
RESYNC_MS = 200
# Sequence numbers remembered as missing, to tell a late packet from a duplicate.
MAX_MISSING = 128
# After a loss no longer than this speech goes on as if nothing had been lost; a longer one is a pause.
SHORT_MS = 60

_Entry: TypeAlias = tuple[int, int, bytes]  # extended timestamp, duration, payload


class JitterBuffer:
    """The packets of one SSRC. All durations are in units of the RTP timestamp ("ticks")."""

    __slots__ = (
        "_constant_rate",
        "_duration_of",
        "_end",
        "_entries",
        "_expected",
        "_far_off",
        "_frame",
        "_hold",
        "_max_depth",
        "_missing",
        "_next_sequence",
        "_next_timestamp",
        "_rate",
        "_resync",
        "_short",
        "_starved",
        "_usual_bytes",
        "_variation",
        "arrived",
        "depth",
        "duplicate",
        "late",
        "out_of_order",
        "overflowed",
        "resyncs",
        "usual_duration",
    )

    def __init__(
        self, clock_rate: int, max_depth_ms: int, duration_of: Callable[[bytes], int], *, constant_rate: bool
    ) -> None:
        """`duration_of` tells how long a payload lasts, 0 when it is not valid; with a `constant_rate`
        payloads of one length all last equally long. `take` is to be called every 20 ms while nothing is
        here.
        """
        self._duration_of = duration_of
        self._constant_rate = constant_rate
        self._usual_bytes = -1  # length and duration of the last payload measured
        self.usual_duration = 0
        self._rate = clock_rate
        self._frame = clock_rate // 50
        self._short = clock_rate * SHORT_MS // 1000
        self._variation = DelayVariation(clock_rate, max_depth_ms)
        self._max_depth = clock_rate * max_depth_ms // 1000
        self._resync = clock_rate * RESYNC_MS // 1000
        self.late = 0
        self.duplicate = 0
        self.out_of_order = 0
        self.overflowed = 0
        self.resyncs = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew: another SSRC. What was buffered belongs to the old one and goes."""
        self._entries: list[_Entry] = []  # ascending, none before `_expected`
        self._expected = 0  # extended timestamp of the next tick to be played
        self._end = 0  # extended timestamp behind the newest packet, never before `_expected`
        self._next_timestamp = -1  # the same as 32 bits; -1 = no packet yet
        self._next_sequence = -1
        self._missing: dict[int, None] = {}
        self._starved = self._frame  # ticks for which there was nothing to be played
        self._hold = 0.0  # ticks that the first packet after a pause has still to wait
        self._far_off = 0
        self._variation.restart()
        self.depth = 0  # ticks buffered
        self.arrived = 0.0  # when the newest packet came, monotonic seconds

    @property
    def target(self) -> int:
        """The delay in ticks that the network's jitter asks for."""
        return self._variation.target

    def take_reserve(self) -> float:
        """Ticks of the target that no packet has needed since this was last asked."""
        return self._variation.take_reserve()

    def put(self, sequence: int, timestamp: int, payload: bytes, now: float) -> bool:
        """Keep one packet, which came at `now` (monotonic seconds). False when its payload is not valid."""
        if len(payload) == self._usual_bytes:
            duration = self.usual_duration
        else:
            duration = self._measure(payload)
            if duration <= 0:
                return False
        if timestamp == self._next_timestamp and sequence == self._next_sequence:
            # In order and without a gap, as nearly all are.
            extended = self._end
            self._end = extended + duration
            self._next_timestamp = (timestamp + duration) & 0xFFFFFFFF
            self._next_sequence = (sequence + 1) & 0xFFFF
            self._entries.append((extended, duration, payload))
            self.arrived = now
            transit = now * self._rate - extended
            variation = self._variation
            if not variation.quickest <= transit <= variation.usual or extended >= variation.window_end:
                variation.observe(transit, extended, duration)
        elif not self._put_other(sequence, timestamp, payload, duration, now):
            return True
        self.depth = depth = self.depth + duration
        if depth > self._max_depth:
            self._overflow()
        return True

    def _measure(self, payload: bytes) -> int:
        duration = self._duration_of(payload)
        if self._constant_rate and duration > 0:
            self._usual_bytes, self.usual_duration = len(payload), duration
        return duration

    def _put_other(self, sequence: int, timestamp: int, payload: bytes, duration: int, now: float) -> bool:
        """The first packet, or one that is not the next. False when it is of no use."""
        if self._next_timestamp < 0:
            # One cycle up, so that packets from before the first have a positive timestamp.
            self._expected = extended = timestamp + 0x100000000
            self._next_sequence = (sequence + 1) & 0xFFFF
            self._end = extended
        else:
            follows = sequence == self._next_sequence
            if not follows and not self._in_sequence(sequence):
                return False
            if sequence == self._next_sequence:
                self._next_sequence = (sequence + 1) & 0xFFFF
            moved = (timestamp - self._next_timestamp) & 0xFFFFFFFF
            extended = self._end + (moved if moved < 0x80000000 else moved - 0x100000000)
            if follows:
                # Nothing is missing: the sender's clock has jumped. In a pause time would have passed, too.
                if extended < self._end or now * self._rate - extended < self._variation.base - self._frame:
                    extended = self._rebase(timestamp)
            elif extended < self._end and self._jumped_back(extended):
                extended = self._rebase(timestamp)
        # What comes too late tells most of the network.
        self._variation.observe(now * self._rate - extended, extended, duration)
        if extended < self._expected:
            self.late += 1
            return False
        entries = self._entries
        if extended >= self._end:
            self._far_off = 0
            self.arrived = now
        if not entries and self._starved:
            self._end_pause(extended, now)
        place = len(entries)
        while place and entries[place - 1][0] >= extended:
            place -= 1
        if place < len(entries) and entries[place][0] == extended:
            self.duplicate += 1
            return False
        entries.insert(place, (extended, duration, payload))
        if extended + duration > self._end:
            self._end = extended + duration
            self._next_timestamp = (timestamp + duration) & 0xFFFFFFFF
        return True

    def skip(self, sequence: int) -> None:
        """A packet that has nothing to play took this place in the sequence."""
        if sequence == self._next_sequence or (self._next_sequence >= 0 and self._in_sequence(sequence)):
            self._next_sequence = (sequence + 1) & 0xFFFF

    def _in_sequence(self, sequence: int) -> bool:
        """Not the next packet: note what is missing, or find out what this one is. False for a duplicate.

        Afterwards `_next_sequence` is this packet when it is the newest.
        """
        ahead = (sequence - self._next_sequence) & 0xFFFF
        if ahead < 0x8000:
            if ahead <= MAX_MISSING:
                for skipped in range(ahead):
                    self._missing[(self._next_sequence + skipped) & 0xFFFF] = None
                while len(self._missing) > MAX_MISSING:
                    del self._missing[next(iter(self._missing))]
            else:
                self._missing.clear()
            self._next_sequence = sequence
            return True
        if sequence in self._missing:
            del self._missing[sequence]
            self.out_of_order += 1
            return True
        if ahead > 0x10000 - MAX_MISSING:
            self.duplicate += 1
            return False
        # Far behind without having been missing: the sender has restarted its sequence.
        self._missing.clear()
        self._next_sequence = sequence
        return True

    def _jumped_back(self, extended: int) -> bool:
        """Whether a timestamp far behind is that of a sender that has jumped back."""
        if self._expected - extended <= self._resync:
            return False
        self._far_off += 1
        return self._far_off > 1  # one may be a straggler

    def _rebase(self, timestamp: int) -> int:
        """From this timestamp on the sender counts anew; our own count goes on. Returns it."""
        self._far_off = 0
        self.resyncs += 1
        self._next_timestamp = timestamp
        self._variation.restart()
        return self._end

    def _end_pause(self, extended: int, now: float) -> None:
        """The first packet after nothing: how long it has to wait for those behind it."""
        variation = self._variation
        hold = 0.0
        if variation.target:
            hold = variation.target - variation.delay(now * self._rate - extended)
            if extended - self._expected <= self._short:
                hold = 0.0
        self._hold = hold

    def _overflow(self) -> None:
        """Too much waits: the oldest goes, since late speech is worth less than fresh speech."""
        entries = self._entries
        while self.depth > self._max_depth and len(entries) > 1:
            _, duration, _ = entries.pop(0)
            self.depth -= duration
            self.overflowed += 1
            self._expected = entries[0][0]

    def take(self, now: float) -> bytes | int | None:
        """The next payload; or the length in ticks of a gap before the next one that is here; or None when
        nothing is here.

        `now` is monotonic seconds. A gap is told once: the next call returns the payload behind it.
        """
        entries = self._entries
        if not entries:
            self._starved += self._frame
            return None
        extended, duration, payload = entries[0]
        if self._hold >= self._frame:
            self._hold -= self._frame
            self._starved += self._frame
            return None
        if extended != self._expected and (gap := self._gap(extended, now)) != 0:
            return gap
        self._starved = 0
        del entries[0]
        self._expected = extended + duration
        self.depth -= duration
        return payload

    def peek(self) -> bytes | None:
        """The payload that is next in the buffer, gap or not; it stays there."""
        return self._entries[0][2] if self._entries else None

    def _may_come(self, now: float) -> bool:
        """Whether what is missing is within the delay that is usual here: then it is worth another frame of
        delay.
        """
        variation = self._variation
        return variation.target > 0 and variation.delay(now * self._rate - self._expected) < variation.target

    def _gap(self, extended: int, now: float) -> int | None:
        """Ticks to be filled before the packet at `extended`, which is not the one expected."""
        gap = extended - self._expected
        if (gap <= self._short or not self._starved) and self._may_come(now):
            self._starved += self._frame
            return None
        self._expected = extended
        if self._starved:
            return 0  # while the buffer was empty time has passed and was filled already
        if gap > self._resync:
            self.resyncs += 1
            return 0
        return gap
