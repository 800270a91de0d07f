from __future__ import annotations

from typing import Any

import pytest

from gateway.analysis.outcome import certain_outcome, outcome_by_facts
from store.records import CallStatus
from tests.store.samples import call


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"status": CallStatus.FAILED, "failure_reason": "no-answer"}, "no-answer"),
        ({"status": CallStatus.FAILED, "failure_reason": "busy"}, "busy"),
        ({"status": CallStatus.CANCELLED, "end_reason": "cancelled"}, "cancelled"),
        ({"status": CallStatus.ENDED, "end_reason": "transferred"}, "transferred"),
        ({"status": CallStatus.ENDED, "end_reason": "voicemail"}, "voicemail"),
        ({"status": CallStatus.ENDED, "answered_by": "machine"}, "voicemail"),
        ({"status": CallStatus.ENDED, "outcome": "voicemail", "end_reason": "agent-hangup"}, "voicemail"),
    ],
)
def test_facts_that_leave_no_doubt(facts: dict[str, Any], outcome: str) -> None:
    record = call("o", **facts)
    assert certain_outcome(record) == outcome_by_facts(record) == outcome


@pytest.mark.parametrize("answered_by", [None, "human", "unknown"])
def test_a_conversation_is_completed_unless_somebody_reads_it(answered_by: str | None) -> None:
    record = call("o", status=CallStatus.ENDED, answered_by=answered_by, end_reason="contact-hangup")
    assert certain_outcome(record) is None
    assert outcome_by_facts(record) == "completed"
