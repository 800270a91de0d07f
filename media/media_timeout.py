"""Tells when the far party has gone silent: no first packet after the call was answered, or none in
mid-call.
"""

from __future__ import annotations

FIRST_PACKET = "first-packet"
MID_CALL = "mid-call"


class MediaTimeout:
    """The watch of one leg, in monotonic seconds. Each kind is told once; a packet sets the mid-call watch
    again.
    """

    __slots__ = ("_first_s", "_lost_at", "_mid_s", "_since", "_told")

    def __init__(self, first_packet_ms: int, mid_call_ms: int) -> None:
        """0 = never."""
        self._first_s = first_packet_ms / 1000
        self._mid_s = mid_call_ms / 1000
        self._since: float | None = None  # since when packets are expected
        self._told: float | None = None
        self._lost_at: float | None = None  # the last packet before a mid-call time-out that was told

    def expect(self, expecting: bool, now: float) -> None:
        """Packets are due from now on, or (hold) none are."""
        if not expecting:
            self._since = None
        elif self._since is None:
            self._since = now

    def check(self, last_packet_at: float | None, now: float) -> tuple[str, int] | None:
        """The kind of time-out that has come and the milliseconds of silence, else None."""
        if self._since is None:
            return None
        if last_packet_at is None:
            start, limit, kind = self._since, self._first_s, FIRST_PACKET
        else:
            start, limit, kind = max(last_packet_at, self._since), self._mid_s, MID_CALL
        if not limit or now - start < limit or self._told == start:
            return None
        self._told = start
        if kind == MID_CALL:
            self._lost_at = last_packet_at
        return kind, int((now - start) * 1000)

    def returned(self, last_packet_at: float | None) -> bool:
        """Whether packets come again after a mid-call time-out. True once."""
        if self._lost_at is None or last_packet_at is None or last_packet_at <= self._lost_at:
            return False
        self._lost_at = None
        return True
