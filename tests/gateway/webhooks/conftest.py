"""A store with an organisation, a receiver, and a deliverer whose clock the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from gateway.metrics import GatewayMetrics
from gateway.webhooks.deliverer import DeliverySettings, WebhookDeliverer
from gateway.webhooks.sender import WebhookSender
from store import Store
from store.identifiers import uuid7
from store.records import Organization
from store.tables import webhook_deliveries, webhook_endpoints
from store.webhook_records import OutboxEvent, WebhookEndpoint
from tests.store.samples import T0, endpoint, outbox_event
from tests.support.postgres_server import postgres_store_on
from tests.support.webhook_receiver import WebhookReceiver

SETTINGS = DeliverySettings(timeout_s=5.0)


class Post:
    """Everything that a delivery passes through."""

    def __init__(self, store: Store, organization: Organization) -> None:
        self.store = store
        self.organization = organization
        self.now = T0
        self.receiver = WebhookReceiver()
        self.base_url = ""
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry)
        self.deliverers: list[WebhookDeliverer] = []
        self.senders: list[WebhookSender] = []
        self.others: list[WebhookReceiver] = []

    def sender(self, timeout_s: float = 5.0, *, allow_private: bool = True) -> WebhookSender:
        made = WebhookSender(timeout_s=timeout_s, allow_private=allow_private, now=lambda: self.now)
        self.senders.append(made)
        return made

    def deliverer(
        self, settings: DeliverySettings = SETTINGS, *, allow_private: bool = True
    ) -> WebhookDeliverer:
        """As of another node each time."""
        if self.deliverers:
            self.metrics = GatewayMetrics(CollectorRegistry())
        made = WebhookDeliverer(
            self.store.webhook_queue,
            self.sender(settings.timeout_s, allow_private=allow_private),
            settings,
            self.metrics,
            lambda: self.now,
            lambda: 0.5,
        )
        self.deliverers.append(made)
        return made

    async def another_receiver(self) -> tuple[WebhookReceiver, str]:
        receiver = WebhookReceiver()
        self.others.append(receiver)
        return receiver, await receiver.start()

    async def endpoint(self, **changes: Any) -> WebhookEndpoint:
        made = endpoint(self.organization.id, **({"url": f"{self.base_url}/hook"} | changes))
        await self.store.webhook_endpoints.create(made)
        return made

    async def happen(self, *names: str, subject_id: str | None = None) -> list[OutboxEvent]:
        """Events of one subject."""
        subject = subject_id or uuid7()
        events = [
            replace(outbox_event(self.organization.id, name, subject_id=subject), created_at=self.now)
            for name in names
        ]
        async with self.store.database.transaction() as connection:
            await self.store.outbox.append(connection, events)
        return events

    def later(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    async def work(self, deliverer: WebhookDeliverer) -> int:
        """Turn until nothing is due; how many attempts were made."""
        attempts = 0
        async with asyncio.timeout(20):
            while True:
                begun = await deliverer.turn()
                attempts += begun
                if not begun and not deliverer.busy:
                    return attempts
                await asyncio.sleep(0.001)

    async def deliveries(self) -> list[Any]:
        query = sa.select(webhook_deliveries).order_by(webhook_deliveries.c.sequence)
        async with self.store.database.reading() as connection:
            return list((await connection.execute(query)).all())

    async def states(self) -> list[str]:
        return [row.state for row in await self.deliveries()]

    async def stored_endpoint(self, endpoint_id: str) -> Any:
        query = sa.select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)
        async with self.store.database.reading() as connection:
            return (await connection.execute(query)).one()

    def counted(self, outcome: str) -> float:
        name = "trunkline_webhook_deliveries_total"
        return self.registry.get_sample_value(name, {"outcome": outcome}) or 0.0


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "sqlite":
        opened = await Store.open("sqlite:///:memory:")
        yield opened
        await opened.close()
        return
    async with postgres_store_on(request.getfixturevalue("postgres")) as opened:
        yield opened


@pytest.fixture
async def post(store: Store) -> AsyncIterator[Post]:
    organization = Organization(uuid7(), "Acme", T0)
    await store.organizations.create(organization)
    made = Post(store, organization)
    made.base_url = await made.receiver.start()
    yield made
    for deliverer in made.deliverers:
        await deliverer.close()
    for sender in made.senders:
        await sender.close()
    for receiver in (made.receiver, *made.others):
        await receiver.stop()
