from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.transfers.plan import ShownCaller, TransferMethod, TransferMode, TransferPlan
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus
from tests.control_api.api import NOWHERE, World, error_of

VERBS: list[tuple[str, dict[str, Any] | None, int, tuple[Any, ...]]] = [
    ("say", {"text": "Hello"}, 200, ("say", "Hello", False, "soon")),
    (
        "say",
        {"text": "Stop!", "uninterruptible": True, "urgency": "immediate"},
        200,
        ("say", "Stop!", True, "immediate"),
    ),
    ("message", {"text": "A regular.", "urgency": "later"}, 200, ("message", "A regular.", "later")),
    ("play", {"path": "a.wav"}, 202, ("play", "a.wav", None, False, 1.0)),
    (
        "play",
        {"url": "https://example.com/a.mp3", "loop": True, "volume": 0.5},
        202,
        ("play", None, "https://example.com/a.mp3", True, 0.5),
    ),
    ("stop-play", None, 200, ("stop-play",)),
    ("mute", None, 200, ("mute", "agent")),
    ("mute", {"side": "caller"}, 200, ("mute", "caller")),
    ("unmute", {}, 200, ("unmute", "agent")),
    ("hold", None, 202, ("hold",)),
    ("unhold", None, 202, ("unhold",)),
    ("dtmf", {"digits": "12w#A"}, 202, ("dtmf", "12w#A")),
    ("transfer", {"target": "+14155550123"}, 202, ("transfer", TransferPlan("+14155550123"))),
    (
        "transfer",
        {
            "target": "sip:desk@example.com",
            "mode": "warm",
            "method": "refer",
            "caller_id": "caller",
            "dtmf": "ww12#",
            "briefing": "Ann, about her order.",
            "ring_timeout": 20,
            "consult_timeout": 90,
        },
        202,
        (
            "transfer",
            TransferPlan(
                "sip:desk@example.com",
                TransferMode.WARM,
                TransferMethod.REFER,
                ShownCaller.CALLER,
                "ww12#",
                "Ann, about her order.",
                20,
                90,
            ),
        ),
    ),
    ("transfer/complete", None, 202, ("complete",)),
    ("transfer/cancel", None, 202, ("cancel",)),
    ("recording/start", None, 200, ("recording", "start")),
    ("recording/pause", None, 200, ("recording", "pause")),
    ("recording/resume", None, 200, ("recording", "resume")),
    ("recording/stop", None, 200, ("recording", "stop")),
]


def call(world: World, status: CallStatus = CallStatus.IN_PROGRESS) -> CallRecord:
    return world.gateway.calls.put(
        CallRecord(
            id=uuid7(),
            organization_id=world.organization_id,
            status=status,
            direction=CallDirection.INBOUND,
            agent_id=uuid7(),
            created_at=datetime.now(UTC),
        )
    )


@pytest.mark.parametrize(("verb", "body", "status", "asked"), VERBS)
async def test_a_verb_answers_with_the_call(
    world: World, verb: str, body: dict[str, Any] | None, status: int, asked: tuple[Any, ...]
) -> None:
    made = call(world)
    response = await world.api.post(f"calls/{made.id}/{verb}", body)
    assert response.status_code == status
    assert response.json()["data"]["id"] == made.id
    assert world.gateway.control.asked == [asked]


@pytest.mark.parametrize(("verb", "body", "status", "asked"), VERBS)
async def test_a_retried_verb_is_done_once(
    world: World, verb: str, body: dict[str, Any] | None, status: int, asked: tuple[Any, ...]
) -> None:
    made = call(world)
    answers = [await world.api.post(f"calls/{made.id}/{verb}", body, key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, status]
    assert world.gateway.control.asked == [asked]


@pytest.mark.parametrize(("verb", "body", "status", "asked"), [VERBS[0], VERBS[5], VERBS[9], VERBS[12]])
async def test_a_call_that_is_not_in_progress_is_a_conflict_that_tells_its_status(
    world: World, verb: str, body: dict[str, Any] | None, status: int, asked: tuple[Any, ...]
) -> None:
    for state in (CallStatus.RINGING, CallStatus.ENDED):
        response = await world.api.post(f"calls/{call(world, state).id}/{verb}", body)
        assert response.status_code == 409
        assert error_of(response)["details"]["status"] == state.value


async def test_calls_of_others_are_not_there(world: World) -> None:
    made = call(world)
    assert (await world.other.post(f"calls/{made.id}/say", {"text": "Hello"})).status_code == 404
    assert (await world.api.post(f"calls/{NOWHERE}/hold")).status_code == 404
    assert (await world.anonymous.post(f"calls/{made.id}/hold")).status_code == 401


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("say", {}, "text"),
        ("say", {"text": "   "}, "text"),
        ("say", {"text": "a" * 5_001}, "text"),
        ("say", {"text": "a", "urgency": "later"}, "urgency"),
        ("say", {"text": "a", "loud": True}, "loud"),
        ("message", {"text": "a", "urgency": "now"}, "urgency"),
        ("play", {"path": "a", "volume": 0}, "volume"),
        ("play", {"path": "a", "loop": "yes"}, "loop"),
        ("mute", {"side": "everybody"}, "side"),
        ("dtmf", {"digits": ""}, "digits"),
        ("dtmf", {"digits": "12 3"}, "digits"),
        ("dtmf", {"digits": "1" * 65}, "digits"),
        ("transfer", {}, "target"),
        ("transfer", {"target": "+14155550123", "mode": "hot"}, "mode"),
        ("transfer", {"target": "+14155550123", "dtmf": "1 2"}, "dtmf"),
        ("transfer", {"target": "+14155550123", "ring_timeout": 4}, "ring_timeout"),
        ("transfer", {"target": "+14155550123", "method": "smoke"}, "method"),
        ("recording/erase", None, "verb"),
    ],
)
async def test_what_is_wrong_is_named(
    world: World, verb: str, body: dict[str, Any] | None, field: str
) -> None:
    response = await world.api.post(f"calls/{call(world).id}/{verb}", body)
    assert response.status_code == 422
    assert error_of(response)["details"]["field"] == field
    assert world.gateway.control.asked == []
