"""The pool of even UDP ports for RTP; the odd port above each is its RTCP port (RFC 3550, section 11).

A released port rests before it is used again, so that late packets of an ended call never reach a new one.
The order is random at start, so that neither a restart nor a stranger can tell which port is next. No sockets
here: whoever takes a port binds it, and gives it back with `reject` when somebody else has it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection


class PortPool:
    """Even ports within `low`..`high` whose odd neighbour is in the range too, without those of which either
    is reserved. Times are monotonic seconds.
    """

    def __init__(
        self,
        low: int,
        high: int,
        rest_s: float,
        *,
        reserved: Collection[int] = (),
        shuffle: random.Random | None = None,
    ) -> None:
        ports = [
            port
            for port in range(low + low % 2, high, 2)
            if port not in reserved and port + 1 not in reserved
        ]
        (shuffle or random.SystemRandom()).shuffle(ports)
        self._ready = deque(ports)
        self._resting: deque[tuple[float, int]] = deque()
        self._rest_s = rest_s
        self._taken: set[int] = set()
        self.unbindable = 0

    def take(self, now: float) -> int | None:
        """A port to bind, or None when every port is in use or resting."""
        self._wake(now)
        if not self._ready:
            return None
        port = self._ready.popleft()
        self._taken.add(port)
        return port

    def release(self, port: int, now: float) -> None:
        """The port was used and is closed now: it rests, then goes to the end of the line."""
        self._taken.remove(port)
        self._resting.append((now + self._rest_s, port))

    def reject(self, port: int, now: float) -> None:
        """The port could not be bound: another program has it. It is tried again after a rest."""
        self.unbindable += 1
        self.release(port, now)

    def rest(self, port: int, until: float) -> None:
        """Keep a port that nobody has taken from being taken before `until`: another process used it last."""
        if port in self._ready:
            self._ready.remove(port)
            self._resting = deque(sorted([*self._resting, (until, port)]))

    def free(self, now: float) -> int:
        """How many ports could be taken now."""
        self._wake(now)
        return len(self._ready)

    @property
    def in_use(self) -> int:
        return len(self._taken)

    def _wake(self, now: float) -> None:
        resting = self._resting
        while resting and resting[0][0] <= now:
            self._ready.append(resting.popleft()[1])
