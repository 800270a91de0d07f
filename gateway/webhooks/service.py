"""Webhooks as the API sees them: endpoints with their secrets, a test, what became of deliveries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.public_address import url_problem
from gateway.webhooks.event_names import TEST_EVENT
from gateway.webhooks.payload import new_event
from gateway.webhooks.retry_schedule import Answer
from gateway.webhooks.sender import WebhookSender
from gateway.webhooks.signature import new_secret
from store.database import Store
from store.errors import MissingRowError
from store.identifiers import uuid7
from store.records import Page
from store.webhook_records import DeliveryFilter, DeliveryState, WebhookDelivery, WebhookEndpoint

MOST_ENDPOINTS = 50  # of an organisation: every event is kept once for each


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """`events` None means all of them."""

    url: str
    events: tuple[str, ...] | None = None
    description: str | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a test event met."""

    __test__ = False  # no test case, whatever pytest makes of the name

    event_id: str
    answer: Answer
    duration_ms: int


class WebhookService:
    """Raises `gateway.errors`. `wake` is called when there is something to deliver."""

    def __init__(
        self,
        store: Store,
        sender: WebhookSender,
        *,
        allow_private: bool,
        wake: Callable[[], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._sender = sender
        self._allow_private = allow_private
        self._wake = wake
        self._now = now

    # --- endpoints

    async def create(self, organization_id: str, new: NewEndpoint) -> WebhookEndpoint:
        """With a secret of its own. Raises `InvalidRequestError` that names `url`, `ConflictError`."""
        self._check(new.url)
        if (await self._store.webhook_endpoints.list(organization_id, limit=1)).total >= MOST_ENDPOINTS:
            raise ConflictError(
                f"An organisation has at most {MOST_ENDPOINTS} endpoints.",
                code="too_many_webhooks",
                limit=MOST_ENDPOINTS,
            )
        now = self._now()
        endpoint = WebhookEndpoint(
            id=uuid7(),
            organization_id=organization_id,
            url=new.url,
            secret=new_secret(),
            created_at=now,
            updated_at=now,
            events=new.events,
            enabled=new.enabled,
            description=new.description,
        )
        await self._store.webhook_endpoints.create(endpoint)
        return endpoint

    async def list(self, organization_id: str, limit: int, offset: int) -> Page[WebhookEndpoint]:
        return await self._store.webhook_endpoints.list(organization_id, limit, offset)

    async def get(self, organization_id: str, endpoint_id: str) -> WebhookEndpoint:
        """Raises `NotFoundError`."""
        found = await self._store.webhook_endpoints.get(organization_id, endpoint_id)
        if found is None:
            raise _missing(endpoint_id)
        return found

    async def update(self, organization_id: str, endpoint_id: str, **changes: Any) -> WebhookEndpoint:
        """Change some fields, by their names in `NewEndpoint`. What waits for an endpoint that is switched on
        again is delivered then.
        """
        old = await self.get(organization_id, endpoint_id)
        if "url" in changes:
            self._check(changes["url"])
        if changes.get("enabled"):
            changes["disabled_reason"] = None
        return await self._change(old, **changes)

    async def delete(self, organization_id: str, endpoint_id: str) -> None:
        """With everything that waits for it."""
        if not await self._store.webhook_endpoints.delete(organization_id, endpoint_id):
            raise _missing(endpoint_id)

    async def rotate_secret(
        self, organization_id: str, endpoint_id: str, overlap: timedelta
    ) -> WebhookEndpoint:
        """A new secret; for `overlap` the one before it signs as well."""
        old = await self.get(organization_id, endpoint_id)
        now = self._now()
        return await self._change(
            old,
            secret=new_secret(),
            previous_secret=old.secret if overlap else None,
            previous_secret_until=now + overlap if overlap else None,
        )

    async def test(self, organization_id: str, endpoint_id: str) -> TestResult:
        """Send a test event at once, a single time, also to an endpoint that is switched off."""
        endpoint = await self.get(organization_id, endpoint_id)
        event = new_event(
            organization_id, TEST_EVENT, endpoint.id, lambda: {"webhook_id": endpoint.id}, at=self._now()
        )
        begun = monotonic()
        answer = await self._sender.send(endpoint, event.id, event.payload())
        return TestResult(event.id, answer, int((monotonic() - begun) * 1000))

    # --- deliveries

    async def deliveries(
        self, organization_id: str, endpoint_id: str, wanted: DeliveryFilter, limit: int, offset: int
    ) -> Page[WebhookDelivery]:
        await self.get(organization_id, endpoint_id)
        return await self._store.webhook_deliveries.list(endpoint_id, wanted, limit, offset)

    async def delivery(self, organization_id: str, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        await self.get(organization_id, endpoint_id)
        found = await self._store.webhook_deliveries.get(endpoint_id, delivery_id)
        if found is None:
            raise NotFoundError(f"no delivery {delivery_id}", delivery_id=delivery_id)
        return found

    async def replay(self, organization_id: str, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        """Deliver again what was given up, or was delivered. Raises `ConflictError` while it is pending."""
        found = await self.delivery(organization_id, endpoint_id, delivery_id)
        if not await self._store.webhook_deliveries.replay(endpoint_id, delivery_id, self._now()):
            raise ConflictError(
                "The delivery is under way already.",
                code="delivery_pending",
                state=str(DeliveryState.PENDING),
                attempts=found.attempts,
            )
        self._wake()
        return await self.delivery(organization_id, endpoint_id, delivery_id)

    async def replay_dead(self, organization_id: str, endpoint_id: str) -> int:
        """Deliver again everything that was given up; how many there were."""
        await self.get(organization_id, endpoint_id)
        count = await self._store.webhook_deliveries.replay_dead(endpoint_id, self._now())
        if count:
            self._wake()
        return count

    # --- inside

    def _check(self, url: str) -> None:
        problem = url_problem(url, allow_private=self._allow_private)
        if problem is not None:
            raise InvalidRequestError(problem, field="url")

    async def _change(self, old: WebhookEndpoint, **changes: Any) -> WebhookEndpoint:
        """Write these fields and no others, which may have been changed meanwhile."""
        endpoint = replace(old, **changes, updated_at=self._now())
        try:
            await self._store.webhook_endpoints.update(endpoint, {*changes, "updated_at"})
        except MissingRowError as error:
            raise _missing(old.id) from error
        self._wake()
        return endpoint


def _missing(endpoint_id: str) -> NotFoundError:
    return NotFoundError(f"no webhook {endpoint_id}", webhook_id=endpoint_id)
