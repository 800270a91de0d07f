"""So many calls a second go out over a trunk: each in its turn, evenly spaced. Every node paces its own."""

from __future__ import annotations

from collections.abc import Callable

from store.records import Trunk

MOST_TRUNKS = 10_000

Pace = Callable[[str | None, float], float]
"""`TrunkPace.wait`."""


def at_once(trunk_id: str | None, now: float) -> float:
    """Nobody waits."""
    return 0.0


class TrunkPace:
    """Told of each call that is about to be dialled."""

    def __init__(self, trunk: Callable[[str], Trunk | None]) -> None:
        self._trunk = trunk
        self._free_at: dict[str, float] = {}

    def wait(self, trunk_id: str | None, now: float) -> float:
        """Seconds until a call may go out over this trunk; 0: now, and its turn is taken."""
        trunk = None if trunk_id is None else self._trunk(trunk_id)
        rate = None if trunk is None else trunk.rates.outbound_calls_per_second
        if trunk is None or rate is None:
            return 0.0
        free_at = self._free_at.get(trunk.id, now)
        if free_at > now:
            return free_at - now
        if len(self._free_at) >= MOST_TRUNKS:
            self._free_at = {key: at for key, at in self._free_at.items() if at > now}
        self._free_at[trunk.id] = now + 1 / rate
        return 0.0
