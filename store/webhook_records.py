"""Webhooks as the store keeps them: endpoints, the outbox's events, and what became of each delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """Something that happened and that somebody outside may want to hear of; its id lasts over all attempts.

    Deliveries to one endpoint keep the order of events with the same `subject_id` (a call, a campaign).
    `payload` is the request body, asked for once and only when somebody is subscribed. Of several events
    with one `once_key` only the first gets in. With `only_agent_id` the event goes to the endpoint of that
    agent and nowhere else.
    """

    id: str
    organization_id: str
    name: str
    subject_id: str
    created_at: datetime
    payload: Callable[[], str]
    once_key: str | None = None
    only_agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where events are sent. `events` None means all of them. While a rotation lasts the previous secret
    signs as well, until `previous_secret_until`. `agent_id` marks the endpoint that an agent's
    `crm_webhook_url` makes: nobody sees it among the organisation's own.
    """

    id: str
    organization_id: str
    url: str
    secret: str
    created_at: datetime
    updated_at: datetime
    events: tuple[str, ...] | None = None
    enabled: bool = True
    disabled_reason: str | None = None
    description: str | None = None
    previous_secret: str | None = None
    previous_secret_until: datetime | None = None
    agent_id: str | None = None

    def secrets_at(self, moment: datetime) -> tuple[str, ...]:
        """The secrets that sign at that moment, the newest first."""
        until = self.previous_secret_until
        if self.previous_secret is None or until is None or moment >= until:
            return (self.secret,)
        return (self.secret, self.previous_secret)


class DeliveryState(StrEnum):
    """`pending` until a receiver took it or all attempts are spent."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event for one endpoint. `next_attempt_at` None on a pending one: it waits behind another delivery
    of the same subject.
    """

    id: str
    endpoint_id: str
    event_id: str
    event: str
    subject_id: str
    payload: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list; None means "any"."""

    state: DeliveryState | None = None
    event: str | None = None
    event_id: str | None = None
    subject_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is ours to attempt until the lease ends, with all that an attempt needs."""

    sequence: int
    endpoint: WebhookEndpoint
    event_id: str
    event: str
    subject_id: str
    payload: str
    attempts: int  # those that were made before
    created_at: datetime
    claimed_by: str
