"""This gateway among others on the same database: its sign of life, and who else gives one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import structlog

from gateway.background_task import BackgroundTask
from store.cluster_records import NodeRecord
from store.errors import StoreError
from store.nodes import NodeRepository

log = structlog.get_logger(__name__)

BEATS_IN_TIMEOUT = 4


async def nothing_lost() -> None:
    """For a node whose calls nobody takes."""


class Heartbeat(BackgroundTask):
    """Tells the database that we live, `BEATS_IN_TIMEOUT` times in the time after which a node is dead.

    Others are taken for dead only by a node that has itself been heard of all the while: when the database
    was away nobody was, and nobody is dead for that. `on_living` is told every `timeout_s` seconds which
    nodes live, and as soon as one is found dead, and cleans up after all others. `on_return` is told when we
    were silent ourselves for so long that others may have taken us for dead.
    """

    def __init__(
        self,
        nodes: NodeRepository,
        node: NodeRecord,
        *,
        timeout_s: float,
        on_living: Callable[[frozenset[str]], Awaitable[None]],
        on_return: Callable[[], Awaitable[None]] = nothing_lost,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__("heartbeat")
        self.node = node
        self._nodes = nodes
        self._timeout_s = timeout_s
        self._period_s = timeout_s / BEATS_IN_TIMEOUT
        self._on_living = on_living
        self._on_return = on_return
        self._was_silent = False
        self._clock = clock
        self._steady_since = clock()
        self._last_beat = clock()
        self._living: dict[str, NodeRecord] = {node.id: node}
        self._somebody_died = False  # and nobody has cleaned up after it: its callers wait
        self.taken = False  # another gateway runs under our id

    @property
    def living(self) -> int:
        """How many nodes were alive when last looked, this one among them."""
        return len(self._living)

    def find(self, node_id: str) -> NodeRecord | None:
        """A node that was alive when last looked."""
        return self._living.get(node_id)

    async def enter(self) -> None:
        """Be known before the first call. Raises `StoreError`."""
        await self._nodes.enter(self.node)
        await self.look()
        self._steady_since = self._last_beat = self._clock()

    async def beat(self) -> None:
        """One sign of life, and a look at the others. Raises `StoreError`."""
        now = self._clock()
        taken = not await self._nodes.beat(self.node)
        if taken and not self.taken:
            log.error("node_id_taken", node_id=self.node.id)
        self.taken = taken
        if now - self._last_beat > self._timeout_s / 2:
            self._steady_since = now  # nobody knows who was heard of meanwhile
            self._was_silent = True
        self._last_beat = now
        if self._was_silent:  # only now that we are known to live again nobody takes more of our calls
            await self._on_return()
            self._was_silent = False
        await self.look()

    async def close(self) -> None:
        await super().close()
        with suppress(StoreError):
            await self._nodes.leave(self.node)

    async def look(self) -> None:
        listed = await self._nodes.list()
        self._living = {node.id: node for node in listed if node.silent_s < self._timeout_s}
        self._somebody_died = len(self._living) < len(listed)
        self._living[self.node.id] = self.node

    async def _run(self) -> None:
        told_at = self._clock()
        while True:
            await asyncio.sleep(self._period_s)
            try:
                await self.beat()
                now = self._clock()
                waited = now - told_at >= self._timeout_s or self._somebody_died
                if waited and now - self._steady_since >= self._timeout_s:
                    told_at = now
                    await self._on_living(frozenset(self._living))
                    await self._forget_dead()
            except StoreError as error:
                log.warning("heartbeat_missed", reason=str(error))
            except Exception:
                log.exception("heartbeat_failed")

    async def _forget_dead(self) -> None:
        for node in await self._nodes.list():
            if node.silent_s >= self._timeout_s and await self._nodes.remove_silent(node.id, self._timeout_s):
                log.warning("node_dead", node_id=node.id, silent_seconds=round(node.silent_s))
