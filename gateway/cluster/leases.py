"""Who holds a place: every call (or whatever else is limited) has a lease while it lasts, and a lease counts
against each limit it was taken for.

One node alone counts in memory. With Redis the nodes count together (`redis_leases`): a lease there has an
end, which the heartbeat of the node that holds it puts off, so that a dead node's places become free by
themselves. While Redis is away, each node grants its share of each limit, which is the limit divided by the
nodes that were last known, and at least 1; what was granted before goes on. When Redis is back every node
writes down again what it holds.

Calls that are up are never ended for a limit, so after such a time a count may stand above its limit for as
long as they last.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from gateway.background_task import BackgroundTask
from gateway.cluster.limits import Limit

log = structlog.get_logger(__name__)

CATCH_UP_S = 1.0  # between attempts to tell Redis of releases while it is away
# Releases remembered until Redis is told; older ones end there by themselves, since nobody renews them.
GIVEN_BACK_KEPT = 10_000


class SharedLeasesAway(Exception):
    """The counters that all nodes share cannot be reached."""


class SharedLeases(Protocol):
    """Counters that all nodes share. Every method raises `SharedLeasesAway`."""

    async def acquire(self, lease_id: str, limits: Sequence[Limit]) -> Limit | None:
        """Take one for each limit, all or nothing: the limit that is reached, or None."""

    async def release(self, held: Mapping[str, Sequence[str]]) -> None:
        """Give leases back: the names of their limits by lease."""

    async def renew(self, held: Mapping[str, Sequence[str]]) -> None:
        """Put off the end of leases, and write down again those that are not there."""

    async def count(self, name: str) -> int:
        """How many count for a limit's name."""


@dataclass(frozen=True, slots=True)
class LimitReached:
    """No: this limit is reached. `share` is what was granted of it when the nodes could not count
    together.
    """

    limit: Limit
    share: int | None = None


class Leases(BackgroundTask):
    """Takes leases and gives them back. `start` it, and it renews them until `close`."""

    def __init__(
        self,
        shared: SharedLeases | None = None,
        *,
        renew_every_s: float = 5.0,
        nodes: Callable[[], int] = lambda: 1,
    ) -> None:
        super().__init__("leases")
        self._shared = shared
        self._renew_every_s = renew_every_s
        self._nodes = nodes
        self._held: dict[str, tuple[str, ...]] = {}
        self._counts: dict[str, int] = {}
        self._given_back: deque[tuple[str, tuple[str, ...]]] = deque(maxlen=GIVEN_BACK_KEPT)
        self._work = asyncio.Event()
        self._away = False

    @property
    def away(self) -> bool:
        """The shared counters could not be reached when last asked."""
        return self._away

    def __len__(self) -> int:
        """Leases that this node holds."""
        return len(self._held)

    @property
    def untold(self) -> int:
        """Releases of which the other nodes have not been told."""
        return len(self._given_back)

    def held(self, limit: Limit) -> int:
        """How many of this node's leases count for it."""
        return self._counts.get(limit.name, 0)

    async def count(self, limit: Limit) -> int:
        """How many count for it in the whole cluster; this node's when the others cannot be asked."""
        if self._shared is not None and not self._away:
            try:
                return await self._shared.count(limit.name)
            except SharedLeasesAway as error:
                self._lost(error)
        return self.held(limit)

    async def acquire(self, lease_id: str, limits: Sequence[Limit]) -> LimitReached | None:
        """Take a lease that counts for each of the limits, all or nothing. None is a yes.

        A lease that this node holds already is extended by the limits that are new to it.
        """
        held = self._held.get(lease_id, ())
        wanted = [limit for limit in limits if limit.name not in held]
        if not wanted:
            return None
        if self._shared is not None and not self._away:
            try:
                reached = await self._shared.acquire(lease_id, wanted)
            except SharedLeasesAway as error:
                self._lost(error)
            except asyncio.CancelledError:
                self._give_back(lease_id, tuple(limit.name for limit in wanted))  # it may have been granted
                raise
            else:
                if reached is not None:
                    return LimitReached(reached)
                self._take(lease_id, wanted)
                return None
        for limit in wanted:
            share = self._share(limit)
            if self.held(limit) >= share:
                return LimitReached(limit, share if self._shared is not None else None)
        self._take(lease_id, wanted)
        return None

    def release(self, lease_id: str) -> None:
        """Give a lease back; nothing happens when it is not held. The other nodes see it a moment later."""
        names = self._held.pop(lease_id, None)
        if names is None:
            return
        for name in names:
            left = self._counts[name] - 1
            if left:
                self._counts[name] = left
            else:
                del self._counts[name]
        self._give_back(lease_id, names)

    async def close(self) -> None:
        """Give back everything, for the other nodes to use at once."""
        await super().close()
        for lease_id in tuple(self._held):
            self.release(lease_id)
        if self._shared is not None and self._given_back and not self._away:
            try:
                await self._tell()
            except SharedLeasesAway as error:
                self._lost(error)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + self._renew_every_s
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(renew_at):
                    await self._work.wait()
            self._work.clear()
            try:
                if self._given_back:
                    await self._tell()
                if self._away or loop.time() >= renew_at:
                    await self._renew()
                    renew_at = loop.time() + self._renew_every_s
            except SharedLeasesAway as error:
                self._lost(error)
                await asyncio.sleep(min(CATCH_UP_S, self._renew_every_s))
                self._work.set()

    async def _tell(self) -> None:
        """Tell the others what was given back. What fails is told again."""
        assert self._shared is not None
        batch = dict(self._given_back)
        number = len(self._given_back)
        await self._shared.release(
            {lease_id: names for lease_id, names in batch.items() if lease_id not in self._held}
        )
        for _ in range(min(number, len(self._given_back))):
            self._given_back.popleft()

    async def _renew(self) -> None:
        if self._shared is None:
            return
        await self._shared.renew(self._held)
        if self._away:
            self._away = False
            log.info("leases_shared_again", held=len(self._held))

    def _take(self, lease_id: str, limits: Sequence[Limit]) -> None:
        self._held[lease_id] = (*self._held.get(lease_id, ()), *(limit.name for limit in limits))
        for limit in limits:
            self._counts[limit.name] = self._counts.get(limit.name, 0) + 1

    def _give_back(self, lease_id: str, names: tuple[str, ...]) -> None:
        if self._shared is not None:
            self._given_back.append((lease_id, names))
            self._work.set()

    def _share(self, limit: Limit) -> int:
        """What this node may grant by itself."""
        if self._shared is None:
            return limit.most
        return min(limit.most, max(1, limit.most // max(1, self._nodes())))

    def _lost(self, error: SharedLeasesAway) -> None:
        if not self._away:
            self._away = True
            log.warning("leases_not_shared", reason=str(error), nodes=self._nodes())
        self._work.set()
