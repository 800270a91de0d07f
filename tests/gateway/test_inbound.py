"""Calls that come in, from the INVITE to the answer or the refusal, against an independent phone."""

from datetime import UTC, datetime

from aiohttp import web

from gateway.directory import Directory
from gateway.new_agent import NewAgent
from media import messages as m
from media.ultravox.errors import EngineBusyError, EngineUnreachableError
from store.agent_part_records import Voice
from store.identifiers import uuid7
from store.records import AgentStatus, CallFilter, CallStatus
from store.trunk_dialog_records import Ringback, TrunkDialog
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import NUMBER, SDP, Scene, kinds
from tests.gateway.test_precall import owner
from tests.support.sip_message import uri_of


async def test_it_rings_at_once_and_is_answered_when_the_engine_stands(scene: Scene) -> None:
    call = await scene.dial()
    session = await scene.session()
    await scene.attached()
    assert 180 in [response.status for response in call.provisional]
    assert call.final is None
    scene.engine_opened(session)
    assert (await call.until_final()).status == 200
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    assert b"m=audio 20000" in call.remote_sdp
    assert len(scene.plane.sent(m.OpenGate)) == 1
    record = session.call.record
    assert (record.sip_status, record.from_number, record.phone_number) == (200, NUMBER, "+14155550123")
    await call.bye()
    ended = await scene.over()
    assert (ended.status, ended.end_reason, ended.failure_reason) == (
        CallStatus.ENDED,
        "contact-hangup",
        None,
    )
    assert ended.started_at is not None
    assert ended.duration_ms is not None


async def test_the_leg_misses_no_packets_while_the_caller_cannot_send_any(scene: Scene) -> None:
    call = await scene.dial()
    session = await scene.session()
    await scene.attached()
    assert scene.plane.sent(m.NegotiateLeg) == []
    scene.engine_opened(session)
    await call.until_final()
    (negotiated,) = scene.plane.sent(m.NegotiateLeg)
    assert (negotiated.remote_port, negotiated.codec) == (40000, "PCMU")


async def test_a_trunk_that_wants_it_lets_the_caller_hear_it_ring(make_gateway: OpenScene) -> None:
    scene = await make_gateway(agent={"recording_enabled": True})
    (trunk,) = scene.gateway.directory.trunks()
    await scene.gateway.directory.update_trunk(
        scene.organization_id, trunk.id, dialog=TrunkDialog(ringback=Ringback.TONE)
    )
    call = await scene.dial(headers=(("Supported", "100rel"),))
    session = await scene.session()
    await until(lambda: any(response.status == 183 for response in call.provisional))
    early = next(response for response in call.provisional if response.status == 183)
    assert b"m=audio 20000" in early.body
    assert "100rel" in early["Require"]
    assert len(scene.plane.sent(m.PlayEarly)) == 1
    assert len(scene.plane.sent(m.NegotiateLeg)) == 1
    await scene.attached()
    scene.engine_opened(session)
    # Not before the caller has acknowledged the description (RFC 3262 section 3).
    assert call.final is None
    call.remote, call.remote_target = early["To"], uri_of(early["Contact"])
    prack = await call.send("PRACK", headers=(("RAck", f"{early['RSeq']} {early['CSeq']}"),))
    assert prack.status == 200
    final = await call.until_final()
    assert (final.status, final.body) == (200, early.body)
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    commands = [type(command) for command in scene.plane.commands]
    order = [commands.index(kind) for kind in (m.PlayEarly, m.OpenGate, m.StartRecording)]
    assert order == sorted(order)
    await call.bye()
    await scene.over()


async def test_an_invite_without_offer_gets_ours_and_its_answer_in_the_ack(scene: Scene) -> None:
    call, session = await scene.answered(sdp=b"")
    assert b"m=audio 20000" in call.remote_sdp
    assert session.call.status is CallStatus.RINGING
    await call.ack(SDP)
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    assert scene.plane.sent(m.NegotiateLeg)[0].remote_port == 40000


async def test_an_ack_without_the_answer_that_is_due_fails_the_call(scene: Scene) -> None:
    call, _ = await scene.answered(sdp=b"")
    await call.ack()
    await call.until_request("BYE")
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "media-negotiation-failed")
    assert (record.started_at, record.duration_ms, record.sip_status) == (None, None, 200)


