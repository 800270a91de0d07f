"""Webhooks on the wire: endpoints, their secrets, and what became of deliveries."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from control_api.schemas_shared import (
    DURATION_SCHEMA,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    duration_between,
    without_default,
)
from gateway.public_address import MAX_URL_LENGTH
from gateway.timestamps import optional_timestamp, timestamp
from gateway.webhooks.event_names import EventName
from gateway.webhooks.service import NewEndpoint, TestResult
from store.webhook_records import DeliveryState, WebhookDelivery, WebhookEndpoint

LONGEST_OVERLAP_MS = 7 * 86_400_000
DEFAULT_OVERLAP_MS = 86_400_000

Overlap = Annotated[int, BeforeValidator(duration_between(0, LONGEST_OVERLAP_MS)), DURATION_SCHEMA]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="Where events are POSTed; http or https, and a public address.",
        examples=["https://example.com/hooks/calls"],
    ),
]
Description = Annotated[str, Field(min_length=1, max_length=500)]


def _each_once(events: list[EventName]) -> list[EventName]:
    if len(set(events)) != len(events):
        raise ValueError("must not name an event twice")
    return events


Events = Annotated[
    list[EventName],
    AfterValidator(_each_once),
    Field(min_length=1, description="Which events to send; null or absent: all, also those to come."),
]


class WebhookCreate(RequestModel):
    """An endpoint that hears of events from now on."""

    url: Url
    events: Events | None = None
    description: Description | None = None
    enabled: StrictBool = True

    def to_new(self) -> NewEndpoint:
        """The endpoint as the gateway understands it."""
        return NewEndpoint(
            url=self.url,
            events=None if self.events is None else tuple(event.value for event in self.events),
            description=self.description,
            enabled=self.enabled,
        )


_ABSENT: Any = None
"""Of a field that was not sent, and never looked at: what is sent has the field's own rules."""


class WebhookPatch(RequestModel):
    """What is to change; what is absent stays."""

    url: Url = Field(default=_ABSENT, json_schema_extra=without_default)
    events: Events | None = None
    description: Description | None = None
    enabled: StrictBool = Field(default=_ABSENT, json_schema_extra=without_default)

    def changes(self) -> dict[str, Any]:
        """The fields that were sent, by their names in `NewEndpoint`."""
        changes = {name: getattr(self, name) for name in self.model_fields_set}
        if self.events is not None:
            changes["events"] = tuple(event.value for event in self.events)
        return changes


class SecretRotate(RequestModel):
    """How to change over to a new secret."""

    overlap: Overlap = Field(
        default=DEFAULT_OVERLAP_MS,
        description='How long the old secret signs as well, "0s" to "604800s".',
        json_schema_extra={"default": "86400s"},
    )


class WebhookOut(ResponseModel):
    """An endpoint. Its secret is shown when it is made and never again."""

    id: Uuid
    url: str
    events: list[str] | None = Field(description="Null: all of them.")
    description: str | None
    enabled: bool
    disabled_reason: str | None = Field(description="Why it was switched off, if not by you.")
    previous_secret_until: Timestamp | None = Field(
        description="While a secret is rotated: how long the old one signs as well."
    )
    created_at: Timestamp
    updated_at: Timestamp


class WebhookSecretOut(WebhookOut):
    """An endpoint with its new secret, which is shown this once."""

    secret: str = Field(examples=["whsec_4dN0xGx6n1Yq4pGqkY2c8F2m0bWw7Jv8y6t1K3sR5uE"])


class WebhookTestOut(ResponseModel):
    """What the test event met."""

    event_id: Uuid
    delivered: bool
    status: int | None = Field(description="What the receiver answered; null when it did not.")
    error: str | None
    duration_ms: int


class DeliveryOut(ResponseModel):
    """One event for this endpoint."""

    id: Uuid
    event_id: Uuid = Field(description="The same over all attempts and endpoints.")
    event: str
    subject_id: Uuid = Field(description="The call or campaign it tells of; its events keep their order.")
    state: DeliveryState
    attempts: int
    next_attempt_at: Timestamp | None = Field(
        description="Null when it is over, or waits for an earlier event of the same subject."
    )
    last_attempt_at: Timestamp | None
    last_status: int | None = Field(description="What the receiver answered last; null when it did not.")
    last_error: str | None
    created_at: Timestamp
    finished_at: Timestamp | None


class DeliveryDetailOut(DeliveryOut):
    """With what is sent."""

    payload: dict[str, Any]


class ReplayedOut(ResponseModel):
    replayed: int = Field(description="How many deliveries are pending again.")


def render_webhook(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """The endpoint object."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": None if endpoint.events is None else list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "previous_secret_until": optional_timestamp(endpoint.previous_secret_until),
        "created_at": timestamp(endpoint.created_at),
        "updated_at": timestamp(endpoint.updated_at),
    }


def render_secret(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """The endpoint object with its secret."""
    return render_webhook(endpoint) | {"secret": endpoint.secret}


def render_test(result: TestResult) -> dict[str, Any]:
    """What a test met."""
    return {
        "event_id": result.event_id,
        "delivered": result.answer.delivered,
        "status": result.answer.status,
        "error": result.answer.error,
        "duration_ms": result.duration_ms,
    }


def render_delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    """A delivery in a list."""
    return {
        "id": delivery.id,
        "event_id": delivery.event_id,
        "event": delivery.event,
        "subject_id": delivery.subject_id,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_attempt_at": optional_timestamp(delivery.next_attempt_at),
        "last_attempt_at": optional_timestamp(delivery.last_attempt_at),
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": timestamp(delivery.created_at),
        "finished_at": optional_timestamp(delivery.finished_at),
    }


def render_delivery_detail(delivery: WebhookDelivery) -> dict[str, Any]:
    """A delivery with its payload."""
    return render_delivery(delivery) | {"payload": json.loads(delivery.payload)}
