"""What happens in mid-call and how a call ends, for both directions."""

import asyncio

import pytest

from gateway import session as session_module
from gateway.failure_reasons import EndReason
from media import messages as m
from media.ultravox.errors import EngineUnreachableError
from store.records import CallStatus
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import engine_call, until
from tests.gateway.scene import SDP, Scene, conversation_of, kinds

HOLD = SDP + b"a=sendonly\r\n"


async def test_hold_and_resume_reach_the_leg_and_the_timeline(scene: Scene) -> None:
    call, session = await scene.answered()
    held = await call.reinvite(HOLD)
    assert held.status == 200
    assert b"a=recvonly" in held.body
    assert scene.plane.sent(m.NegotiateLeg)[-1].direction is m.Direction.RECVONLY
    assert (await call.reinvite(SDP)).status == 200
    assert scene.plane.sent(m.NegotiateLeg)[-1].direction is m.Direction.SENDRECV
    assert [kind for kind in kinds(session) if kind in ("hold", "resume")] == ["hold", "resume"]


async def test_a_mere_refresh_changes_nothing(scene: Scene) -> None:
    call, _ = await scene.answered()
    assert (await call.reinvite(SDP)).status == 200
    assert len(scene.plane.sent(m.NegotiateLeg)) == 1


async def test_an_offer_we_cannot_take_is_refused_and_the_call_goes_on(scene: Scene) -> None:
    call, session = await scene.answered()
    assert (await call.reinvite(SDP.replace(b"RTP/AVP 0 101", b"RTP/AVP 18"))).status == 488
    assert (await call.reinvite(b"nonsense")).status == 400
    assert session.call.status is CallStatus.IN_PROGRESS


async def test_the_agents_hang_up_follows_its_last_word(scene: Scene) -> None:
    call, session = await scene.answered()
    scene.engine_closed(session, normal=True)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    assert call.received("BYE") == []
    scene.tell(session, m.PlayoutDrained(leg_id=session.call.id, complete=True, remaining_ms=0))
    bye = await call.until_request("BYE")
    assert bye["Reason"] == 'Q.850;cause=16;text="agent-hangup"'
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "agent-hangup")


async def test_the_callers_bye_during_the_farewell_ends_it_at_once(scene: Scene) -> None:
    call, session = await scene.answered()
    scene.engine_closed(session, normal=True)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    await call.bye()
    assert (await scene.over()).end_reason == "contact-hangup"


async def test_the_reason_of_the_peers_bye_is_kept(scene: Scene) -> None:
    call, _ = await scene.answered()
    await call.send("BYE", headers=(("Reason", 'Q.850;cause=31;text="normal"'),))
    record = await scene.over()
    (step,) = [event for event in await scene.timeline(record) if event.kind == "sip-terminated"]
    assert step.detail == {"by": "remote", "reason": 'Q.850;cause=31;text="normal"'}


async def test_a_lost_engine_that_does_not_come_back_fails_the_call_with_bye(scene: Scene) -> None:
    away = EngineUnreachableError("no connection")
    scene.engine.answers = [engine_call("first"), away, away]
    call, session = await scene.answered()
    scene.engine_closed(session, normal=False)
    bye = await call.until_request("BYE")
    assert bye["Reason"] == 'Q.850;cause=41;text="agent-error"'
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "agent-error")
    assert record.duration_ms is not None


async def test_a_hang_up_while_the_engine_is_recovered_ends_the_recovery(scene: Scene) -> None:
    call, session = await scene.answered()
    scene.engine.may_create.clear()
    scene.engine_closed(session, normal=False)
    await until(lambda: len(scene.engine.prior) == 2)
    record = await scene.gateway.calls.hang_up(scene.organization_id, session.call.id)
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "api-hangup")
    scene.engine.may_create.set()
    await call.until_request("BYE")
    await scene.over()
    assert len(scene.plane.sent(m.AttachEngine)) == 1


async def test_a_call_that_the_engine_does_not_end_in_time_is_ended_by_us(
    make_gateway: OpenScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "WATCHDOG_MARGIN_S", 0.0)
    scene = await make_gateway(calls={"max_duration": 0.05})
    call, _ = await scene.answered()
    await call.until_request("BYE")
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "max-duration")