async def test_cancel_while_the_engine_is_asked_gives_everything_back(scene: Scene) -> None:
    scene.engine.may_create.clear()
    call = await scene.dial()
    await until(lambda: scene.engine.prior)
    assert (await call.cancel()).status == 200
    assert (await call.until_final()).status == 487
    record = await scene.over()
    assert (record.status, record.failure_reason, record.sip_status) == (
        CallStatus.FAILED,
        "caller-hangup",
        487,
    )
    assert record.duration_ms is None


async def test_cancel_while_the_leg_is_made_does_not_leave_it_behind(scene: Scene) -> None:
    scene.plane.may_create.clear()
    call = await scene.dial()
    await until(lambda: scene.plane.legs)
    await call.cancel()
    await scene.over()
    assert len(scene.plane.closed_legs) == 1


async def test_cancel_while_the_engines_socket_opens(scene: Scene) -> None:
    call = await scene.dial()
    await scene.attached()
    await call.cancel()
    assert (await scene.over()).failure_reason == "caller-hangup"


async def test_a_bye_before_the_ack_is_the_callers_hang_up(scene: Scene) -> None:
    call, session = await scene.answered(sdp=b"")
    await call.bye()
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "contact-hangup")
    assert record.started_at is not None, "the BYE proves that the caller had our 200"
    assert record.duration_ms is not None
    assert "status-refused" not in kinds(session)


async def test_the_engine_lost_between_200_and_ack_ends_with_a_bye_after_the_ack(scene: Scene) -> None:
    call, session = await scene.answered(sdp=b"")
    scene.engine_closed(session, normal=False)
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "agent-error")
    assert call.received("BYE") == []
    await call.ack(SDP)
    assert 'text="agent-error"' in (await call.until_request("BYE"))["Reason"]


async def test_an_engine_that_is_away_is_500(scene: Scene) -> None:
    scene.engine.answers = [EngineUnreachableError("no connection")]
    final = await (await scene.dial()).until_final()
    assert final.status == 500
    record = await scene.over()
    assert (record.status, record.failure_reason, record.sip_status) == (
        CallStatus.FAILED,
        "agent-error",
        500,
    )


async def test_a_busy_engine_is_503_with_retry_after(scene: Scene) -> None:
    scene.engine.answers = [EngineBusyError(429, "full", None)]
    final = await (await scene.dial()).until_final()
    assert (final.status, final["Retry-After"]) == (503, "10")
    assert (await scene.over()).failure_reason == "agent-error"


async def test_a_socket_that_does_not_open_is_500(scene: Scene) -> None:
    call = await scene.dial()
    session = await scene.session()
    await scene.attached()
    scene.engine_closed(session, normal=False, opened=False)
    assert (await call.until_final()).status == 500
    assert (await scene.over()).failure_reason == "agent-error"


async def test_an_agent_the_engine_would_refuse_fails_that_call_and_holds_nothing(
    make_gateway: OpenScene,
) -> None:
    message = {"duration_ms": 1000, "message": "Hello?", "end_behavior": "NEVER"}
    scene = await make_gateway(agent={"inactivity_messages": (message,)})
    assert (await (await scene.dial()).until_final()).status == 500
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "agent-error")
    assert any("endBehavior" in str(event.detail) for event in await scene.timeline(record))


async def test_a_language_hint_too_long_for_the_engine_is_the_agents_fault(make_gateway: OpenScene) -> None:
    scene = await make_gateway(agent={"language_hint": "x" * 20})
    assert (await (await scene.dial()).until_final()).status == 500
    assert (await scene.over()).failure_reason == "agent-error"


async def test_no_free_port_is_503(scene: Scene) -> None:
    scene.plane.ports = 0
    final = await (await scene.dial()).until_final()
    assert (final.status, final["Retry-After"]) == (503, "10")
    assert (await scene.over()).failure_reason == "capacity"


async def test_no_common_codec_is_488(scene: Scene) -> None:
    final = await (await scene.dial(SDP.replace(b"RTP/AVP 0 101", b"RTP/AVP 18"))).until_final()
    assert final.status == 488
    record = await scene.over()
    assert (record.failure_reason, record.sip_status) == ("media-negotiation-failed", 488)
    assert scene.engine.prior == []


