"""Calls that go out, from `queued` to the answer or what came instead, against an independent phone."""

import asyncio

import pytest

from gateway.new_call import NewCall
from gateway.trunk_address import target_endpoint
from media import messages as m
from media.ultravox.errors import EngineUnreachableError
from sip.server_location import Destination
from sip.user_agent import UserAgent
from store.identifiers import uuid7
from store.records import CallStatus, TrunkOutbound
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import CALLEE, NUMBER, SDP, Scene, kinds
from tests.support.sip_message import response_to


async def test_the_engine_is_ready_before_the_phone_rings_and_joins_at_the_answer(scene: Scene) -> None:
    call, session = await scene.ringing()
    assert session.call.status is CallStatus.RINGING
    assert session.call.record.engine_call_id == "engine-1"
    assert scene.plane.sent(m.AttachEngine) == []
    call.answer(SDP)
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    assert len(scene.plane.sent(m.AttachEngine)) == len(scene.plane.sent(m.OpenGate)) == 1
    assert session.call.record.sip_status == 200
    await call.bye()
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "contact-hangup")
    assert record.variables == {"first_name": "Ann"}
    assert record.metadata == {"order": 7, "who": "us"}
    assert dict(scene.engine.requests[0].metadata) == {
        "who": "us",
        "call_id": record.id,
        "direction": "outbound",
    }
    assert dict(scene.engine.requests[0].variables) == {"first_name": "Ann"}


@pytest.mark.parametrize("kept", [True, False])
async def test_a_call_keeps_no_transcript_where_none_is_wanted(scene: Scene, kept: bool) -> None:
    call, session = await scene.ringing(transcription_enabled=kept)
    call.answer(SDP)
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    said = m.TranscriptReceived(
        leg_id=session.call.id,
        role="agent",
        ordinal=0,
        text="Hello.",
        delta=None,
        final=True,
        media_ms=1200,
    )
    scene.tell(session, said)
    assert len(session.call.transcript.entries()) == int(kept)
    await call.bye()
    record = await scene.over()
    assert (record.transcript is not None) is kept


async def test_the_number_called_from_is_shown(scene: Scene) -> None:
    call, _ = await scene.ringing()
    assert call.invite is not None
    assert NUMBER in call.invite["From"]


@pytest.mark.parametrize(
    ("status", "phrase", "failure"),
    [
        (486, "Busy Here", "busy"),
        (603, "Decline", "rejected"),
        (480, "Temporarily Unavailable", "no-answer"),
        (404, "Not Found", "invalid-number"),
        (503, "Service Unavailable", "trunk-unavailable"),
        (302, "Moved Temporarily", "trunk-unavailable"),
        (401, "Unauthorized", "trunk-auth-failed"),
        (488, "Not Acceptable Here", "media-negotiation-failed"),
    ],
)
async def test_a_refusal_is_told_in_the_products_words(
    scene: Scene, status: int, phrase: str, failure: str
) -> None:
    call, _ = await scene.ringing()
    call.reject(status, phrase, (("Reason", "Q.850;cause=41"),))
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, failure)
    assert (record.sip_status, record.sip_reason) == (status, phrase)
    assert (record.started_at, record.duration_ms) == (None, None)
    refused = next(event for event in await scene.timeline(record) if event.kind == "refused")
    assert refused.detail["reason_header"] == "Q.850;cause=41"
    assert record.sip_details == {"q850_cause": 41}


async def test_a_cause_says_what_a_vague_status_does_not(scene: Scene) -> None:
    call, _ = await scene.ringing()
    call.reject(503, "Service Unavailable", (("Reason", 'SIP;cause=503, Q.850;cause=17;text="busy"'),))
    record = await scene.over()
    assert (record.failure_reason, record.sip_details) == ("busy", {"q850_cause": 17})


async def test_a_phone_nobody_picks_up_is_no_answer(scene: Scene) -> None:
    call, _ = await scene.ringing(join_timeout_ms=150)
    await call.until_request("CANCEL")
    record = await scene.over()
    assert (record.status, record.failure_reason, record.sip_status) == (
        CallStatus.FAILED,
        "no-answer",
        487,
    )