async def test_no_packets_fail_the_call(scene: Scene) -> None:
    call, session = await scene.answered()
    scene.tell(session, m.MediaTimedOut(leg_id=session.call.id, kind="mid-call", silent_ms=60000))
    await call.until_request("BYE")
    assert (await scene.over()).failure_reason == "media-timeout"


async def test_a_fault_of_ours_in_a_sip_event_ends_the_call_and_gives_everything_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, session = await scene.answered()

    def broken(*_: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(conversation_of(session), "negotiate", broken)
    await call.peer.send_request(call.request("INVITE", body=HOLD), call.target)
    await call.until_request("BYE")
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "gateway-error")


async def test_only_the_first_cause_has_a_say(scene: Scene) -> None:
    call, session = await scene.answered()
    session.hang_up()
    scene.engine_closed(session, normal=False)
    session.finish(lambda: session.call.end(EndReason.MAX_DURATION))
    await call.until_request("BYE")
    record = await scene.over()
    assert record.end_reason == "api-hangup"
    statuses = [event for event in await scene.timeline(record) if event.kind == "status"]
    assert [event.detail["to"] for event in statuses] == ["ringing", "in-progress", "ended"]


async def test_the_legs_counters_are_kept_with_the_call(scene: Scene) -> None:
    call, _ = await scene.answered()
    await call.bye()
    record = await scene.over()
    assert record.statistics is not None
    assert record.statistics["packets_received"] == 7


async def test_the_far_side_changes_the_codec_in_mid_call_and_back(scene: Scene) -> None:
    call, session = await scene.answered()
    changed = await call.reinvite(SDP.replace(b"RTP/AVP 0 101", b"RTP/AVP 8 101"))
    assert b"RTP/AVP 8 101" in changed.body
    negotiated = scene.plane.sent(m.NegotiateLeg)[-1]
    assert (negotiated.codec, negotiated.payload_type) == ("PCMA", 8)
    back = await call.reinvite(SDP)
    assert b"RTP/AVP 0 101" in back.body
    assert scene.plane.sent(m.NegotiateLeg)[-1].codec == "PCMU"
    assert b" 3 IN IP4 " in back.body.partition(b"s=")[0], "the version in o= has grown with each change"
    assert session.call.status == "in-progress"


async def test_a_leg_that_does_not_close_does_not_hold_the_call(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.conversation.CLOSE_TIMEOUT_S", 0.02)
    call, session = await scene.answered()
    never = asyncio.Event()

    async def hang(leg_id: str) -> m.LegClosed:
        scene.plane.listeners.pop(leg_id)
        await never.wait()
        raise AssertionError

    monkeypatch.setattr(scene.plane, "close_leg", hang)
    await call.bye()
    assert (await scene.over()).status is CallStatus.ENDED
    assert await session.wait_settled(0.1)


async def test_an_info_with_a_key_is_noted_and_presses_it(scene: Scene) -> None:
    call, session = await scene.answered()
    info = await call.send("INFO", body=b"Signal=5\r\n", content_type="application/dtmf-relay")
    assert info.status == 200
    noted, pressed = session.call.timeline[-2:]
    assert (noted.kind, noted.detail) == ("sip-info", {"content_type": "application/dtmf-relay"})
    assert (pressed.kind, pressed.detail["by"]) == ("digit-received", "info")


async def test_an_info_about_something_else_is_noted_and_harmless(scene: Scene) -> None:
    call, session = await scene.answered()
    info = await call.send("INFO", body=b"<media_control/>", content_type="application/media_control+xml")
    assert info.status == 200
    assert session.call.timeline[-1].detail == {"content_type": "application/media_control+xml"}


async def test_hold_and_back_and_hold_before_the_far_party_has_answered_ends_on_hold(scene: Scene) -> None:
    _, session = await scene.answered()
    for held in (True, False, True):
        session.set_hold(held)
    await until(lambda: any(step.kind == "held" for step in session.call.timeline))
    await asyncio.sleep(0.1)
    assert session.actions.held
    assert not [
        kind for kind in kinds(session) if kind in ("hold-refused", "unhold-refused", "reoffer-refused")
    ]
