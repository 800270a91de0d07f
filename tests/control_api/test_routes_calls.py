from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.errors import (
    EngineError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
)
from media.messages import LegStatistics
from store.identifiers import uuid7
from store.records import CallDirection, CallFilter, CallRecord, CallStatus, TimelineEvent, TranscriptEntry
from tests.control_api.api import NOWHERE, World, error_of

AGENT = "1f4baf16-1540-4d91-9696-7f34b2f2cb77"
NUMBER = "+14155551234"
MINIMAL = {"agent_id": AGENT, "phone_number": NUMBER}

QUALITY = LegStatistics(
    packets_received=1000,
    packets_lost=100,
    mos_min=3.1,
    turn_latency_p95_ms=900,
    diagnosis="high-loss",
    diagnosis_text="9.1% of the packets were lost",
)
CALL_FIELDS = {
    *("id", "status", "direction", "agent_id", "phone_number", "from_number", "duration_seconds"),
    *("transcript", "recording_url", "cost_cents", "outcome", "variables", "failure_reason"),
    *("started_at", "ended_at", "created_at"),
}
"""The fields of the product's call object; ours has more, never fewer."""


def record(world: World, status: CallStatus = CallStatus.ENDED, **fields: Any) -> CallRecord:
    given: dict[str, Any] = {
        "id": uuid7(),
        "organization_id": world.organization_id,
        "status": status,
        "direction": CallDirection.OUTBOUND,
        "agent_id": AGENT,
        "created_at": datetime(2024, 4, 5, 14, 21, 58, 700_000, UTC),
    }
    return world.gateway.calls.put(CallRecord(**given | fields))


# --- placing


async def test_a_call_is_placed_and_shown_as_queued(world: World) -> None:
    response = await world.api.post("calls", MINIMAL)
    call = response.json()["data"]
    assert response.status_code == 201
    assert (call["status"], call["direction"], call["phone_number"]) == ("queued", "outbound", NUMBER)
    assert set(call) >= CALL_FIELDS
    assert set(response.json()) == {"data", "meta"}


async def test_every_field_reaches_the_gateway(world: World) -> None:
    body = {
        "agent_id": f"agent_{AGENT.upper()}",
        "phone_number": NUMBER,
        "from_number": "+18005559876",
        "variables": {"first_name": "Sarah"},
        "metadata": {"crm": {"id": 7}},
        "call_settings": {
            "recording_enabled": True,
            "transcription_enabled": False,
            "greeting": "Hello!",
            "max_duration": "90.5s",
            "join_timeout": "30s",
        },
    }
    await world.api.post("calls", body)
    request = world.gateway.calls.requests[0]
    settings = request.settings
    assert (request.agent_id, request.from_number) == (AGENT, "+18005559876")
    assert (request.variables, request.metadata) == ({"first_name": "Sarah"}, {"crm": {"id": 7}})
    assert (settings.recording_enabled, settings.transcription_enabled) == (True, False)
    assert (settings.greeting, settings.max_duration_ms, settings.join_timeout_ms) == (
        "Hello!",
        90_500,
        30_000,
    )


