from dataclasses import replace
from datetime import timedelta

import pytest

from local_engine.call_settings import CallSettings
from local_engine.durations import utc_now
from local_engine.errors import NotFound
from local_engine.faults import CallFaults
from local_engine.records import (
    MAX_EVENTS,
    MAX_MESSAGES,
    CallBook,
    CallRecord,
    EndReason,
    HistoryMessage,
    Role,
    billed_duration,
)
from tests.local_engine.stage import socket_settings

BLANK = CallRecord(
    call_id="c",
    created=utc_now(),
    settings=CallSettings(socket=socket_settings()),
    faults=CallFaults(),
    body={},
    join_url="ws://x",
    scenario="echo",
)


def record(call_id: str = "c") -> CallRecord:
    return replace(BLANK, call_id=call_id, history=[], events=[])


def test_a_call_ends_once() -> None:
    call = record()
    assert call.end(EndReason.HANGUP)
    assert not call.end(EndReason.TIMEOUT)
    assert call.end_reason is EndReason.HANGUP


@pytest.mark.parametrize(
    ("reason", "seconds", "billed", "status"),
    [
        (EndReason.HANGUP, 65.4, "66s", "BILLING_STATUS_BILLED"),
        (EndReason.SYSTEM_ERROR, 65.4, "0s", "BILLING_STATUS_FREE_SYSTEM_ERROR"),
        (EndReason.UNJOINED, None, "0s", "BILLING_STATUS_FREE_ZERO_EFFECTIVE_DURATION"),
    ],
)
def test_billing_follows_the_time_joined(
    reason: EndReason, seconds: float | None, billed: str, status: str
) -> None:
    call = record()
    assert (billed_duration(call), call.billing_status) == (None, "BILLING_STATUS_PENDING")
    if seconds is not None:
        call.joined = utc_now() - timedelta(seconds=seconds)
    call.end(reason)
    assert (billed_duration(call), call.billing_status) == (billed, status)


def test_history_and_events_are_bounded() -> None:
    call = record()
    call.inherited = 3
    for index in range(MAX_MESSAGES + 5):
        call.add_message(HistoryMessage(Role.USER, str(index)))
    for index in range(MAX_EVENTS + 5):
        call.add_event("info", "x", str(index))
    assert (len(call.history), call.history[0].text, call.inherited) == (MAX_MESSAGES, "5", 0)
    assert (len(call.events), call.events[0].text) == (MAX_EVENTS, "5")


def test_only_the_last_ended_calls_are_remembered_and_live_ones_always() -> None:
    book = CallBook(keep=2)
    alive = record("alive")
    book.add(alive)
    for index in range(4):
        call = record(str(index))
        book.add(call)
        book.end(call, EndReason.UNJOINED)
    assert [each.call_id for each in book] == ["alive", "2", "3"]
    assert (book.created, book.alive) == (5, 1)
    with pytest.raises(NotFound):
        book.get("0")


def test_listeners_hear_of_every_step_once() -> None:
    book = CallBook()
    heard: list[str] = []
    book.listeners.append(lambda event, call: heard.append(event))
    call = record()
    book.add(call)
    book.join(call)
    book.end(call, EndReason.HANGUP)
    book.end(call, EndReason.TIMEOUT)
    assert heard == ["call.started", "call.joined", "call.ended", "call.billed"]
    assert (book.alive, book.joined) == (0, 0)
