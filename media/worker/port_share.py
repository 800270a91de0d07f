"""The RTP ports of several workers: each has a part of the range for itself, and the ports of a worker that
died rest before its successor uses them.
"""

from __future__ import annotations

import itertools


def split_ports(low: int, high: int, parts: int) -> list[tuple[int, int]]:
    """Disjoint ranges of whole pairs (even port, odd port above it), as equal as can be. Raises `ValueError`
    when there are fewer pairs than parts.
    """
    first = low + low % 2
    pairs = (high + 1 - first) // 2
    if parts < 1 or pairs < parts:
        raise ValueError(f"{max(0, pairs)} port pairs cannot serve {parts} media workers")
    bounds = [first + 2 * (pairs * part // parts) for part in range(parts + 1)]
    return [(start, end - 1) for start, end in itertools.pairwise(bounds)]


class RestingPorts:
    """When each port used lately may be used again. Times are monotonic seconds."""

    def __init__(self, rest_s: float) -> None:
        self._rest_s = rest_s
        self._until: dict[int, float] = {}

    def release(self, port: int, now: float) -> None:
        """The port is not in use any more."""
        self._until.pop(port, None)  # to the end of the order
        self._until[port] = now + self._rest_s
        self._forget(now)

    def left(self, now: float) -> dict[int, float]:
        """The ports that must not be used yet, each with the seconds left."""
        self._forget(now)
        return {port: until - now for port, until in self._until.items()}

    def _forget(self, now: float) -> None:
        while self._until:
            port = next(iter(self._until))
            if self._until[port] > now:
                break
            del self._until[port]