async def test_what_is_not_said_is_left_to_the_agent(world: World) -> None:
    await world.api.post("calls", MINIMAL | {"variables": None, "call_settings": {"greeting": None}})
    request = world.gateway.calls.requests[0]
    assert (request.variables, request.metadata, request.from_number) == ({}, {}, None)
    assert request.settings.recording_enabled is None
    assert request.settings.max_duration_ms is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"agent_id": "nobody"}, "agent_id"),
        ({"agent_id": 5}, "agent_id"),
        ({"agent_id": None}, "agent_id"),
        ({"phone_number": "4155551234"}, "phone_number"),
        ({"phone_number": "+0123"}, "phone_number"),
        ({"phone_number": "+1"}, "phone_number"),
        ({"phone_number": "+1234567890123456"}, "phone_number"),
        ({"phone_number": "+1415555\n"}, "phone_number"),
        ({"phone_number": "+\u0661\u0662\u0663"}, "phone_number"),
        ({"phone_number": 14155551234}, "phone_number"),
        ({"from_number": "anonymous"}, "from_number"),
        ({"variables": {"age": 42}}, "variables.age"),
        ({"variables": {"long": "x" * 20_000}}, "variables"),
        ({"variables": []}, "variables"),
        ({"metadata": "text"}, "metadata"),
        ({"metadata": {"long": "x" * 20_000}}, "metadata"),
        ({"call_settings": {"max_duration": "1 hour"}}, "call_settings.max_duration"),
        ({"call_settings": {"max_duration": 3600}}, "call_settings.max_duration"),
        ({"call_settings": {"max_duration": "0s"}}, "call_settings.max_duration"),
        ({"call_settings": {"max_duration": "-5s"}}, "call_settings.max_duration"),
        ({"call_settings": {"join_timeout": "601s"}}, "call_settings.join_timeout"),
        ({"call_settings": {"recording_enabled": "yes"}}, "call_settings.recording_enabled"),
        ({"call_settings": {"greeting": ""}}, "call_settings.greeting"),
        ({"call_settings": {"max_duraton": "30s"}}, "call_settings.max_duraton"),
        ({"organization_id": NOWHERE}, "organization_id"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_dialled(
    world: World, change: dict[str, Any], field: str
) -> None:
    response = await world.api.post("calls", MINIMAL | change)
    error = error_of(response)
    assert response.status_code == 422
    assert (error["code"], error["details"]["field"]) == ("validation_error", field)
    assert error["details"]["errors"][0]["field"] == field
    assert error["message"].startswith(field)
    assert world.gateway.calls.requests == []


async def test_all_wrong_fields_are_listed(world: World) -> None:
    error = error_of(await world.api.post("calls", {"phone_number": "1"}))
    assert {each["field"] for each in error["details"]["errors"]} == {"agent_id", "phone_number"}


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "5"])
async def test_a_body_that_is_not_an_object_is_named_as_the_body(world: World, body: str) -> None:
    response = await world.api.post("calls", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "body")


async def test_no_body_and_another_content_type_are_refused(world: World) -> None:
    nothing = await world.api.post("calls")
    form = await world.api.post("calls", data={"agent_id": AGENT})
    assert (nothing.status_code, form.status_code) == (422, 422)
    assert error_of(form)["details"]["field"] == "body"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"{'a': 1}", b"[" * 100_000])
