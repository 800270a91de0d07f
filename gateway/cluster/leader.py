"""Leadership: of all nodes on a database one at a time does what must be done once.

It is a lease in the database, where the work is too: whoever cannot reach the one cannot do the other, and
Redis is not asked. A leader counts its own time shorter than the database does, so that it has stopped before
another can begin. `term` rises with each change: work that may have been delayed can be refused by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

import structlog

from gateway.background_task import BackgroundTask
from store.errors import StoreError
from store.leaderships import LeadershipRepository

log = structlog.get_logger(__name__)


class Leader(BackgroundTask):
    """Tries to lead under a name from `start` to `close`; `leading` tells whether it does now."""

    def __init__(
        self,
        leaderships: LeadershipRepository,
        name: str,
        *,
        node_id: str,
        run_id: str,
        lease_s: float = 20.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(f"leader-{name}")
        self._leaderships = leaderships
        self._leads = name
        self._node_id = node_id
        self._run_id = run_id
        self._lease_s = lease_s
        self._clock = clock
        self._until = 0.0
        self._term = 0
        self._elected = asyncio.Event()
        self.on_elected: Callable[[], None] = _nothing

    @property
    def leading(self) -> bool:
        return self._clock() < self._until

    @property
    def term(self) -> int:
        """The number of the newest leadership of ours; 0 before the first."""
        return self._term

    async def wait_leading(self) -> int:
        """Return when this node leads, with the term. It may have ended again: look at `leading`."""
        while not self.leading:
            self._elected.clear()
            await self._elected.wait()
        return self._term

    async def campaign(self, *, succeed_own: bool = False) -> bool:
        """Try once to lead, or to go on leading. False also when the database is away."""
        asked = self._clock()  # before: the lease begins no earlier
        led = self.leading
        try:
            term = await self._leaderships.claim(
                self._leads, self._node_id, self._run_id, self._lease_s, succeed_own=succeed_own
            )
        except StoreError as error:
            log.warning("leadership_unknown", name=self._leads, leading=self.leading, reason=str(error))
            return self.leading
        if term is None:
            self._until = 0.0
            if led:
                log.warning("leadership_lost", name=self._leads, term=self._term)
            return False
        self._until = asked + self._lease_s * 0.75
        if term != self._term:
            self._term = term
            log.info("leading", name=self._leads, term=term)
        if not led:
            self._elected.set()
            self.on_elected()
        return True

    async def close(self) -> None:
        await super().close()
        if self.leading:
            self._until = 0.0
            with suppress(StoreError):
                await self._leaderships.resign(self._leads, self._run_id)

    async def _run(self) -> None:
        await self.campaign(succeed_own=True)
        while True:
            await asyncio.sleep(self._lease_s / 4)
            await self.campaign()


def _nothing() -> None:
    pass
