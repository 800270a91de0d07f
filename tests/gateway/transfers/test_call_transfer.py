"""Transfers, over a whole gateway and an independent phone that is caller and target."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest

from gateway.agent_transfer import AgentTransfer
from gateway.call_actions import Side
from gateway.cluster.limits import Counted, Limit
from gateway.errors import ConflictError, ForbiddenError, LimitExceededError
from gateway.session import Session
from gateway.tool_use import TransferError, TransferRequest
from gateway.transfers.plan import TransferMethod, TransferMode, TransferPlan
from media import messages as m
from store.outbound_policy_records import OutboundPolicy
from store.records import CallDirection, CallStatus
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import SDP, Scene, kinds
from tests.support.sip_call import PeerCall
from tests.support.sip_message import SipMessage, tag_of

DESK = "+14155550188"


class Transferring:
    """An answered call whose far party decides what becomes of the REFER."""

    def __init__(self, scene: Scene, call: PeerCall, session: Session) -> None:
        self.scene = scene
        self.call = call
        self.session = session
        scene.phone.answer_in_dialog = False

    @classmethod
    async def begin(cls, scene: Scene, **plan: Any) -> tuple[Transferring, SipMessage]:
        """By REFER."""
        made = cls(scene, *await scene.answered())
        await made.session.transfers.request(TransferPlan(DESK, **plan))
        return made, await made.call.until_request("REFER")

    @classmethod
    async def dial(cls, scene: Scene, **plan: Any) -> tuple[Transferring, PeerCall]:
        """By a leg of ours, whose INVITE has reached the target."""
        made = cls(scene, *await scene.answered())
        await made.session.transfers.request(TransferPlan(DESK, **{"method": TransferMethod.BRIDGE} | plan))
        target = await scene.phone.incoming()
        scene.phone.answer_in_dialog = True
        return made, target

    @property
    def target_leg(self) -> str:
        return f"{self.session.call.id}-transfer-1"

    def tell_target(self, event: m.Event) -> None:
        self.scene.plane.listeners[event.leg_id](event)

    def patches(self) -> list[str]:
        patches = self.scene.plane.sent(m.Patch)
        assert all(one.leg_id == self.session.call.id for one in patches)
        return [one.mode for one in patches]

    def answer(self, refer: SipMessage, status: int, reason: str) -> None:
        self.call.respond(refer, status, reason)

    async def notify(self, line: str, state: str = "active") -> None:
        answer = await self.call.send(
            "NOTIFY",
            body=f"{line}\r\n".encode(),
            content_type="message/sipfrag",
            headers=(("Event", "refer"), ("Subscription-State", state)),
        )
        assert answer.status == 200

    def steps(self) -> list[str]:
        return [kind for kind in kinds(self.session) if kind.startswith("transfer-")]

    def holds(self) -> list[bool]:
        return [command.held for command in self.scene.plane.sent(m.SetHold)]

    def told(self) -> list[dict[str, Any]]:
        return [command.message for command in self.scene.plane.sent(m.SendEngineMessage)]


async def names(scene: Scene, call_id: str) -> list[str]:
    """Every public event of the call, in order."""
    timeline = await scene.gateway.calls.timeline(scene.organization_id, call_id)
    return [event.kind for event in timeline if event.kind.startswith("transfer-")]


async def test_success_is_what_the_notify_says_and_ends_the_call(scene: Scene) -> None:
    made, refer = await Transferring.begin(scene)
    assert refer["Refer-To"] == f"<sip:{DESK}@{scene.phone.host}:{scene.phone.port}>"
    made.answer(refer, 202, "Accepted")
    await until(lambda: made.holds() == [True])
    await made.notify("SIP/2.0 180 Ringing")
    assert made.session.call.status is CallStatus.IN_PROGRESS
    await made.notify("SIP/2.0 200 OK", "terminated;reason=noresource")
    bye = await made.call.until_request("BYE")
    assert bye["Reason"] == 'Q.850;cause=16;text="transferred"'
    made.call.respond(bye, 200, "OK")
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "transferred")
    assert await names(scene, record.id) == [
        "transfer-started",
        "transfer-progress",
        "transfer-progress",
        "transfer-completed",
    ]
    assert made.told() == []


async def test_a_target_that_refuses_brings_the_caller_back_to_an_agent_who_knows(scene: Scene) -> None:
    made, refer = await Transferring.begin(scene)
    made.answer(refer, 202, "Accepted")
    await made.notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource")
    await until(lambda: made.holds() == [True, False])
    (message,) = made.told()
    assert message["type"] == "user_text_message"
    assert "486 Busy Here" in message["text"]
    assert made.steps() == ["transfer-started", "transfer-progress", "transfer-failed"]
    assert made.session.call.status is CallStatus.IN_PROGRESS
    await made.session.transfers.request(TransferPlan(DESK))
    await made.call.until_request("REFER", 2)


async def test_a_far_party_that_does_not_refer_never_notices(scene: Scene) -> None:
    made, refer = await Transferring.begin(scene, method=TransferMethod.REFER)
    made.answer(refer, 603, "Decline")
    await until(lambda: made.steps() == ["transfer-started", "transfer-failed"])
    assert made.holds() == []
    assert "603 Decline" in made.told()[0]["text"]


async def test_a_second_transfer_that_is_refused_at_once_leaves_a_hold_as_it_is(scene: Scene) -> None:
    made, refer = await Transferring.begin(scene)
    made.answer(refer, 202, "Accepted")
    await made.notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource")
    await until(lambda: made.holds() == [True, False])
    made.session.set_hold(True)
    await made.session.transfers.request(TransferPlan(DESK, method=TransferMethod.REFER))
    made.answer(await made.call.until_request("REFER", 2), 603, "Decline")
    await until(lambda: made.steps().count("transfer-failed") == 2)
    assert made.holds() == [True, False, True]


async def test_no_news_in_time_is_a_failure(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"transfer_timeout": 0.2})
    made, refer = await Transferring.begin(scene)
    made.answer(refer, 202, "Accepted")
    await until(lambda: "transfer-failed" in made.steps())
    assert made.holds() == [True, False]
    assert "nobody said" in made.told()[0]["text"]


async def test_a_hang_up_meanwhile_leaves_one_failure(scene: Scene) -> None:
    made, refer = await Transferring.begin(scene)
    made.answer(refer, 202, "Accepted")
    await until(lambda: made.holds() == [True])
    made.scene.phone.answer_in_dialog = True
    await made.call.bye()
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "contact-hangup")
    assert (await names(scene, record.id))[-1] == "transfer-failed"
    assert (await names(scene, record.id)).count("transfer-failed") == 1
    assert made.told() == []


async def test_one_at_a_time_and_no_hold_meanwhile(scene: Scene) -> None:
    made, _ = await Transferring.begin(scene)
    with pytest.raises(ConflictError) as transferred:
        await made.session.transfers.request(TransferPlan(DESK))
    with pytest.raises(ConflictError) as held:
        made.session.set_hold(True)
    assert transferred.value.code == held.value.code == "transfer_running"


async def test_a_call_on_hold_stays_so_when_its_transfer_fails(scene: Scene) -> None:
    call, session = await scene.answered()
    session.set_hold(True)
    await until(lambda: "held" in kinds(session))
    made = Transferring(scene, call, session)
    await session.transfers.request(TransferPlan(DESK))
    refer = await call.until_request("REFER")
    made.answer(refer, 202, "Accepted")
    await made.notify("SIP/2.0 404 Not Found", "terminated")
    await until(lambda: "transfer-failed" in made.steps())
    assert made.holds() == [True]


async def test_a_call_of_ours_is_transferred_alike(scene: Scene) -> None:
    call, session = await scene.ringing()
    assert session.direction is CallDirection.OUTBOUND
    call.answer(SDP)
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    made = Transferring(scene, call, session)
    await session.transfers.request(TransferPlan("sip:desk@example.com"))
    refer = await call.until_request("REFER")
    assert refer["Refer-To"] == "<sip:desk@example.com>"
    made.answer(refer, 202, "Accepted")
    await made.notify("SIP/2.0 200 OK", "terminated")
    made.call.respond(await call.until_request("BYE"), 200, "OK")
    assert (await scene.over()).end_reason == "transferred"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("+19005551234", "premium_number"),
        ("sip:19005551234@sip.example.com", "premium_number"),
        ("+493012345678", "destination_not_allowed"),
        ("tel:+493012345678", "destination_not_allowed"),
        ("+1911", "emergency_number"),
    ],
)
async def test_a_transfer_calls_nobody_whom_the_organisation_may_not_call(
    scene: Scene, target: str, code: str
) -> None:
    _, session = await scene.answered()
    policy = OutboundPolicy(scene.organization_id, allowed_countries=("US",), updated_at=datetime.now(UTC))
    await scene.gateway.outbound_policies.put(policy)
    with pytest.raises(ForbiddenError) as refused:
        await session.transfers.request(TransferPlan(target))
    assert (refused.value.code, refused.value.details["field"]) == (code, "target")
    assert "transfer-started" not in kinds(session)


async def test_the_agent_is_told_why_its_transfer_is_not_allowed(scene: Scene) -> None:
    _, session = await scene.answered()
    transfer = AgentTransfer(session.transfers, "For the hot line: +19005551234.")
    with pytest.raises(TransferError, match="premium-rate"):
        await transfer.begin(TransferRequest("cold", "+19005551234"))
    assert "transfer-started" not in kinds(session)


# --- a leg of ours --------------------------------------------------------------------------------


async def test_a_far_party_that_refuses_to_refer_is_joined_with_a_leg_of_ours(scene: Scene) -> None:
    made, refer = await Transferring.begin(scene)
    made.answer(refer, 603, "Decline")
    target = await scene.phone.incoming()
    assert target.invite is not None
    assert target.invite.start_line.startswith(f"INVITE sip:{DESK}@")
    assert "+14155550100" in target.invite["From"]
    await until(lambda: made.holds() == [True])
    target.ring()
    await until(lambda: made.session.call.record.transfer["status"] == "ringing")
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    assert made.patches() == ["bridge"]
    assert made.holds() == [True, False]
    (creation,) = [one for one in scene.plane.sent_creations if one.beside is not None]
    assert creation.beside == made.session.call.id
    assert [command.leg_id for command in scene.plane.sent(m.DetachEngine)] == [made.session.call.id]
    record = made.session.call.record
    assert record.status is CallStatus.IN_PROGRESS
    assert (record.transfer["status"], record.transfer["method"]) == ("completed", "bridge")
    assert made.told() == []
    scene.phone.answer_in_dialog = True
    await target.bye()
    bye = await made.call.until_request("BYE")
    assert "transferred" in bye["Reason"]
    record = await scene.over()
    assert (record.status, record.end_reason, record.outcome) == ("ended", "transferred", "transferred")
    steps = await names(scene, record.id)
    assert steps.count("transfer-completed") == 1
    assert "transfer-failed" not in steps


@pytest.mark.parametrize("status", [405, 501, 403, 420, 488, 500])
async def test_each_refusal_of_a_refer_leads_to_a_leg_of_ours(scene: Scene, status: int) -> None:
    made, refer = await Transferring.begin(scene)
    made.answer(refer, status, "No")
    target = await scene.phone.incoming()
    target.reject(486, "Busy Here")
    await until(lambda: "transfer-failed" in made.steps())


async def test_a_phone_whose_allow_names_no_refer_is_not_asked(scene: Scene) -> None:
    call = await scene.dial(headers=(("Allow", "INVITE, ACK, BYE, CANCEL"),))
    session = await scene.session()
    await scene.attached()
    scene.engine_opened(session)
    await call.until_final()
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    await session.transfers.request(TransferPlan(DESK))
    target = await scene.phone.incoming()
    assert call.received("REFER") == []
    target.reject(486, "Busy Here")
    await until(lambda: not session.transfers.running)


async def test_whoever_hangs_up_first_ends_a_joined_call_for_both(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    await made.call.bye()
    await target.until_request("BYE")
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "transferred")


async def test_a_hang_up_over_the_api_ends_both_legs(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    made.session.hang_up()
    await target.until_request("BYE")
    await made.call.until_request("BYE")
    record = await scene.over()
    assert (record.end_reason, record.outcome) == ("api-hangup", "transferred")


@pytest.mark.parametrize(("status", "reason"), [(486, "Busy Here"), (480, "Away"), (503, "Unavailable")])
async def test_a_target_that_does_not_come_brings_the_caller_back(
    scene: Scene, status: int, reason: str
) -> None:
    made, target = await Transferring.dial(scene)
    await until(lambda: made.holds() == [True])
    target.reject(status, reason)
    await until(lambda: made.holds() == [True, False])
    assert made.steps()[-1] == "transfer-failed"
    assert f"{status} {reason}" in made.told()[0]["text"]
    await until(lambda: scene.plane.closed_legs == [made.target_leg])
    assert made.session.call.record.transfer["status"] == "failed"
    await made.session.transfers.request(TransferPlan(DESK, method=TransferMethod.BRIDGE))
    (await scene.phone.incoming()).reject(486, "Busy Here")
    await until(lambda: made.steps().count("transfer-failed") == 2)


async def test_a_target_that_does_not_answer_in_time_is_given_up(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"transfer_ring_timeout": 0.2})
    made, target = await Transferring.dial(scene)
    target.ring()
    await target.until_request("CANCEL")
    await until(lambda: made.steps()[-1] == "transfer-failed")
    assert "no answer in time" in made.told()[0]["text"]
    assert made.holds() == [True, False]


async def test_a_transfer_that_rings_can_be_given_up(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    target.ring()
    await until(lambda: made.session.call.record.transfer["status"] == "ringing")
    made.session.transfers.cancel()
    await target.until_request("CANCEL")
    assert made.steps()[-1] == "transfer-failed"
    assert made.session.call.record.transfer["reason"] == "cancelled"
    with pytest.raises(ConflictError) as refused:
        made.session.transfers.cancel()
    assert refused.value.code == "transfer_not_cancellable"


async def test_a_caller_who_hangs_up_meanwhile_stops_the_ringing(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    target.ring()
    await until(lambda: made.session.call.record.transfer["status"] == "ringing")
    await made.call.bye()
    await target.until_request("CANCEL")
    record = await scene.over()
    assert record.end_reason == "contact-hangup"
    assert (await names(scene, record.id)).count("transfer-failed") == 1


async def test_a_joined_call_has_no_agent_any_more(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    scene.engine_closed(made.session, normal=True)
    for act in (made.session.transfers.require_agent, lambda: made.session.set_hold(True)):
        with pytest.raises(ConflictError) as refused:
            act()
        assert refused.value.code == "call_transferred"
    assert made.session.call.status is CallStatus.IN_PROGRESS
    scene.tell(
        made.session,
        m.SilenceNoticed(leg_id=made.session.call.id, party="caller", stage="end", silent_ms=60_000),
    )
    assert not made.session.over


async def test_only_a_call_whose_agent_speaks_with_the_caller_can_be_taken_up_elsewhere(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    assert made.session.snapshot() is None, "while the target is called"
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    assert made.session.snapshot() is None, "the target would be left alone"


async def test_a_call_whose_transfer_has_failed_can_be_taken_up_again(scene: Scene) -> None:
    made, refer = await Transferring.begin(scene, method=TransferMethod.REFER)
    assert made.session.snapshot() is None
    made.answer(refer, 603, "Decline")
    await until(lambda: made.steps() == ["transfer-started", "transfer-failed"])
    assert made.session.snapshot() is not None


async def test_a_joined_call_answers_offers_of_both_sides(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    for call, leg_id in ((target, made.target_leg), (made.call, made.session.call.id)):
        answer = await call.reinvite(SDP.replace(b"a=rtpmap:101", b"a=sendonly\r\na=rtpmap:101"))
        assert answer.status == 200
        newest = [one for one in scene.plane.sent(m.NegotiateLeg) if one.leg_id == leg_id][-1]
        assert newest.direction == "recvonly"


@pytest.mark.parametrize("of_target", [True, False])
async def test_a_side_without_a_packet_for_too_long_ends_a_joined_call(scene: Scene, of_target: bool) -> None:
    made, target = await Transferring.dial(scene)
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    leg_id = made.target_leg if of_target else made.session.call.id
    made.tell_target(m.MediaTimedOut(leg_id=leg_id, kind="mid-call", silent_ms=30_000))
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "media-timeout")


async def test_keys_told_by_info_go_to_the_other_side(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    for call, leg_id in ((target, made.session.call.id), (made.call, made.target_leg)):
        await call.send("INFO", body=b"5", content_type="application/dtmf")
        sent = scene.plane.sent(m.SendDigits)[-1]
        assert (sent.leg_id, sent.digits) == (leg_id, "5")


async def test_an_engine_that_leaves_while_the_caller_waits_is_fetched_back(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    scene.engine_closed(made.session, normal=True)
    assert not made.session.over
    target.reject(486, "Busy Here")
    await until(lambda: scene.engine.prior == [None, "engine-1"])
    assert made.told() == []
    await scene.attached(2)
    scene.engine_opened(made.session)
    await until(lambda: made.told())
    assert "486 Busy Here" in made.told()[0]["text"]
    assert made.session.call.status is CallStatus.IN_PROGRESS


async def test_the_longest_duration_holds_for_a_joined_call(
    make_gateway: OpenScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.session.WATCHDOG_MARGIN_S", 0.0)
    scene = await make_gateway(calls={"max_duration": 1.0})
    made, target = await Transferring.dial(scene)
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    await target.until_request("BYE")
    assert (await scene.over()).end_reason == "max-duration"


# --- warm -----------------------------------------------------------------------------------------


async def consulting(scene: Scene, **plan: Any) -> tuple[Transferring, PeerCall]:
    made, target = await Transferring.dial(scene, mode=TransferMode.WARM, **plan)
    target.answer(SDP)
    await until(lambda: made.session.transfers.consulting)
    return made, target


async def test_the_agent_speaks_with_the_target_before_the_caller_is_put_through(scene: Scene) -> None:
    made, target = await consulting(scene, briefing="Ann asks for a refund.")
    assert made.patches() == ["consult"]
    assert made.holds() == [True], "the caller goes on hearing music"
    (told,) = made.told()
    assert DESK in told["text"]
    assert "Ann asks for a refund." in told["text"]
    made.session.transfers.complete()
    assert made.patches() == ["consult", "bridge"]
    assert made.holds() == [True, False]
    assert made.steps()[-1] == "transfer-completed"
    await target.bye()
    record = await scene.over()
    assert record.end_reason == "transferred"


async def test_keys_for_an_extension_are_pressed_before_the_agent_speaks(scene: Scene) -> None:
    made, target = await Transferring.dial(scene, mode=TransferMode.WARM, digits="ww1234#")
    target.answer(SDP)
    await until(lambda: scene.plane.sent(m.SendDigits))
    (sent,) = scene.plane.sent(m.SendDigits)
    assert (sent.leg_id, sent.digits) == (made.target_leg, "ww1234#")
    assert not made.session.transfers.consulting
    made.tell_target(m.DigitsSent(leg_id=made.target_leg, digits="ww1234#"))
    assert made.session.transfers.consulting


async def test_an_agent_that_takes_the_caller_back_hangs_up_on_the_target(scene: Scene) -> None:
    made, target = await consulting(scene)
    made.session.transfers.cancel()
    await target.until_request("BYE")
    assert made.patches() == ["consult", "agent"]
    assert made.holds() == [True, False]
    assert made.steps()[-1] == "transfer-failed"
    assert "cancelled" in made.told()[-1]["text"]
    assert made.session.call.status is CallStatus.IN_PROGRESS


async def test_a_target_that_hangs_up_while_consulted_brings_the_caller_back(scene: Scene) -> None:
    made, target = await consulting(scene)
    await target.bye()
    await until(lambda: made.steps()[-1] == "transfer-failed")
    assert made.holds() == [True, False]
    assert "hung up" in made.told()[-1]["text"]


async def test_a_consultation_has_an_end(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"transfer_consult_timeout": 0.1})
    made, target = await Transferring.dial(scene, mode=TransferMode.WARM)
    target.answer(SDP)
    await target.until_request("BYE")
    assert made.steps()[-1] == "transfer-failed"
    assert made.holds() == [True, False]


async def test_a_caller_who_hangs_up_while_the_agent_consults_ends_the_target_too(scene: Scene) -> None:
    made, target = await consulting(scene)
    await made.call.bye()
    await target.until_request("BYE")
    record = await scene.over()
    assert record.end_reason == "contact-hangup"
    assert (await names(scene, record.id)).count("transfer-failed") == 1


async def test_an_agent_that_hangs_up_while_it_consults_puts_the_caller_through(scene: Scene) -> None:
    made, _ = await consulting(scene)
    scene.engine_closed(made.session, normal=True)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    made.tell_target(m.PlayoutDrained(leg_id=made.session.call.id, complete=True, remaining_ms=0))
    await until(lambda: made.session.transfers.joined)
    assert made.session.call.status is CallStatus.IN_PROGRESS


async def test_only_who_is_consulted_can_be_put_through(scene: Scene) -> None:
    made, target = await Transferring.dial(scene, mode=TransferMode.WARM)
    with pytest.raises(ConflictError) as refused:
        made.session.transfers.complete()
    assert refused.value.code == "transfer_not_consulting"
    target.reject(486, "Busy Here")


# --- the caller takes the agent's place (Replaces) -------------------------------------------------


async def test_the_caller_is_asked_to_take_our_place_with_the_target(scene: Scene) -> None:
    made, target = await consulting(scene, method=TransferMethod.REFER)
    scene.phone.answer_in_dialog = False
    made.session.transfers.complete()
    refer = await made.call.until_request("REFER")
    assert target.invite is not None
    refer_to = unquote(refer["Refer-To"])
    assert refer_to.startswith(f"<{scene.phone.contact[1:-1]}?Replaces={target.call_id};")
    assert f"to-tag={target.local_tag}" in refer_to
    assert f"from-tag={tag_of(target.invite['From'])}" in refer_to
    made.answer(refer, 202, "Accepted")
    await made.notify("SIP/2.0 100 Trying")
    scene.phone.answer_in_dialog = True
    await target.bye()  # the target has got a call in place of ours
    await made.notify("SIP/2.0 200 OK", "terminated;reason=noresource")
    await made.call.until_request("BYE")
    record = await scene.over()
    assert record.end_reason == "transferred"
    assert record.transfer is not None
    assert (record.transfer["status"], record.transfer["method"]) == ("completed", "refer")
    assert "bridge" not in made.patches()


async def test_a_caller_that_cannot_take_our_place_is_joined_with_the_target(scene: Scene) -> None:
    made, target = await consulting(scene, method=TransferMethod.REFER)
    scene.phone.answer_in_dialog = False
    made.session.transfers.complete()
    made.answer(await made.call.until_request("REFER"), 420, "Bad Extension")
    await until(lambda: made.session.transfers.joined)
    assert made.session.call.record.transfer["method"] == "bridge"
    scene.phone.answer_in_dialog = True
    await target.bye()
    assert (await scene.over()).end_reason == "transferred"


async def test_a_leg_counts_against_the_limit_of_its_trunk(scene: Scene) -> None:
    made = Transferring(scene, *await scene.answered())
    directory = scene.gateway.directory
    trunk_id = made.session.call.record.trunk_id
    assert trunk_id is not None
    await directory.update_trunk(scene.organization_id, trunk_id, max_concurrent_calls=1)
    plan = TransferPlan(DESK, method=TransferMethod.BRIDGE)
    lease = await scene.gateway.leases.acquire("other", (Limit(Counted.TRUNK, trunk_id, 1),))
    assert lease is None
    with pytest.raises(LimitExceededError):
        await made.session.transfers.request(plan)
    assert not made.session.transfers.running
    scene.gateway.leases.release("other")
    await made.session.transfers.request(plan)
    (await scene.phone.incoming()).reject(486, "Busy Here")
    await until(lambda: "transfer-failed" in made.steps())
    await until(lambda: len(scene.gateway.leases) == 0)


async def test_a_call_on_hold_is_taken_back_for_whom_it_is_put_through_to(scene: Scene) -> None:
    call, session = await scene.answered()
    session.set_hold(True)
    await until(lambda: "held" in kinds(session))
    made = Transferring(scene, call, session)
    await session.transfers.request(TransferPlan(DESK, method=TransferMethod.BRIDGE))
    target = await scene.phone.incoming()
    scene.phone.answer_in_dialog = True
    target.answer(SDP)
    await until(lambda: session.transfers.joined)
    await until(lambda: made.steps()[-1] == "transfer-completed")
    assert made.holds() == [True, False]
    assert "engine-left" in kinds(session)


async def test_nobody_stays_muted_whom_nobody_could_unmute(scene: Scene) -> None:
    _, session = await scene.answered()
    session.actions.mute(Side.AGENT, muted=True)
    session.actions.mute(Side.CALLER, muted=True)
    await session.transfers.request(TransferPlan(DESK, method=TransferMethod.BRIDGE))
    target = await scene.phone.incoming()
    scene.phone.answer_in_dialog = True
    target.answer(SDP)
    await until(lambda: session.transfers.joined)
    mute = scene.plane.sent(m.SetMute)[-1]
    assert (mute.caller, mute.agent) == (False, False)


async def test_an_agent_that_hangs_up_before_the_refer_is_answered_ends_nothing(
    scene: Scene,
) -> None:
    made, refer = await Transferring.begin(scene, method=TransferMethod.REFER)
    scene.engine_closed(made.session, normal=True)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    scene.tell(made.session, m.PlayoutDrained(leg_id=made.session.call.id, complete=True, remaining_ms=0))
    await until(lambda: made.holds() == [True])
    assert not made.session.over
    made.answer(refer, 603, "Decline")
    await until(lambda: "engine-recovering" in kinds(made.session))
    assert made.holds() == [True, False]
    assert made.steps() == ["transfer-started", "transfer-failed"]


async def test_an_agent_that_hangs_up_is_fetched_back_when_nobody_takes_its_place(scene: Scene) -> None:
    made, target = await consulting(scene, method=TransferMethod.REFER)
    scene.phone.answer_in_dialog = False
    scene.engine_closed(made.session, normal=True)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    scene.tell(made.session, m.PlayoutDrained(leg_id=made.session.call.id, complete=True, remaining_ms=0))
    refer = await made.call.until_request("REFER")
    made.answer(refer, 202, "Accepted")
    scene.phone.answer_in_dialog = True
    await target.bye()
    await made.notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource")
    await until(lambda: "engine-recovering" in kinds(made.session))


async def test_a_joined_call_is_not_handed_to_another_gateway(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    assert made.session.snapshot() is None, "its target is on this one"


async def test_a_target_that_rings_for_long_leaves_room_for_what_follows(scene: Scene) -> None:
    made, target = await Transferring.dial(scene, mode=TransferMode.WARM)
    for _ in range(25):
        made.session.transfers.target_rings(180, "Ringing")
    target.answer(SDP)
    await until(lambda: made.session.transfers.consulting)
    record = made.session.call.record
    assert record.transfer is not None
    assert record.transfer["status"] == "consulting"
    assert made.steps().count("transfer-progress") == 3


async def test_the_agent_stays_away_when_the_far_party_of_a_joined_call_is_replaced(scene: Scene) -> None:
    made, target = await Transferring.dial(scene)
    scene.engine_closed(made.session, normal=True)
    await until(lambda: "engine-closed" in kinds(made.session))
    target.answer(SDP)
    await until(lambda: made.session.transfers.joined)
    made.session.part()
    made.session.rejoin()
    assert made.holds() == [True, False, True, False]
    scene.tell(
        made.session,
        m.SilenceNoticed(leg_id=made.session.call.id, party="caller", stage="end", silent_ms=60_000),
    )
    assert made.session.conversation._care.paused, "nobody is asked to end the call for silence"
    assert "engine-recovering" not in kinds(made.session)