async def test_unreadable_json_is_a_400(world: World, body: bytes) -> None:
    response = await world.api.post("calls", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert error_of(response)["code"] in ("invalid_json", "bad_request")


async def test_text_that_json_cannot_carry_is_refused_not_a_crash(world: World) -> None:
    for field in ("metadata", "variables"):
        body = f'{{"agent_id": "{AGENT}", "phone_number": "{NUMBER}", "{field}": {{"a": "\\ud800"}}}}'
        response = await world.api.post("calls", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 422
    named = await world.api.post(
        "calls", content=b'{"\\ud800": 1}', headers={"Content-Type": "application/json"}
    )
    assert named.status_code == 422


async def test_a_body_above_the_limit_is_a_413(world: World) -> None:
    response = await world.api.post("calls", MINIMAL | {"metadata": {"a": "x" * 1_100_000}})
    assert (response.status_code, error_of(response)["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (NotFoundError("no agent", agent_id=AGENT), 404, "not_found"),
        (
            InvalidRequestError("no number", code="no_phone_number_configured", field="agent_id"),
            422,
            "no_phone_number_configured",
        ),
        (LimitExceededError("full", code="queue_full", retry_after=10), 429, "queue_full"),
        (EngineError("the engine refused"), 502, "upstream_error"),
        (UnavailableError("draining", code="draining", retry_after=29.2), 503, "draining"),
        (RuntimeError("a bug"), 500, "internal_error"),
    ],
)
async def test_what_the_gateway_refuses_has_its_status(
    world: World, failure: Exception, status: int, code: str
) -> None:
    world.gateway.calls.refuse_with = failure
    response = await world.api.post("calls", MINIMAL)
    assert (response.status_code, error_of(response)["code"]) == (status, code)
    if status in (429, 503):
        assert int(response.headers["retry-after"]) == error_of(response)["details"]["retry_after"] >= 10
    if code == "no_phone_number_configured":
        assert error_of(response)["details"]["errors"][0]["field"] == "agent_id"


# --- idempotency


async def test_a_retry_never_dials_twice(world: World) -> None:
    first = await world.api.post("calls", MINIMAL, key="9268623c-f7ff-4871-bf80-cbaac7aa59b9")
    again = await world.api.post("calls", MINIMAL, key="9268623c-f7ff-4871-bf80-cbaac7aa59b9")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert len(world.gateway.calls.requests) == 1


async def test_a_double_post_at_once_makes_one_call(world: World) -> None:
    calls = world.gateway.calls
    calls.gate = asyncio.Event()
    posts = [asyncio.create_task(world.api.post("calls", MINIMAL, key="k")) for _ in range(8)]
    _, running = await asyncio.wait(posts, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    while len(running) > 1:
        _, running = await asyncio.wait(running, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    calls.gate.set()
    answers = [await post for post in posts]
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(calls.requests) == len(calls.records) == 1
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert error_of(refused)["code"] == "idempotency_in_progress"
    assert int(refused.headers["retry-after"]) >= 1
    retried = await world.api.post("calls", MINIMAL, key="k")
    assert retried.status_code == 201
    assert len(calls.records) == 1


async def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    await world.api.post("calls", MINIMAL, key="k")
    response = await world.api.post("calls", MINIMAL | {"phone_number": "+14155550000"}, key="k")
    assert (response.status_code, error_of(response)["code"]) == (422, "idempotency_key_reused")
    assert len(world.gateway.calls.requests) == 1


async def test_a_validation_error_is_remembered_with_its_key(world: World) -> None:
    first = await world.api.post("calls", {"agent_id": AGENT}, key="k")
    again = await world.api.post("calls", {"agent_id": AGENT}, key="k")
    assert (first.status_code, again.status_code) == (422, 422)
    assert first.content == again.content


async def test_a_key_of_another_organisation_is_another_key(world: World) -> None:
    await world.api.post("calls", MINIMAL, key="k")
    await world.other.post("calls", MINIMAL, key="k")
    assert len(world.gateway.calls.requests) == 2


# --- reading


async def test_a_completed_call_reads_as_the_product_documents_it(world: World) -> None:
    call = record(
        world,
        phone_number=NUMBER,
        from_number="+18005559876",
        duration_ms=183_999,
        cost_cents=92,
        outcome="interested",
        variables={"first_name": "Sarah", "appointment_date": "April 10th"},
        transcript=(
            TranscriptEntry("agent", "Hi Sarah, this is Aria calling from Bright Dental.", 1.2),
            TranscriptEntry("contact", "Oh hi, yes I remember.", 7.4),
        ),
        started_at=datetime(2024, 4, 5, 14, 22, 1, 100_000, UTC),
        ended_at=datetime(2024, 4, 5, 14, 25, 5, 99_000, UTC),
        end_reason="contact-hangup",
        sip_call_id="abc@gateway",
        sip_status=200,
        sip_reason="OK",
        sip_from="<sip:secret@inside>",
        recording_path="recordings/secret.wav",
    )
    response = await world.api.get(f"calls/{call.id}")
    body = response.json()
    assert {key: body[key] for key in CALL_FIELDS} == {
        "id": call.id,
        "status": "ended",
        "direction": "outbound",
        "agent_id": AGENT,
        "phone_number": NUMBER,
        "from_number": "+18005559876",
        "duration_seconds": 183,
        "cost_cents": 92,
        "outcome": "interested",
        "variables": {"first_name": "Sarah", "appointment_date": "April 10th"},
        "transcript": [
            {
                "speaker": "agent",
                "text": "Hi Sarah, this is Aria calling from Bright Dental.",
                "timestamp": 1.2,
            },
            {"speaker": "contact", "text": "Oh hi, yes I remember.", "timestamp": 7.4},
        ],
        "recording_url": None,
        "failure_reason": None,
        "started_at": "2024-04-05T14:22:01Z",
        "ended_at": "2024-04-05T14:25:05Z",
        "created_at": "2024-04-05T14:21:58Z",
    }
    assert body["sip"] == {
        "call_id": "abc@gateway",
        "status": 200,
        "reason": "OK",
        "q850_cause": None,
        "anonymous": False,
        "diversion": None,
        "headers": {},
    }
    assert body["data"] == {key: value for key, value in body.items() if key not in ("data", "meta")}
    assert body["meta"]["request_id"] == response.headers["x-request-id"]
    assert "secret" not in response.text


async def test_a_prefix_before_the_id_is_tolerated(world: World) -> None:
    call = record(world)
    response = await world.api.get(f"calls/call_{call.id}")
    assert response.json()["id"] == call.id


async def test_a_live_call_shows_no_transcript_yet(world: World) -> None:
    call = record(world, CallStatus.IN_PROGRESS, transcript=(TranscriptEntry("agent", "Hi", 0.5),))
    body = (await world.api.get(f"calls/{call.id}")).json()
    assert (body["transcript"], body["duration_seconds"], body["ended_at"]) == (None, None, None)


async def test_a_failed_call_says_why_and_only_a_failed_one(world: World) -> None:
    failed = record(world, CallStatus.FAILED, failure_reason="busy", sip_status=486)
    ended = record(world, CallStatus.ENDED, failure_reason="busy")
    assert (await world.api.get(f"calls/{failed.id}")).json()["failure_reason"] == "busy"
    assert (await world.api.get(f"calls/{ended.id}")).json()["failure_reason"] is None


@pytest.mark.parametrize("call_id", [NOWHERE, "call_01hx3k9p2qw7v8n4m6j5r0y1tz", "5", "%00", "caf%C3%A9"])
async def test_an_unknown_id_of_any_form_is_not_found(world: World, call_id: str) -> None:
    for path in (f"calls/{call_id}", f"calls/{call_id}/timeline"):
        response = await world.api.get(path)
        assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


async def test_another_organisations_call_is_not_found(world: World) -> None:
    call = record(world)
    assert (await world.other.get(f"calls/{call.id}")).status_code == 404
    assert (await world.other.post(f"calls/{call.id}/hangup")).status_code == 404
    assert (await world.other.get("calls")).json()["data"] == []


# --- listing


async def test_a_list_has_data_pagination_and_meta(world: World) -> None:
    calls = [record(world) for _ in range(3)]
    body = (await world.api.get("calls?limit=2")).json()
    assert set(body) == {"data", "pagination", "meta"}
    assert [call["id"] for call in body["data"]] == [calls[2].id, calls[1].id]
    assert body["pagination"] == {"total": 3, "limit": 2, "offset": 0, "has_more": True}
    rest = (await world.api.get("calls?limit=2&offset=2")).json()
    assert rest["pagination"] == {"total": 3, "limit": 2, "offset": 2, "has_more": False}
    assert (await world.api.get("calls")).json()["pagination"]["limit"] == 50


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", CallFilter()),
        (f"agent_id={AGENT}", CallFilter(agent_id=AGENT)),
        ("status=in-progress", CallFilter(status=CallStatus.IN_PROGRESS)),
        ("status=in_progress", CallFilter(status=CallStatus.IN_PROGRESS)),
        ("status=completed", CallFilter(status=CallStatus.ENDED)),
        ("status=created", CallFilter(status=CallStatus.QUEUED)),
        ("direction=webrtc", CallFilter(direction=CallDirection.WEBRTC)),
        ("phone_number=%2B14155551234", CallFilter(phone_number=NUMBER)),
        ("phone_number=+14155551234", CallFilter(phone_number=NUMBER)),
        (
            "created_after=2024-04-05T14:00:00Z&created_before=2024-04-05T16:00:00%2B01:00",
            CallFilter(
                created_after=datetime(2024, 4, 5, 14, tzinfo=UTC),
                created_before=datetime(2024, 4, 5, 15, tzinfo=UTC),
            ),
        ),
        ("created_after=2024-04-05T14:00:00", CallFilter(created_after=datetime(2024, 4, 5, 14, tzinfo=UTC))),
    ],
)
async def test_filters_and_their_aliases(world: World, query: str, wanted: CallFilter) -> None:
    assert (await world.api.get(f"calls?{query}")).status_code == 200
    assert world.gateway.calls.filters == [wanted]


async def test_an_alias_is_read_and_never_written(world: World) -> None:
    record(world, CallStatus.IN_PROGRESS)
    body = (await world.api.get("calls?status=in_progress")).json()
    assert [call["status"] for call in body["data"]] == ["in-progress"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("status=busy", "status"),
        ("direction=sideways", "direction"),
        ("agent_id=nobody", "agent_id"),
        ("phone_number=me", "phone_number"),
        ("created_after=yesterday", "created_after"),
        ("status=ended&status=failed", "status"),
    ],
)
async def test_a_wrong_parameter_is_named(world: World, query: str, field: str) -> None:
    response = await world.api.get(f"calls?{query}")
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)