async def test_an_offer_that_cannot_be_read_is_400(scene: Scene) -> None:
    assert (await (await scene.dial(b"nonsense")).until_final()).status == 400
    assert (await scene.over()).failure_reason == "media-negotiation-failed"


async def test_above_the_limit_an_invite_is_503_and_no_call(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_inbound": 1, "retry_after": 7})
    first, _ = await scene.answered()
    final = await (await scene.dial()).until_final()
    assert (final.status, final["Retry-After"]) == (503, "7")
    assert len(scene.live) == 1
    assert scene.rejections("capacity") == 1
    await first.bye()
    await scene.over()
    await scene.dial()
    await scene.session()


async def test_an_unknown_number_is_404_without_a_call(scene: Scene) -> None:
    call = await scene.phone.call("sip:+14155559999@x", scene.target, SDP)
    assert (await call.until_final()).status == 404
    assert scene.rejections("unknown_number") == 1
    assert scene.live == []


async def test_while_draining_an_invite_is_503(scene: Scene) -> None:
    await scene.gateway.drain(0)
    final = await (await scene.dial()).until_final()
    assert (final.status, final["Retry-After"]) == (503, "10")
    assert scene.rejections("draining") == 1
    assert (await scene.phone.options("sip:x", scene.target)).status == 503


async def test_a_stop_while_it_rings_sends_the_caller_elsewhere(scene: Scene) -> None:
    call = await scene.dial()
    await scene.attached()
    scene.gateway.end_calls()
    final = await call.until_final()
    assert (final.status, final["Retry-After"]) == (503, "10")
    record = await scene.over()
    assert (record.status, record.failure_reason, record.sip_status) == (
        CallStatus.FAILED,
        "gateway-error",
        503,
    )


async def test_the_asserted_identity_is_the_caller(scene: Scene) -> None:
    asserted = (("P-Asserted-Identity", "<sip:+14155550177@x>"),)
    await scene.dial(headers=asserted)
    assert (await scene.session()).call.record.phone_number == "+14155550177"


async def test_an_agent_deleted_a_moment_ago_is_480(scene: Scene) -> None:
    directory: Directory = scene.gateway.directory
    del directory._agents[scene.agent.id]
    assert (await (await scene.dial()).until_final()).status == 480
    assert scene.live == []
    assert scene.rejections("agent_not_active") == 1


async def test_above_a_limit_of_the_cluster_a_caller_is_asked_to_come_again(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_in_cluster": 1, "retry_after": 7})
    first, _ = await scene.answered()
    final = await (await scene.dial()).until_final()
    assert (final.status, final["Retry-After"]) == (503, "7")
    (refused,) = (
        await scene.gateway.calls.list(scene.organization_id, CallFilter(status=CallStatus.FAILED), 10, 0)
    ).items
    assert refused.failure_reason == "capacity"
    await first.bye()
    await scene.over()
    assert len(scene.gateway.leases) == 0
    await scene.answered()


async def test_the_agent_that_the_numbers_owner_chooses_speaks_with_its_own_voice(
    make_gateway: OpenScene,
) -> None:
    scene = await make_gateway(webhooks={"allow_private": True})
    directory, organization_id = scene.gateway.directory, scene.organization_id
    voice = Voice(uuid7(), organization_id, "Mine", "elevenlabs", "eleven-7", datetime.now(UTC))
    await directory.add_voice(voice)
    chosen = await directory.create_agent(
        organization_id,
        NewAgent(name="Night desk", voice_id=voice.id, system_prompt="night"),
        status=AgentStatus.ACTIVE,
    )

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"agent_id": chosen.id})

    async with owner(answer) as webhook:
        (number,) = (await directory.list_numbers(organization_id)).items
        await directory.update_number(organization_id, number.id, precall_webhook=webhook)
        await scene.dial()
        await scene.attached()
    (request,) = scene.engine.requests
    assert request.agent.system_prompt == "night"
    assert request.agent.external_voice == {"elevenLabs": {"voiceId": "eleven-7"}}
    assert request.agent.voice is None
