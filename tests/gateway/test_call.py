"""The call's status machine, timeline and end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gateway.call import TIMELINE_LIMIT, TRANSITIONS, Call, Clock
from gateway.failure_reasons import EndReason, FailureReason
from store.records import CallDirection, CallRecord, CallStatus, TimelineEvent

BORN = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


class HandClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = Clock(now=lambda: BORN + timedelta(seconds=self.seconds), monotonic=lambda: self.seconds)


class Sink:
    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.events: list[TimelineEvent] = []
        self.names: list[str] = []

    def __call__(self, record: CallRecord, events: Sequence[TimelineEvent], names: Sequence[str]) -> None:
        self.names.extend(names)
        self.records.append(record)
        self.events += events


def make(status: CallStatus = CallStatus.QUEUED) -> tuple[Call, Sink, HandClock]:
    hand, sink = HandClock(), Sink()
    record = CallRecord(
        id="0198",
        organization_id="o",
        status=status,
        direction=CallDirection.OUTBOUND,
        agent_id="a",
        created_at=BORN,
    )
    return Call(record, sink, hand.clock), sink, hand


def move(call: Call, status: CallStatus) -> bool:
    return {
        CallStatus.RINGING: call.ring,
        CallStatus.IN_PROGRESS: call.answer,
        CallStatus.ENDED: lambda: call.end(EndReason.CONTACT_HANGUP),
        CallStatus.FAILED: lambda: call.fail(FailureReason.BUSY),
        CallStatus.CANCELLED: call.cancel,
    }[status]()


@pytest.mark.parametrize("start", list(CallStatus))
@pytest.mark.parametrize("goal", [status for status in CallStatus if status is not CallStatus.QUEUED])
def test_the_status_moves_along_the_table_and_nowhere_else(start: CallStatus, goal: CallStatus) -> None:
    call, sink, _ = make(start)
    allowed = goal in TRANSITIONS[start]
    assert move(call, goal) is allowed
    assert call.status is (goal if allowed else start)
    assert bool(sink.records) is allowed


@pytest.mark.parametrize("status", [status for status in CallStatus if status.terminal])
def test_a_terminal_status_is_left_by_nothing(status: CallStatus) -> None:
    assert TRANSITIONS[status] == frozenset()


def test_the_duration_runs_from_the_answer_to_the_end() -> None:
    call, _, hand = make()
    hand.seconds = 3
    call.ring()
    hand.seconds = 5
    call.answer()
    hand.seconds = 188.75
    call.end(EndReason.CONTACT_HANGUP)
    record = call.record
    assert record.started_at == BORN + timedelta(seconds=5)
    assert record.ended_at == BORN + timedelta(seconds=188.75)
    assert record.duration_ms == 183_750


def test_a_call_that_never_connected_has_no_duration() -> None:
    call, _, _ = make(CallStatus.RINGING)
    call.fail(FailureReason.NO_ANSWER)
    assert call.record.duration_ms is None
    assert call.record.started_at is None
    assert call.record.failure_reason == "no-answer"
    assert call.record.end_reason == "no-answer"


def test_a_call_lost_in_progress_is_failed_and_keeps_its_duration() -> None:
    call, _, hand = make(CallStatus.RINGING)
    call.answer()
    hand.seconds = 7
    call.fail(FailureReason.AGENT_ERROR)
    assert call.record.duration_ms == 7000


@pytest.mark.parametrize("start", [CallStatus.QUEUED, CallStatus.RINGING])
def test_a_cancelled_call_tells_from_where(start: CallStatus) -> None:
    call, _, _ = make(start)
    assert call.cancel()
    assert call.record.cancelled_from == str(start)
    assert call.record.failure_reason is None


def test_the_first_end_wins_and_the_second_is_only_noted() -> None:
    call, sink, _ = make(CallStatus.IN_PROGRESS)
    assert call.end(EndReason.CONTACT_HANGUP)
    assert not call.fail(FailureReason.AGENT_ERROR)
    assert call.status is CallStatus.ENDED
    assert call.record.failure_reason is None
    assert len(sink.records) == 1
    assert call.timeline[-1].kind == "status-refused"


def test_the_timeline_counts_milliseconds_from_the_creation() -> None:
    call, _, hand = make()
    call.step("created")
    hand.seconds = 1.2345
    call.step("invite-sent", target="udp:127.0.0.1:5060")
    assert [(event.sequence, event.t_ms, event.kind) for event in call.timeline] == [
        (1, 0, "created"),
        (2, 1234, "invite-sent"),
    ]


def test_each_step_is_handed_to_the_store_exactly_once() -> None:
    call, sink, _ = make()
    call.step("created")
    call.ring()
    call.step("progress")
    call.save()
    call.save()
    assert [event.sequence for event in sink.events] == [1, 2, 3]


def test_each_change_of_status_is_told_once_by_its_public_name() -> None:
    call, sink, _ = make()
    call.ring()
    call.answer()
    call.save()
    call.end(EndReason.CONTACT_HANGUP)
    call.fail(FailureReason.AGENT_ERROR)
    call.save()
    assert sink.names == ["call.ringing", "call.started", "call.ended"]


def test_a_public_event_waits_for_the_next_save() -> None:
    call, sink, _ = make()
    call.publish("call.recording.ready")
    assert sink.names == []
    call.save()
    assert sink.names == ["call.recording.ready"]


def test_the_timeline_is_bounded_and_says_so() -> None:
    call, sink, _ = make()
    for _ in range(TIMELINE_LIMIT + 50):
        call.step("noise")
    call.save()
    assert len(sink.events) == TIMELINE_LIMIT
    assert sink.events[-1].kind == "timeline-full"


def test_the_transcript_is_on_the_record_when_the_call_is_over_and_not_before() -> None:
    call, _, _ = make(CallStatus.RINGING)
    call.answer()
    call.transcript.add("agent", 0, text="Hello.", delta=None, final=True, media_ms=1200)
    call.save()
    assert call.record.transcript is None
    call.end(EndReason.AGENT_HANGUP)
    assert call.record.transcript is not None
    assert call.record.transcript[0].text == "Hello."


def test_what_was_no_utf8_on_the_wire_does_not_cost_the_call_its_record() -> None:
    _, sink, hand = make()
    strange = b"M\xfcller\0".decode("utf-8", "surrogateescape")
    record = CallRecord(
        id="0198",
        organization_id="o",
        status=CallStatus.QUEUED,
        direction=CallDirection.INBOUND,
        agent_id="a",
        created_at=BORN,
        sip_from=strange,
        sip_call_id=strange,
    )
    call = Call(record, sink, hand.clock)
    call.update(sip_reason=strange)
    call.step("refused", reason=strange)
    call.fail(FailureReason.BUSY)
    kept = sink.records[-1]
    told = [kept.sip_from, kept.sip_call_id, kept.sip_reason, sink.events[0].detail["reason"]]
    assert told == ["M\ufffdller\ufffd"] * 4