# --- stopping


async def test_hanging_up_ends_a_call_in_progress(world: World) -> None:
    call = record(world, CallStatus.IN_PROGRESS)
    response = await world.api.post(f"calls/{call.id}/hangup")
    body = response.json()["data"]
    assert response.status_code == 200
    assert (body["status"], body["end_reason"], body["duration_seconds"]) == ("ended", "api-hangup", 1)


async def test_cancelling_takes_a_queued_call_back(world: World) -> None:
    call = record(world, CallStatus.QUEUED)
    body = (await world.api.post(f"calls/{call.id}/cancel")).json()["data"]
    assert (body["status"], body["cancelled_from"]) == ("cancelled", "queued")


@pytest.mark.parametrize(
    ("status", "verb", "code"),
    [
        (CallStatus.RINGING, "hangup", "call_not_in_progress"),
        (CallStatus.ENDED, "hangup", "call_already_terminal"),
        (CallStatus.IN_PROGRESS, "cancel", "call_not_cancellable"),
        (CallStatus.CANCELLED, "cancel", "call_already_terminal"),
    ],
)
async def test_what_the_status_forbids_is_a_conflict_that_tells_the_status(
    world: World, status: CallStatus, verb: str, code: str
) -> None:
    call = record(world, status)
    response = await world.api.post(f"calls/{call.id}/{verb}")
    error = error_of(response)
    assert (response.status_code, error["code"], error["details"]["status"]) == (409, code, status.value)


