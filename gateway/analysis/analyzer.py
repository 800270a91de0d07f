"""Has the transcripts read that are due, and writes down what they told.

Whatever happens, an analysis ends: with what the model said, or, when it says nothing usable in time, with
what the facts of the call tell. What tells of the result is sent only then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from gateway.analysis.answer_schema import InvalidAnswerError
from gateway.analysis.model_client import ModelClient, ModelError
from gateway.analysis.outcome import COMPLETED, certain_outcome
from gateway.analysis.reading import Analysis, read_transcript
from gateway.background_task import BackgroundTask
from gateway.metrics import GatewayMetrics
from store.analysis_records import DueAnalysis
from store.call_analyses import CallAnalysisRepository
from store.calls import CallRepository
from store.errors import StoreError
from store.identifiers import uuid7
from store.records import CallRecord
from store.webhook_records import OutboxEvent

log = structlog.get_logger(__name__)

POLL_S = 1.0
FAILURE_PAUSE_S = 1.0  # when the database is away
RETRY_PAUSES_S = (5.0, 15.0, 30.0)  # when the model's server gives no answer; the last one again and again
LEASE_MARGIN_S = 20.0
BATCH = 100  # of those for which there is no time left

Finished = Callable[[CallRecord], None]


class CallAnalyzer(BackgroundTask):
    """`model` None: nothing is read, but what an earlier run left is brought to its end. `events` are what
    tells of a result, `on_finished` hears of the call as it is in the store then.
    """

    def __init__(
        self,
        analyses: CallAnalysisRepository,
        calls: CallRepository,
        model: ModelClient | None,
        metrics: GatewayMetrics,
        events: Callable[[CallRecord], Sequence[OutboxEvent]],
        on_finished: Finished,
        *,
        timeout_s: float = 30.0,
        concurrency: int = 4,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__("call-analyzer")
        self._analyses = analyses
        self._calls = calls
        self._model = model
        self._metrics = metrics
        self._events = events
        self._on_finished = on_finished
        self._concurrency = concurrency
        self._now = now
        self._started_at = now()
        self._name_of_claims = uuid7()
        # An attempt asks the model at most twice.
        self._lease = timedelta(seconds=2 * timeout_s + LEASE_MARGIN_S)
        self._work = asyncio.Event()
        self._readings: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """A call has ended."""
        self._work.set()

    @property
    def busy(self) -> bool:
        return bool(self._readings)

    async def close(self) -> None:
        """Stop, and give back what is not finished."""
        await super().close()
        for task in self._readings:
            task.cancel()
        await asyncio.gather(*self._readings, return_exceptions=True)
        with suppress(StoreError):
            await self._analyses.release(self._name_of_claims, self._now())
        if self._model is not None:
            await self._model.close()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._work.wait()
            self._work.clear()
            try:
                while await self.turn():
                    pass
            except StoreError as error:
                log.warning("analyses_unavailable", error=str(error), retry_seconds=FAILURE_PAUSE_S)
                await asyncio.sleep(FAILURE_PAUSE_S)
            except Exception:
                log.exception("analysis_turn_failed")
                await asyncio.sleep(FAILURE_PAUSE_S)

    async def turn(self) -> int:
        """Begin with what is due; how many were begun or brought to their end. Raises `StoreError`."""
        now = self._now()
        if not await self._analyses.any_due(now):
            return 0
        late = await self._claim(BATCH, now, late=True)
        for due in late:
            await self._finish(due, None, "late")
        free = self._concurrency - len(self._readings)
        begun = await self._claim(free, now, late=False) if free > 0 else []
        for due in begun:
            task = asyncio.create_task(self._read(due), name=f"analysis-{due.call_id}")
            self._readings.add(task)
            task.add_done_callback(self._read_over)
        return len(late) + len(begun)

    async def _claim(self, limit: int, now: datetime, *, late: bool) -> list[DueAnalysis]:
        """Those for which time is left, or (`late`) those for which none is. What the time ran out for while
        no gateway was there gets one attempt all the same.
        """
        return await self._analyses.claim(
            limit,
            now,
            now + self._lease,
            self._name_of_claims,
            late=late,
            fresh_since=self._started_at if self._model is not None else None,
        )

    def _read_over(self, task: asyncio.Task[None]) -> None:
        self._readings.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("analysis_crashed", exc_info=task.exception())
        self._work.set()

    async def _read(self, due: DueAnalysis) -> None:
        """One attempt. A database that is away meanwhile has it made again when the claim ends."""
        assert self._model is not None
        call = await self._calls.find(due.call_id)
        if call is None:
            return
        try:
            analysis = await read_transcript(self._model, due, call)
        except InvalidAnswerError as error:
            log.warning("analysis_invalid", call_id=due.call_id, error=str(error))
            await self._finish(due, None, "failed")
        except ModelError as error:
            await self._failed(due, error)
        else:
            await self._finish(due, analysis, "done")

    async def _failed(self, due: DueAnalysis, error: ModelError) -> None:
        pause = RETRY_PAUSES_S[min(due.attempts, len(RETRY_PAUSES_S) - 1)]
        again_at = self._now() + timedelta(seconds=pause)
        log.warning("analysis_failed", call_id=due.call_id, attempt=due.attempts + 1, error=str(error))
        if again_at >= due.deadline_at:
            await self._finish(due, None, "failed")
        else:
            await self._analyses.retry(due, again_at)

    async def _finish(self, due: DueAnalysis, analysis: Analysis | None, result: str) -> None:
        call = await self._calls.find(due.call_id)
        if call is None:
            return
        said = analysis.outcome if analysis is not None else None
        record = await self._analyses.finish(
            due,
            certain_outcome(call) or said or COMPLETED,
            analysis.public() if analysis is not None else None,
            self._now(),
            self._events,
        )
        if record is not None:
            self._metrics.analyses.labels(result).inc()
            self._on_finished(record)
