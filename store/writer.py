"""Write-behind for calls: the call path puts states here and goes on, a task writes them down in batches.

Several states of one call between two writes become one row; the news for the outbox that came with them are
all written. What is put is in the database some tens of milliseconds later, or at once for whoever awaits
`flush`. A database that fails is tried again with growing pauses; meanwhile the newest state of each call is
kept. The bounds:

* `limit_calls` calls waiting: a call that does not wait yet is refused, unless its status is terminal
  (`dropped_records`). Terminal states are always taken.
* `limit_events` timeline events waiting: further events are refused (`dropped_events`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import structlog

from store.calls import CallNews, CallRepository
from store.errors import StoreUnavailableError, WriterClosedError, WriterFullError
from store.records import CallRecord, TimelineEvent

log = structlog.get_logger(__name__)

FLUSH_INTERVAL = 0.05  # seconds that a state may wait for company
BATCH_CALLS = 256  # calls in one transaction; so many waiting calls are written without waiting for more
LIMIT_CALLS = 20_000
LIMIT_EVENTS = 400_000
FIRST_PAUSE = 0.1  # seconds after the first failure, doubled by each further one
LONGEST_PAUSE = 5.0
CATCH_UP_TIMEOUT = 3.0  # seconds that somebody who asks for a call waits for its state to be written
CLOSE_TIMEOUT = 10.0

# The same batch may succeed later.
_PASSING = StoreUnavailableError


@dataclass(slots=True)
class _Waiting:
    """The newest record of a call, its events and its news since the last write."""

    number: int  # rises with each entry: the order of writing
    record: CallRecord
    events: list[TimelineEvent] = field(default_factory=list)
    news: list[CallNews] = field(default_factory=list)


class CallWriter:
    """Batches call states into transactions. `start` it on the loop, `close` it at the end."""

    def __init__(
        self,
        calls: CallRepository,
        *,
        interval: float = FLUSH_INTERVAL,
        batch_calls: int = BATCH_CALLS,
        limit_calls: int = LIMIT_CALLS,
        limit_events: int = LIMIT_EVENTS,
        first_pause: float = FIRST_PAUSE,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_news` is called after each transaction that wrote some."""
        self._calls = calls
        self._on_news = on_news
        self._interval = interval
        self._batch_calls = batch_calls
        self._limit_calls = limit_calls
        self._limit_events = limit_events
        self._first_pause = first_pause
        self._pending: dict[str, _Waiting] = {}
        self._pending_events = 0
        self._in_flight = 0
        self._failing = False
        self._last_number = 0
        self._written_number = 0
        self._work = asyncio.Event()  # something waits
        self._hurry = asyncio.Event()  # do not wait for company
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.written_records = 0
        self.written_events = 0
        self.batches = 0
        self.failures = 0  # attempts that the database failed
        self.dropped_records = 0
        self.dropped_events = 0
        self.rejected_records = 0  # could not be written for good

    def start(self) -> None:
        """Start the writing task on the running loop."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="call-writer")

    @property
    def waiting(self) -> int:
        """How many call states are not in the database yet."""
        return len(self._pending) + self._in_flight

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return not self._failing

    def put(
        self, record: CallRecord, events: Sequence[TimelineEvent] = (), news: Sequence[CallNews] = ()
    ) -> bool:
        """Take the newest state of a call and what happened since the last `put`; never waits.

        News are as many as a call has changes of status, and are taken with the record.

        False when the record was dropped (see the module's bounds). Raises `WriterClosedError`.
        """
        if self._closed:
            raise WriterClosedError(f"call {record.id} came after the writer was closed")
        waiting = self._pending.get(record.id)
        if waiting is None:
            if len(self._pending) >= self._limit_calls and not record.status.terminal:
                self.dropped_records += 1
                self.dropped_events += len(events)
                return False
            self._last_number += 1
            waiting = self._pending[record.id] = _Waiting(self._last_number, record)
        elif not waiting.record.status.terminal or record.status is waiting.record.status:
            waiting.record = record
        waiting.news.extend(news)
        if self._pending_events + len(events) > self._limit_events:
            self.dropped_events += len(events)
        else:
            waiting.events.extend(events)
            self._pending_events += len(events)
        self._work.set()
        if len(self._pending) >= self._batch_calls:
            self._hurry.set()
        return True

    async def insert(self, record: CallRecord, events: Sequence[TimelineEvent] = ()) -> None:
        """Put a new call and return when it is committed; several at once share one transaction.

        Raises `WriterClosedError`, `WriterFullError`.
        """
        if not self.put(record, events):
            raise WriterFullError(f"{len(self._pending)} calls wait to be written")
        await self.flush()

    async def flush(self) -> None:
        """Return when all that was put before is committed; waits as long as the database is away."""
        if self._written_number >= self._last_number:
            return
        done = asyncio.get_running_loop().create_future()
        self._flushes.append((self._last_number, done))
        self._work.set()
        self._hurry.set()
        await done

    async def catch_up(self) -> None:
        """Like `flush`, for those who would rather be refused than wait for a database that is away.

        Raises `StoreUnavailableError`.
        """
        if self._failing:
            raise StoreUnavailableError(f"{self.waiting} calls wait to be written")
        try:
            async with asyncio.timeout(CATCH_UP_TIMEOUT):
                await self.flush()
        except TimeoutError as error:
            raise StoreUnavailableError(f"{self.waiting} calls wait to be written") from error

    async def close(self, patience: float = CLOSE_TIMEOUT) -> None:
        """Take no more, write what waits for at most `patience` seconds, and stop; what is lost is logged."""
        self._closed = True
        if self._task is None:
            return
        try:
            async with asyncio.timeout(patience):
                await self.flush()
        except TimeoutError:
            log.error("call_states_lost", calls=self.waiting, waited_seconds=patience)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            if not self._hurry.is_set():
                try:
                    async with asyncio.timeout(self._interval):
                        await self._hurry.wait()
                except TimeoutError:
                    pass
            self._hurry.clear()
            while self._pending:
                await self._write(self._take())
                if not self._flushes and len(self._pending) < self._batch_calls:
                    break  # the rest waits for company again
            if not self._pending:
                self._work.clear()

    def _take(self) -> list[_Waiting]:
        batch = list(islice(self._pending.values(), self._batch_calls))
        for waiting in batch:
            del self._pending[waiting.record.id]
            self._pending_events -= len(waiting.events)
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        """Write a batch, however long it takes, and wake those who wait for it."""
        self._in_flight = len(batch)
        pause = self._first_pause
        while True:
            try:
                await self._save(batch)
                break
            except _PASSING as error:
                self.failures += 1
                self._failing = True
                log.warning("call_batch_failed", calls=len(batch), error=str(error), retry_seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        self._failing = False
        self._in_flight = 0
        self._written_number = batch[-1].number
        still: list[tuple[int, asyncio.Future[None]]] = []
        for number, done in self._flushes:
            if number > self._written_number:
                still.append((number, done))
            elif not done.done():
                done.set_result(None)
        self._flushes = still

    async def _save(self, batch: list[_Waiting]) -> None:
        """One transaction; when the data is at fault, one for each call, so that only the bad one is lost."""
        events = [event for waiting in batch for event in waiting.events]
        news = [item for waiting in batch for item in waiting.news]
        try:
            await self._calls.save_batch([waiting.record for waiting in batch], events, news)
        except _PASSING:
            raise
        except Exception as error:  # noqa: BLE001 - of whatever kind: all other calls wait for this task
            if len(batch) > 1:
                for waiting in batch:
                    await self._save([waiting])
                return
            self.rejected_records += 1
            log.error("call_state_rejected", call_id=batch[0].record.id, error=str(error))
            return
        self.batches += 1
        self.written_records += len(batch)
        self.written_events += len(events)
        if news:
            self._on_news()
