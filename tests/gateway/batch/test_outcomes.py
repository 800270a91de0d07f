from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.batch.outcomes import outcome_of, refuse, settle, tripped, withdraw
from gateway.batch.schedule import Schedule
from gateway.batch.settings import CampaignSettings, Retries, RetryOutcome
from store.batch_records import CampaignContact, ContactState
from store.records import CallDirection, CallRecord, CallStatus

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
RETRY = CampaignSettings(retries=Retries(max_attempts=2, delay_ms=60_000))
CONTACT = CampaignContact("c", "b", 0, "+14155550100", attempts=1, call_id="k", rang_at=NOW)


def call(status: CallStatus, **fields: Any) -> CallRecord:
    return replace(CallRecord("k", "o", status, CallDirection.OUTBOUND, "a", NOW), **fields)


def failed(reason: str) -> CallRecord:
    return call(CallStatus.FAILED, failure_reason=reason)


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (call(CallStatus.ENDED, end_reason="contact-hangup"), "answered"),
        (call(CallStatus.ENDED, end_reason="voicemail"), "voicemail"),
        (call(CallStatus.ENDED, answered_by="machine"), "voicemail"),
        (call(CallStatus.ENDED, answered_by="human", outcome="interested"), "answered"),
        (failed("busy"), "busy"),
        (call(CallStatus.CANCELLED), "cancelled"),
    ],
)
def test_a_call_comes_out_in_one_word(record: CallRecord, outcome: str) -> None:
    assert outcome_of(record) == outcome


@pytest.mark.parametrize("reason", ["no-answer", "busy", "trunk-unavailable", "agent-error", "gateway-error"])
def test_who_was_not_reached_is_called_again_after_the_delay(reason: str) -> None:
    settlement = settle(CONTACT, failed(reason), RETRY, NOW, campaign_over=False)
    assert (settlement.state, settlement.outcome) == (ContactState.PENDING, reason)
    assert settlement.scheduled_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("reason", ["invalid-number", "rejected"])
def test_who_cannot_or_will_not_be_reached_is_not(reason: str) -> None:
    settlement = settle(CONTACT, failed(reason), RETRY, NOW, campaign_over=False)
    assert (settlement.state, settlement.scheduled_at) == (ContactState.FAILED, None)


def test_attempts_come_to_an_end() -> None:
    last = replace(CONTACT, attempts=2)
    assert settle(last, failed("busy"), RETRY, NOW, campaign_over=False).state is ContactState.FAILED


def test_a_campaign_that_is_over_calls_nobody_again() -> None:
    settlement = settle(CONTACT, failed("busy"), RETRY, NOW, campaign_over=True)
    assert settlement.state is ContactState.FAILED


def test_a_retry_waits_for_the_window_and_is_not_made_after_the_last_one() -> None:
    schedule = Schedule(start=9 * 60, end=12 * 60, end_at=NOW + timedelta(days=1))
    tomorrow = replace(RETRY, schedule=schedule)
    settlement = settle(CONTACT, failed("busy"), tomorrow, NOW, campaign_over=False)
    assert settlement.scheduled_at == NOW + timedelta(hours=21)
    over = replace(RETRY, schedule=replace(schedule, end_at=NOW + timedelta(hours=1)))
    assert settle(CONTACT, failed("busy"), over, NOW, campaign_over=False).state is ContactState.FAILED


def test_a_machine_is_called_again_only_where_that_was_asked_for() -> None:
    machine = call(CallStatus.ENDED, answered_by="machine")
    assert settle(CONTACT, machine, RETRY, NOW, campaign_over=False).state is ContactState.COMPLETED
    wanted = replace(RETRY, retries=replace(RETRY.retries, outcomes=frozenset({RetryOutcome.VOICEMAIL})))
    assert settle(CONTACT, machine, wanted, NOW, campaign_over=False).state is ContactState.PENDING


@pytest.mark.parametrize("record", [call(CallStatus.CANCELLED), failed("capacity")])
def test_a_call_that_never_rang_is_as_if_it_had_not_been(record: CallRecord) -> None:
    unheard = replace(CONTACT, rang_at=None)
    settlement = settle(unheard, record, CampaignSettings(), NOW, campaign_over=False)
    assert (settlement.forget, settlement.state) == (True, ContactState.PENDING)
    assert settlement.scheduled_at is not None
    over = settle(unheard, record, CampaignSettings(), NOW, campaign_over=True)
    assert (over.forget, over.state) == (True, ContactState.CANCELLED)


def test_a_call_that_somebody_cancelled_while_it_rang_is_not_made_again() -> None:
    settlement = settle(CONTACT, call(CallStatus.CANCELLED), RETRY, NOW, campaign_over=False)
    assert (settlement.state, settlement.outcome) == (ContactState.CANCELLED, "cancelled")


def test_what_counts_for_the_circuit_breaker() -> None:
    def counts(contact: CampaignContact, reason: str) -> bool:
        return settle(contact, failed(reason), RETRY, NOW, campaign_over=False).technical

    unheard = replace(CONTACT, rang_at=None)
    assert counts(CONTACT, "trunk-unavailable")
    assert counts(unheard, "agent-error")
    assert counts(unheard, "gateway-error")
    assert not counts(CONTACT, "gateway-error")  # cut off when a gateway died
    assert not counts(CONTACT, "busy")
    assert refuse(CONTACT, "no_trunk", technical=True).technical
    assert withdraw(CONTACT, NOW).forget


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([True] * 4, False),
        ([True] * 5, True),
        ([True] * 4 + [False], True),
        ([True] * 3 + [False] * 2, False),
        ([], False),
    ],
)
def test_the_breaker_trips_when_most_of_the_last_calls_failed(last: list[bool], expected: bool) -> None:
    assert tripped(last, 5, 0.8) is expected
    assert not tripped(last, 0, 0.8)
