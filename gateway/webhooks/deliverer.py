"""Delivers what the outbox holds.

One loop writes down what came of attempts and claims what is due, in few transactions; each attempt is a
task. Endpoints take turns and have at most so many requests under way, fewer when they do not answer, so that
a slow or dead receiver holds up nobody else.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from gateway.background_task import BackgroundTask
from gateway.configuration.calls import WebhooksSection
from gateway.metrics import GatewayMetrics
from gateway.webhooks.retry_schedule import Answer, pause_after
from gateway.webhooks.sender import WebhookSender
from store.errors import StoreError
from store.identifiers import uuid7
from store.webhook_queue import DeliveryResult, WebhookQueue
from store.webhook_records import ClaimedDelivery, DeliveryState

log = structlog.get_logger(__name__)

POLL_S = 1.0  # retries, and what other nodes left behind, are noticed so late at worst
FAILURE_PAUSE_S = 1.0  # when the database is away
COUNT_INTERVAL_S = 5.0
# An endpoint that did not answer gets so many requests at a time until it does.
UNRESPONSIVE_LIMIT = 1
LEASE_MARGIN_S = 20.0  # beyond an attempt's time-out: for the database to take the result


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """`timeout_s` is the sender's. `concurrency` requests are made at a time, to one endpoint
    `endpoint_concurrency` of them.
    """

    timeout_s: float = 10.0
    concurrency: int = 64
    endpoint_concurrency: int = 8


def delivery_settings(section: WebhooksSection) -> DeliverySettings:
    """What the configuration asks for."""
    return DeliverySettings(
        timeout_s=section.timeout,
        concurrency=section.concurrency,
        endpoint_concurrency=section.endpoint_concurrency,
    )


class WebhookDeliverer(BackgroundTask):
    """`now` and `random` (from 0 to 1) are the tests' to choose."""

    def __init__(
        self,
        queue: WebhookQueue,
        sender: WebhookSender,
        settings: DeliverySettings,
        metrics: GatewayMetrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[], float] = random.random,
    ) -> None:
        super().__init__("webhook-deliverer")
        self._queue = queue
        self._settings = settings
        self._metrics = metrics
        self._now = now
        self._random = random
        self._sender = sender
        self._name_of_claims = uuid7()
        self._lease = timedelta(seconds=settings.timeout_s + LEASE_MARGIN_S)
        self._work = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._active: Counter[str] = Counter()
        self._unresponsive: set[str] = set()
        self._results: list[DeliveryResult] = []
        self._last_served = ""
        self._counted_at: datetime | None = None
        self.waiting = 0  # deliveries that are not over, as of some seconds ago

    def wake(self) -> None:
        """Something new was put into the outbox."""
        self._work.set()

    @property
    def busy(self) -> bool:
        """Whether attempts are under way or their results not written down."""
        return bool(self._attempts or self._results)

    async def close(self) -> None:
        """Stop, write down what is known, and give back what was claimed."""
        await super().close()
        for task in self._attempts:
            task.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)
        with suppress(StoreError):
            await self._settle()
            await self._queue.release(self._name_of_claims, self._now())

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._work.wait()
            self._work.clear()
            try:
                await self.turn()
            except StoreError as error:
                log.warning("webhook_queue_unavailable", error=str(error), retry_seconds=FAILURE_PAUSE_S)
                await asyncio.sleep(FAILURE_PAUSE_S)
            except Exception:
                log.exception("webhook_turn_failed")
                await asyncio.sleep(FAILURE_PAUSE_S)

    async def turn(self) -> int:
        """Write down results and begin attempts at what is due; how many were begun. Raises `StoreError`."""
        await self._settle()
        await self._count()
        free = self._settings.concurrency - len(self._attempts)
        if free <= 0:
            return 0
        now = self._now()
        shares = self._shares(await self._queue.due_endpoints(now), free)
        if not shares:
            return 0
        claims = await self._queue.claim(shares, now, now + self._lease, self._name_of_claims)
        for claim in claims:
            self._active[claim.endpoint.id] += 1
            task = asyncio.create_task(self._attempt(claim), name=f"webhook-{claim.event_id}")
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)
        return len(claims)

    async def _settle(self) -> None:
        results, self._results = self._results, []
        try:
            await self._queue.settle(results)
        except BaseException:
            self._results = results + self._results
            raise

    async def _count(self) -> None:
        now = self._now()
        if self._counted_at is None or (now - self._counted_at).total_seconds() >= COUNT_INTERVAL_S:
            self._counted_at = now
            self.waiting = await self._queue.waiting()

    def _shares(self, due: list[str], free: int) -> dict[str, int]:
        """How many deliveries to take of each endpoint: in turns, and from none more than it may have."""
        after = [endpoint for endpoint in due if endpoint > self._last_served]
        turns = after + due[: len(due) - len(after)]
        room = {endpoint: limit for endpoint in turns if (limit := self._room(endpoint)) > 0}
        shares: Counter[str] = Counter()
        while free > 0 and room:
            for endpoint in list(room):
                if free <= 0:
                    break
                shares[endpoint] += 1
                free -= 1
                self._last_served = endpoint
                room[endpoint] -= 1
                if room[endpoint] == 0:
                    del room[endpoint]
        return dict(shares)

    def _room(self, endpoint: str) -> int:
        limit = UNRESPONSIVE_LIMIT if endpoint in self._unresponsive else self._settings.endpoint_concurrency
        return limit - self._active[endpoint]

    async def _attempt(self, claim: ClaimedDelivery) -> None:
        endpoint = claim.endpoint
        try:
            answer = await self._sender.send(endpoint, claim.event_id, claim.payload)
        except Exception as error:  # an attempt never ends the loop
            log.exception("webhook_attempt_crashed", event_id=claim.event_id)
            answer = Answer(error=type(error).__name__)
        finally:
            self._active[endpoint.id] -= 1
            if not self._active[endpoint.id]:
                del self._active[endpoint.id]
        if answer.status is None:
            self._unresponsive.add(endpoint.id)
        else:
            self._unresponsive.discard(endpoint.id)
        self._results.append(self._result(claim, answer))
        self._work.set()

    def _result(self, claim: ClaimedDelivery, answer: Answer) -> DeliveryResult:
        now, attempts = self._now(), claim.attempts + 1
        if answer.delivered:
            self._metrics.webhook_deliveries.labels("delivered").inc()
            self._metrics.webhook_lag.observe(max(0.0, (now - claim.created_at).total_seconds()))
            return DeliveryResult(claim, DeliveryState.DELIVERED, now, status=answer.status)
        pause = pause_after(answer, attempts, self._random)
        outcome = "dead" if pause is None else "retried"
        self._metrics.webhook_deliveries.labels(outcome).inc()
        log.info(
            "webhook_not_delivered",
            endpoint_id=claim.endpoint.id,
            event_id=claim.event_id,
            event_name=claim.event,
            attempt=attempts,
            status=answer.status,
            error=answer.error,
            retry_seconds=None if pause is None else round(pause, 1),
        )
        return DeliveryResult(
            claim,
            DeliveryState.DEAD if pause is None else DeliveryState.PENDING,
            now,
            status=answer.status,
            error=answer.error,
            next_attempt_at=None if pause is None else now + timedelta(seconds=pause),
            disable_endpoint="The receiver answered 410." if answer.gone else None,
        )