async def test_a_retried_hang_up_gets_the_first_answer(world: World) -> None:
    call = record(world, CallStatus.IN_PROGRESS)
    first = await world.api.post(f"calls/{call.id}/hangup", key="k")
    again = await world.api.post(f"calls/{call.id}/hangup", key="k")
    assert (first.status_code, again.status_code) == (200, 200)


# --- timeline


async def test_the_timeline_is_told_in_order_with_milliseconds(world: World) -> None:
    call = record(world)
    world.gateway.calls.events[call.id] = [
        TimelineEvent(call.id, 1, 0, "created", {"by": "api"}),
        TimelineEvent(call.id, 2, 17, "status", {"from": "queued", "to": "ringing"}),
    ]
    assert (await world.api.get(f"calls/{call.id}/timeline")).json()["data"] == [
        {"sequence": 1, "t_ms": 0, "kind": "created", "detail": {"by": "api"}},
        {"sequence": 2, "t_ms": 17, "kind": "status", "detail": {"from": "queued", "to": "ringing"}},
    ]


# --- quality


async def test_the_quality_of_a_call_is_shown_by_leg(world: World) -> None:
    figures = {name: getattr(QUALITY, name) for name in QUALITY.__struct_fields__}
    call = record(world, CallStatus.IN_PROGRESS, statistics=figures, answered_by="human")
    data = (await world.api.get(f"calls/{call.id}/quality")).json()["data"]
    assert (data["call_id"], data["live"], data["answered_by"]) == (call.id, True, "human")
    (leg,) = data["legs"]
    assert leg["leg"] == "contact"
    assert leg["diagnosis"] == {"code": "high-loss", "text": "9.1% of the packets were lost"}
    assert leg["network"]["packets_lost"] == 100
    assert leg["sound"]["mos_min"] == 3.1
    assert leg["conversation"]["turn_latency_p95_ms"] == 900


async def test_a_call_stored_before_there_were_such_figures_shows_none(world: World) -> None:
    call = record(world, statistics={"packets_received": 7})
    (leg,) = (await world.api.get(f"calls/{call.id}/quality")).json()["data"]["legs"]
    assert leg["diagnosis"] is None
    assert leg["network"]["packets_received"] == 7
    assert leg["network"]["loss_gaps"] == 0
    assert leg["sound"]["mos"] is None


async def test_a_call_without_media_has_no_legs(world: World) -> None:
    call = record(world, CallStatus.FAILED)
    data = (await world.api.get(f"calls/{call.id}/quality")).json()["data"]
    assert data["legs"] == []
    assert (await world.other.get(f"calls/{call.id}/quality")).status_code == 404


async def test_detection_and_the_message_reach_the_gateway(world: World) -> None:
    settings = {"detect_answering_machine": True, "voicemail_message": "Call me."}
    await world.api.post("calls", MINIMAL | {"call_settings": settings})
    (request,) = world.gateway.calls.requests
    assert request.settings.detect_answering_machine is True
    assert request.settings.voicemail_message == "Call me."