async def test_an_answer_that_crosses_the_cancel_is_hung_up_and_the_call_stays_cancelled(
    scene: Scene,
) -> None:
    scene.phone.answer_in_dialog = False
    call, session = await scene.ringing()
    cancelling = asyncio.create_task(scene.gateway.calls.cancel(scene.organization_id, session.call.id))
    cancel = await call.until_request("CANCEL")
    call.respond(cancel, 200, "OK")
    call.answer(SDP)
    await call.until_request("ACK")
    bye = await call.until_request("BYE")
    call.respond(bye, 200, "OK")
    record = await cancelling
    assert (record.status, record.duration_ms, record.cancelled_from) == (
        CallStatus.CANCELLED,
        None,
        "ringing",
    )
    assert scene.plane.sent(m.AttachEngine) == []
    await scene.over()


async def test_a_busy_that_crosses_the_cancel_leaves_it_cancelled(scene: Scene) -> None:
    scene.phone.answer_in_dialog = False
    call, session = await scene.ringing()
    cancelling = asyncio.create_task(scene.gateway.calls.cancel(scene.organization_id, session.call.id))
    call.respond(await call.until_request("CANCEL"), 200, "OK")
    call.reject(486, "Busy Here")
    assert (await cancelling).status is CallStatus.CANCELLED
    await scene.over()


