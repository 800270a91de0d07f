"""What is told of a transfer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.transfers.plan import TransferMethod, TransferPlan
from gateway.transfers.report import MOST_PROGRESS, TransferReport, agent_left_after_ms
from tests.gateway.samples import in_progress


def steps(call: Any) -> list[str]:
    return [event.kind for event in call.timeline if event.kind.startswith("transfer-")]


def test_an_end_is_told_once_and_progress_only_before_it() -> None:
    call = in_progress()
    report = TransferReport(call)
    report.progress("ringing")
    report.started(TransferPlan("+14155550188"), TransferMethod.BRIDGE)
    for number in range(MOST_PROGRESS + 5):
        report.progress("ringing", sip_status=180 + number % 2)
    report.failed(486, "Busy Here")
    report.completed(200)
    report.failed(486, "Busy Here")
    report.progress("ringing")
    assert steps(call) == ["transfer-started", *["transfer-progress"] * MOST_PROGRESS, "transfer-failed"]
    told = call.record.transfer
    assert told is not None
    assert (told["status"], told["sip_status"], told["reason"]) == ("failed", 486, "Busy Here")
    assert told["ended_at"] is not None


def test_a_target_that_rings_on_is_told_of_once() -> None:
    call = in_progress()
    report = TransferReport(call)
    report.started(TransferPlan("+14155550188"), TransferMethod.BRIDGE)
    for _ in range(MOST_PROGRESS + 5):
        report.progress("ringing", sip_status=180)
    report.progress("answered", sip_status=200)
    assert steps(call) == ["transfer-started", "transfer-progress", "transfer-progress"]


@pytest.mark.parametrize(
    ("transfer", "left_after_ms"),
    [
        ({"status": "completed", "method": "bridge"}, 90_000),
        ({"status": "completed", "method": "refer"}, None),
        ({"status": "failed", "method": "bridge"}, None),
        (None, None),
    ],
)
def test_an_agent_costs_nothing_any_more_once_it_has_left(
    transfer: dict[str, Any] | None, left_after_ms: int | None
) -> None:
    answered = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    joined = (answered + timedelta(seconds=90)).isoformat()
    ended = None if transfer is None else transfer | {"ended_at": joined}
    record = replace(in_progress().record, started_at=answered, transfer=ended)
    assert agent_left_after_ms(record) == left_after_ms
