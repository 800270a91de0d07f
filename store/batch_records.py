"""Campaigns (batch calls), the contacts they call, and each attempt, as plain immutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class CampaignStatus(StrEnum):
    """`draft -> scheduled | active <-> paused -> completed | failed | cancelled`."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"  # started; its first moment has not come
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def running(self) -> bool:
        return self in (CampaignStatus.SCHEDULED, CampaignStatus.ACTIVE)

    @property
    def terminal(self) -> bool:
        return self in (CampaignStatus.COMPLETED, CampaignStatus.FAILED, CampaignStatus.CANCELLED)


class ContactState(StrEnum):
    """Where a campaign is with one contact: `pending` also between two attempts."""

    PENDING = "pending"
    DIALING = "dialing"  # a call was committed to; it may be queued, ring or be in progress
    COMPLETED = "completed"  # was answered
    FAILED = "failed"  # all attempts are spent
    CANCELLED = "cancelled"  # the campaign ended first


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign. `settings` is the JSON form of `gateway.batch.settings.CampaignSettings`."""

    id: str
    organization_id: str
    name: str
    status: CampaignStatus
    agent_id: str
    created_at: datetime
    updated_at: datetime
    settings: dict[str, Any]
    contact_count: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    resumed_at: datetime | None = None  # the last start or resume
    status_reason: str | None = None  # why it is paused or failed
    statistics: dict[str, Any] | None = None  # the last ones, of a campaign that is over


@dataclass(frozen=True, slots=True)
class CampaignContact:
    """A contact as the campaign holds it: a copy, which later changes of the contact do not reach."""

    id: str
    campaign_id: str
    position: int
    phone_number: str
    contact_id: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    state: ContactState = ContactState.PENDING
    scheduled_at: datetime | None = None
    attempts: int = 0
    call_id: str | None = None  # of the last attempt
    from_number: str | None = None
    last_attempt_at: datetime | None = None
    rang_at: datetime | None = None  # when the last attempt's INVITE was let go
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """A call to be committed to before it is made."""

    contact_id: str  # of the campaign's contact
    call_id: str
    from_number: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an attempt, and what becomes of its contact.

    With `forget` the attempt is as if it had never been: nobody's phone rang, and it counts for nothing.
    """

    contact_id: str
    call_id: str
    state: ContactState
    outcome: str | None
    scheduled_at: datetime | None = None  # of the next attempt
    technical: bool = False
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a campaign has used of its limits. `recent` are the times of its attempts of the last minute."""

    attempts: int
    today: int
    recent: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class CampaignFilter:
    """Which campaigns to list; `None` means "any". `name` is a part of it, in any case."""

    status: CampaignStatus | None = None
    agent_id: str | None = None
    name: str | None = None
