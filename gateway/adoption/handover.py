"""Giving calls to other nodes before this one stops, and taking calls of those that do.

A node that stops offers its calls in the database and goes on with them. Another takes an offer, makes all
ready and has the far party send its audio there; only then does the first one let the call go. What nobody
takes, or what comes to nothing, stays where it is and ends as it would have without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

import structlog

from gateway.adoption.adopter import Adopter
from gateway.adoption.places import SnapshotPlaces
from gateway.adoption.snapshot import encode
from gateway.background_task import BackgroundTask
from gateway.session import Session
from store.call_snapshots import CallHandoverRepository
from store.errors import StoreError
from store.records import RecordingStatus

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5  # for offers of others, while there are others
TAKEN_AT_ONCE = 8  # so that the calls of one node are shared out among those that look
SETTLED_LOOK_S = 0.05
OFFER_LASTS_S = 15.0


class Handover(BackgroundTask):
    """From `start` to `close` calls of others are taken, unless `busy`; `hand_over` gives ours away."""

    def __init__(
        self,
        offers: CallHandoverRepository,
        places: SnapshotPlaces,
        adopter: Adopter,
        node_id: str,
        *,
        enabled: bool,
        others: Callable[[], int],
        busy: Callable[[], bool],
        written: Callable[[], Awaitable[None]],
    ) -> None:
        """`others`: how many more nodes live; `written` waits until what calls have told is in the store."""
        super().__init__("call-handover")
        self._offers = offers
        self._places = places
        self._adopter = adopter
        self._node_id = node_id
        self._enabled = enabled
        self._others = others
        self._busy = busy
        self._written = written
        self._taking: set[asyncio.Task[None]] = set()

    async def hand_over(self, sessions: Sequence[Session], *, recorded: bool) -> int:
        """Offer calls to the others and let go of those that they have taken; how many. Those that are being
        recorded only with `recorded`: their recording is torn.
        """
        if not self._enabled or self._others() < 1:
            return 0
        offered: dict[str, Session] = {}
        snapshots: dict[str, bytes] = {}
        for session in sessions:
            snapshot = session.snapshot()
            runs = session.call.record.recording_status is RecordingStatus.RECORDING
            if snapshot is not None and (recorded or not runs):
                offered[session.call.id] = session
                snapshots[session.call.id] = encode(snapshot)
                session.call.step("offered", by=self._node_id)
                session.call.save()
        if not offered:
            return 0
        try:
            async with asyncio.timeout(OFFER_LASTS_S):
                await self._written()
                await self._places.save(snapshots)
                await self._offers.offer(list(offered), self._node_id)
                return await self._let_go(offered)
        except (StoreError, TimeoutError) as error:
            log.warning("calls_not_handed_over", calls=len(offered), reason=str(error) or "time-out")
            return 0
        finally:
            await self._withdraw()

    async def close(self) -> None:
        await super().close()
        for task in self._taking:
            task.cancel()
        await asyncio.gather(*self._taking, return_exceptions=True)

    async def _let_go(self, offered: dict[str, Session]) -> int:
        given = 0
        begun = monotonic()
        while offered and monotonic() - begun < OFFER_LASTS_S - 1:
            states = await self._offers.states(self._node_id)
            for call_id, session in list(offered.items()):
                state = states.get(call_id)
                if state == "done":
                    session.let_go()
                    given += 1
                if state in ("done", "refused", None) or session.over:
                    del offered[call_id]
            if offered:
                await asyncio.sleep(SETTLED_LOOK_S)
        log.info("calls_handed_over", calls=given, kept=len(offered))
        return given

    async def _withdraw(self) -> None:
        try:
            await self._offers.withdraw(self._node_id)
        except StoreError as error:
            log.warning("offers_not_withdrawn", reason=str(error))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._enabled or self._others() < 1 or self._busy():
                continue
            try:
                for call_id, from_node in await self._offers.take(self._node_id, TAKEN_AT_ONCE):
                    task = asyncio.create_task(self._take(call_id, from_node))
                    self._taking.add(task)
                    task.add_done_callback(self._taking.discard)
            except StoreError as error:
                log.warning("offers_unknown", reason=str(error))
            except Exception:
                log.exception("handover_failed")

    async def _take(self, call_id: str, from_node: str) -> None:
        done = False
        try:
            done = await self._adopter.take_over(call_id, from_node)
        except Exception:
            log.exception("handover_failed", call_id=call_id)
        finally:
            await self._offers.settle(call_id, self._node_id, done=done)
