"""What became of an attempt, what it means for its contact, and when a campaign had better stop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.batch.settings import CampaignSettings, RetryOutcome
from gateway.failure_reasons import EndReason, FailureReason
from store.batch_records import CampaignContact, ContactState, Settlement
from store.records import CallRecord, CallStatus

ANSWERED = "answered"
VOICEMAIL = "voicemail"
CANCELLED = "cancelled"
BUSY_GATEWAY_PAUSE = timedelta(seconds=5)

# Nobody's fault at the far end: the kind of failure that every call of a broken set-up has.
TECHNICAL = frozenset(
    {
        FailureReason.AGENT_ERROR,
        FailureReason.TRUNK_AUTH_FAILED,
        FailureReason.TRUNK_FORBIDDEN,
        FailureReason.TRUNK_UNAVAILABLE,
        FailureReason.MEDIA_NEGOTIATION_FAILED,
        FailureReason.MEDIA_TIMEOUT,
        FailureReason.GATEWAY_ERROR,
    }
)


def settle(
    contact: CampaignContact,
    call: CallRecord,
    settings: CampaignSettings,
    now: datetime,
    *,
    campaign_over: bool,
) -> Settlement:
    """The end of a contact's present call, whose record is terminal."""
    assert contact.call_id is not None
    never_rang = contact.rang_at is None
    if never_rang and (call.status is CallStatus.CANCELLED or call.failure_reason == FailureReason.CAPACITY):
        return withdraw(contact, now + BUSY_GATEWAY_PAUSE, campaign_over=campaign_over)
    outcome = outcome_of(call)
    technical = call.failure_reason in TECHNICAL
    again = None if campaign_over else _next_attempt(contact, outcome, technical, settings, now)
    if again is not None:
        state = ContactState.PENDING
    elif call.status is CallStatus.ENDED:
        state = ContactState.COMPLETED
    elif call.status is CallStatus.CANCELLED:
        state = ContactState.CANCELLED
    else:
        state = ContactState.FAILED
    # Calls that were up when a gateway died say nothing about the next ones.
    cut_off = call.failure_reason == FailureReason.GATEWAY_ERROR and not never_rang
    return Settlement(contact.id, contact.call_id, state, outcome, again, technical and not cut_off)


def withdraw(contact: CampaignContact, due: datetime, *, campaign_over: bool = False) -> Settlement:
    """Take back an attempt of which nobody can have heard."""
    assert contact.call_id is not None
    state = ContactState.CANCELLED if campaign_over else ContactState.PENDING
    return Settlement(contact.id, contact.call_id, state, None, due, forget=True)


def refuse(contact: CampaignContact, code: str, *, technical: bool) -> Settlement:
    """The call could not be placed at all: the contact fails with the API's code for it."""
    assert contact.call_id is not None
    return Settlement(contact.id, contact.call_id, ContactState.FAILED, code, technical=technical)


def outcome_of(call: CallRecord) -> str:
    """The outcome of a call that is over, in one word."""
    if call.status is CallStatus.CANCELLED:
        return CANCELLED
    if call.status is CallStatus.FAILED:
        return call.failure_reason or FailureReason.GATEWAY_ERROR.value
    machine = call.answered_by == "machine" or call.outcome == VOICEMAIL
    return VOICEMAIL if machine or call.end_reason == EndReason.VOICEMAIL else ANSWERED


def tripped(technical: Sequence[bool], calls: int, share: float) -> bool:
    """Whether the circuit breaker stops a campaign whose last attempts these were; `calls` 0 is off."""
    return 0 < calls <= len(technical) and sum(technical) >= share * len(technical)


def _next_attempt(
    contact: CampaignContact, outcome: str, technical: bool, settings: CampaignSettings, now: datetime
) -> datetime | None:
    retries = settings.retries
    if contact.attempts >= retries.max_attempts:
        return None
    if outcome not in retries.outcomes and not (technical and RetryOutcome.FAILED in retries.outcomes):
        return None
    return settings.schedule.next_open(now + timedelta(milliseconds=retries.delay_ms))
