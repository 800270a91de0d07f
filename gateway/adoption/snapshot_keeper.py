"""Keeps the snapshots of this node's calls: written behind, some at a time, and only when something changed
that whoever goes on with the call has to know. A call that is over sooner is never written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from msgspec.structs import replace

from gateway.adoption.places import SnapshotPlaces
from gateway.adoption.snapshot import CallSnapshot, encode
from gateway.background_task import BackgroundTask
from gateway.call import Call
from sip.dialog_snapshot import CSEQ_MARGIN
from store.errors import StoreError

log = structlog.get_logger(__name__)

WAIT_S = 0.2  # for company: one write for all that changed meanwhile
PAUSE_S = 2.0  # after a write that failed
BATCH = 256
# Steps of a call after which its snapshot is another, or there is none: a transfer cannot be taken up.
_TELLING = ("transfer", "engine-recovered", "held", "unheld", "recording-st")


class Keepable(Protocol):
    """A session."""

    call: Call

    def snapshot(self) -> CallSnapshot | None:
        """As it is now; None while nobody else could go on with it."""
        ...


class SnapshotKeeper(BackgroundTask):
    """`start` it, tell it what changes, and `close` it. Without `enabled` nothing is kept."""

    def __init__(self, places: SnapshotPlaces, *, enabled: bool = True) -> None:
        super().__init__("call-snapshots")
        self._places = places
        self._enabled = enabled
        self._changed: dict[str, Keepable] = {}
        self._kept: dict[str, int] = {}  # with what tells whether another write is due
        self._followed: set[str] = set()
        self._over: set[str] = set()
        self._work = asyncio.Event()
        self.written = 0
        self.failures = 0

    def changed(self, session: Keepable) -> None:
        """The call was answered, or what was agreed in it is another now."""
        if not self._enabled:
            return
        call_id = session.call.id
        self._changed[call_id] = session
        self._work.set()
        if call_id not in self._followed:
            self._followed.add(call_id)

            def follow(kind: str, data: Mapping[str, Any]) -> None:
                if kind == "timeline" and str(data["step"]).startswith(_TELLING):
                    self.changed(session)

            session.call.follow(follow)

    def over(self, call_id: str) -> None:
        """The call has ended, or is somebody else's now."""
        self._followed.discard(call_id)
        self._changed.pop(call_id, None)
        if call_id in self._kept:
            del self._kept[call_id]
            self._over.add(call_id)
            self._work.set()

    def left(self, call_id: str) -> None:
        """The call is somebody else's now, and the snapshot with it."""
        self._kept.pop(call_id, None)
        self.over(call_id)

    def took(self, call_id: str) -> None:
        """A call has come to us; its snapshot is there already."""
        self._kept[call_id] = 0

    async def flush(self) -> None:
        """Write what has changed. Raises `StoreError`, and what was not written is tried again."""
        batch = dict(list(self._changed.items())[:BATCH])
        over = [*self._over][:BATCH]
        written: dict[str, bytes] = {}
        for call_id, session in batch.items():
            del self._changed[call_id]
            snapshot = session.snapshot()
            if snapshot is not None:
                known = _what_counts(snapshot)
                if self._kept.get(call_id) != known:
                    self._kept[call_id] = known  # at once: the call may end while it is being written
                    written[call_id] = encode(snapshot)
            elif call_id in self._kept:
                over.append(call_id)
        try:
            if written:
                await self._places.save(written)
                self.written += len(written)
            if over:
                await self._places.remove(over)
                for call_id in over:
                    self._kept.pop(call_id, None)
                self._over.difference_update(over)
        except StoreError:
            self.failures += 1
            for call_id, session in batch.items():
                if call_id in self._followed:
                    self._kept[call_id] = 0
                    self._changed.setdefault(call_id, session)
            raise

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            await asyncio.sleep(WAIT_S)
            self._work.clear()
            try:
                while self._changed or self._over:
                    await self.flush()
            except StoreError as error:
                log.warning("call_snapshots_not_written", calls=len(self._changed), reason=str(error))
                await asyncio.sleep(PAUSE_S)
                self._work.set()
            except Exception:
                log.exception("call_snapshots_failed")


def _what_counts(snapshot: CallSnapshot) -> int:
    """Another number for another state. Each request raises a CSeq; whoever restores the call leaves room."""
    dialog = snapshot.dialog
    plain = replace(dialog, local_cseq=dialog.local_cseq // (CSEQ_MARGIN // 2), remote_cseq=None)
    return hash(encode(replace(snapshot, dialog=plain)))
