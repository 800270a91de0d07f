"""Puts RTP packets back into order and time (RFC 3550, section 6.4 on what jitter is). No clock, no asyncio,
no audio.

Packets are kept as they came and asked for in the order of their timestamps. The buffer starts without delay
and lets it grow when packets come late: a late packet is played late rather than thrown away, since half a
word is worse than a short pause. `media.standing_delay` takes the delay back in quiet moments.

A pause of the sender (DTX, digits) shows as an empty buffer, a lost packet as a `Gap` in front of a packet
that is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

# A jump of the timestamp further than this is a new time base, not a loss to be filled.
RESYNC_MS = 200
# Sequence numbers remembered as missing, to tell a late packet from a duplicate.
MAX_MISSING = 128

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
        "_max_depth",
        "_missing",
        "_next_sequence",
        "_next_timestamp",
        "_resync",
        "_starved",
        "_usual_bytes",
        "_usual_duration",
        "depth",
        "duplicate",
        "late",
        "out_of_order",
        "overflowed",
        "resyncs",
    )

    def __init__(
        self, clock_rate: int, max_depth_ms: int, duration_of: Callable[[bytes], int], *, constant_rate: bool
    ) -> None:
        """`duration_of` tells how long a payload lasts, 0 when it is not valid; with a `constant_rate`
        payloads of one length all last equally long.
        """
        self._duration_of = duration_of
        self._constant_rate = constant_rate
        self._usual_bytes = -1  # length and duration of the last payload measured
        self._usual_duration = 0
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
        self._starved = True
        self._far_off = 0
        self.depth = 0  # ticks buffered

    def put(self, sequence: int, timestamp: int, payload: bytes) -> bool:
        """Keep one packet. False when its payload is not valid."""
        if len(payload) == self._usual_bytes:
            duration = self._usual_duration
        else:
            duration = self._measure(payload)
            if duration <= 0:
                return False
        if timestamp == self._next_timestamp and sequence == self._next_sequence:
            # In order and without a gap, as nearly all are.
            extended = self._end
            self._end = end = extended + duration
            self._next_timestamp = end & 0xFFFFFFFF
            self._next_sequence = (sequence + 1) & 0xFFFF
            self._entries.append((extended, duration, payload))
        elif not self._put_other(sequence, timestamp, payload, duration):
            return True
        self.depth = depth = self.depth + duration
        if depth > self._max_depth:
            self._overflow()
        return True

    def _measure(self, payload: bytes) -> int:
        duration = self._duration_of(payload)
        if self._constant_rate and duration > 0:
            self._usual_bytes, self._usual_duration = len(payload), duration
        return duration

    def _move_end(self, end: int) -> None:
        self._end = end
        self._next_timestamp = end & 0xFFFFFFFF

    def _put_other(self, sequence: int, timestamp: int, payload: bytes, duration: int) -> bool:
        """The first packet, or one that is not the next. False when it is of no use."""
        if self._next_timestamp < 0:
            # One cycle up, so that packets from before the first have a positive timestamp.
            self._expected = extended = timestamp + 0x100000000
            self._next_sequence = (sequence + 1) & 0xFFFF
        else:
            if sequence != self._next_sequence and not self._in_sequence(sequence):
                return False
            if sequence == self._next_sequence:
                self._next_sequence = (sequence + 1) & 0xFFFF
            moved = (timestamp - self._next_timestamp) & 0xFFFFFFFF
            extended = self._end + (moved if moved < 0x80000000 else moved - 0x100000000)
        if extended < self._expected:
            if not self._behind(extended):
                return False
        elif extended >= self._end:
            self._far_off = 0
        entries = self._entries
        place = len(entries)
        while place and entries[place - 1][0] >= extended:
            place -= 1
        if place < len(entries) and entries[place][0] == extended:
            self.duplicate += 1
            return False
        entries.insert(place, (extended, duration, payload))
        if extended + duration > self._end:
            self._move_end(extended + duration)
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

    def _behind(self, extended: int) -> bool:
        """A packet before the playing point. True when it is taken as a new time base."""
        if self._expected - extended > self._resync:
            self._far_off += 1
            if self._far_off > 1:  # one may be a straggler, two are a sender that has jumped back
                self._far_off = 0
                self.resyncs += 1
                self._entries.clear()
                self.depth = 0
                self._expected = extended
                self._move_end(extended)
                self._starved = True
                return True
        self.late += 1
        return False

    def _overflow(self) -> None:
        """Too much waits: the oldest goes, since late speech is worth less than fresh speech."""
        entries = self._entries
        while self.depth > self._max_depth and len(entries) > 1:
            _, duration, _ = entries.pop(0)
            self.depth -= duration
            self.overflowed += 1
            self._expected = entries[0][0]

    def take(self) -> bytes | int | None:
        """The next payload; or the length in ticks of a gap before the next one that is here; or None when
        nothing is here.

        A gap is told once: the next call returns the payload behind it.
        """
        entries = self._entries
        if not entries:
            self._starved = True
            return None
        extended, duration, payload = entries[0]
        if extended != self._expected and (gap := self._gap(extended)):
            return gap
        self._starved = False
        del entries[0]
        self._expected = extended + duration
        self.depth -= duration
        return payload

    def peek(self) -> bytes | None:
        """The payload that is next in the buffer, gap or not; it stays there."""
        return self._entries[0][2] if self._entries else None

    def _gap(self, extended: int) -> int:
        """Ticks to be filled before the packet at `extended`, which is not the one expected."""
        gap = extended - self._expected
        self._expected = extended
        if self._starved:
            return 0  # while the buffer was empty time has passed and was filled already
        if gap > self._resync:
            self.resyncs += 1
            return 0
        return gap