async def test_a_phone_that_ignores_the_cancel_does_not_hold_the_call(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.outbound.CANCEL_GRACE_S", 0.05)
    scene.phone.answer_in_dialog = False
    call, session = await scene.ringing()
    record = await scene.gateway.calls.cancel(scene.organization_id, session.call.id)
    assert record.status is CallStatus.CANCELLED
    await scene.over()
    call.reject(487, "Request Terminated")
    await until(lambda: scene.gateway._user_agent.statistics.calls == 0)


async def test_an_answer_without_a_session_description_ends_with_bye(scene: Scene) -> None:
    call, _ = await scene.ringing()
    call.answer(b"")
    await call.until_request("BYE")
    record = await scene.over()
    assert (record.failure_reason, record.started_at) == ("media-negotiation-failed", None)


async def test_a_session_description_among_other_parts_is_found(scene: Scene) -> None:
    """Carriers that interwork with ISUP send multipart/mixed (RFC 3204)."""
    call, session = await scene.ringing()
    body = (
        b"--b\r\nContent-Type: application/isup;version=x\r\n\r\n\x01\x02\r\n"
        b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--b--\r\n"
    )
    assert call.invite is not None
    headers = (("Contact", scene.phone.contact), ("Content-Type", "multipart/mixed;boundary=b"))
    response = response_to(call.invite, 200, "OK", to_tag=call.local_tag, headers=headers)
    response.body = body
    scene.phone.send_response(response, call.invite, call.source)
    await until(lambda: session.call.terminal or session.call.status is CallStatus.IN_PROGRESS)
    assert session.call.status is CallStatus.IN_PROGRESS


async def test_an_engine_that_is_away_is_noticed_before_the_phone_rings(scene: Scene) -> None:
    scene.engine.answers = [EngineUnreachableError("no connection")]
    await scene.place()
    record = await scene.over()
    assert (record.status, record.failure_reason, record.sip_status) == (
        CallStatus.FAILED,
        "agent-error",
        None,
    )
    assert scene.phone.received == []


async def test_no_free_port_is_capacity(scene: Scene) -> None:
    scene.plane.ports = 0
    await scene.place()
    assert (await scene.over()).failure_reason == "capacity"


async def test_an_agent_the_engine_would_refuse_is_the_agents_fault(make_gateway: OpenScene) -> None:
    message = {"duration_ms": 1000, "message": "Hello?", "end_behavior": "NEVER"}
    scene = await make_gateway(agent={"inactivity_messages": (message,)})
    await scene.place()
    assert (await scene.over()).failure_reason == "agent-error"


async def test_a_trunk_whose_name_is_not_found_is_unavailable(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_found(*_: object) -> tuple[Destination, ...]:
        raise OSError("no such name")

    monkeypatch.setattr(UserAgent, "locate", not_found)
    await scene.place()
    assert (await scene.over()).failure_reason == "trunk-unavailable"


async def test_cancelled_while_it_waits_for_a_place_it_never_dials(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_outbound": 0})
    placed = await scene.place()
    record = await scene.gateway.calls.cancel(scene.organization_id, placed.id)
    assert (record.status, record.cancelled_from) == (CallStatus.CANCELLED, "queued")
    assert (await scene.over()).ended_at is not None
    assert scene.phone.received == []


async def test_cancelled_while_the_engine_is_asked_it_leaves_nothing(scene: Scene) -> None:
    scene.engine.may_create.clear()
    placed = await scene.place()
    await until(lambda: scene.engine.prior)
    await scene.gateway.calls.cancel(scene.organization_id, placed.id)
    assert (await scene.over()).status is CallStatus.CANCELLED
    assert scene.plane.closed_legs == [placed.id]


async def test_a_call_that_waited_too_long_fails_with_capacity(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_outbound": 0, "queue_timeout": 0.02})
    await scene.place()
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "capacity")


async def test_the_next_call_is_dialled_when_a_place_is_free(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_outbound": 1})
    first, session = await scene.ringing()
    second = await scene.place()
    assert second.status is CallStatus.QUEUED
    first.reject(486, "Busy Here")
    call = await scene.phone.incoming()
    assert call.call_id != first.call_id
    assert session.call.terminal
    call.reject(486, "Busy Here")
    await scene.over()
    assert scene.gateway.registry.get_sample_value("trunkline_queue_wait_seconds_count") == 2


async def test_an_engine_that_does_not_open_after_the_answer_ends_with_bye(scene: Scene) -> None:
    call, session = await scene.ringing()
    call.answer(SDP)
    await scene.attached()
    scene.engine_closed(session, normal=False, opened=False)
    await call.until_request("BYE")
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "agent-error")
    assert record.duration_ms is not None


async def test_a_stop_while_it_rings_cancels_without_saying_that_somebody_answered(scene: Scene) -> None:
    call, session = await scene.ringing()
    scene.gateway.end_calls()
    cancel = await call.until_request("CANCEL")
    assert "cause=200" not in cancel.get("Reason", "")
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "gateway-error")
    assert "status-refused" not in kinds(session)


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("sip.example.com", ("sip.example.com", 5060)),
        ("192.0.2.1:5080", ("192.0.2.1", 5080)),
        ("[2001:db8::1]:5080", ("2001:db8::1", 5080)),
        ("[2001:db8::1]", ("2001:db8::1", 5060)),
        ("2001:db8::1", ("2001:db8::1", 5060)),
    ],
)
def test_a_trunks_address_may_leave_the_port_out(address: str, endpoint: tuple[str, int]) -> None:
    assert target_endpoint(TrunkOutbound(address=address).address) == endpoint


async def test_a_call_that_may_not_ring_any_more_is_cancelled_without_an_invite(scene: Scene) -> None:
    asked: list[bool] = []

    async def no() -> bool:
        asked.append(len(scene.engine.requests) == 1)  # when all is ready, not before
        return False

    request = NewCall(scene.agent.id, CALLEE)
    placed = await scene.gateway.calls.create(scene.organization_id, request, may_ring=no)
    record = await scene.over()
    assert (record.id, record.status, record.cancelled_from) == (placed.id, CallStatus.CANCELLED, "queued")
    assert asked == [True]
    assert "invite-sent" not in [step.kind for step in await scene.timeline(record)]


async def test_a_call_that_may_ring_has_the_id_that_was_chosen_for_it(scene: Scene) -> None:
    async def yes() -> bool:
        return True

    call_id = uuid7()
    request = NewCall(scene.agent.id, CALLEE)
    await scene.gateway.calls.create(scene.organization_id, request, call_id=call_id, may_ring=yes)
    call = await scene.phone.incoming()
    assert [session.call.id for session in scene.live] == [call_id]
    call.reject(486, "Busy Here")
    record = await scene.over()
    assert (record.id, record.failure_reason) == (call_id, "busy")
