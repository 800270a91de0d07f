"""Cold transfers, over a whole gateway and an independent phone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.agent_transfer import agent_transfer
from gateway.errors import ConflictError, ForbiddenError
from gateway.session import Session
from gateway.tool_use import TransferError, TransferRequest
from media import messages as m
from store.outbound_policy_records import OutboundPolicy
from store.records import CallDirection, CallStatus
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import SDP, Scene, kinds
from tests.support.sip_call import PeerCall
from tests.support.sip_message import SipMessage

DESK = "+14155550188"


class Transferring:
    """An answered call whose far party decides what becomes of the REFER."""

    def __init__(self, scene: Scene, call: PeerCall, session: Session) -> None:
        self.scene = scene
        self.call = call
        self.session = session
        scene.phone.answer_in_dialog = False

    @classmethod
    async def begin(cls, scene: Scene, target: str = DESK) -> tuple[Transferring, SipMessage]:
        made = cls(scene, *await scene.answered())
        await made.session.transfer(target)
        return made, await made.call.until_request("REFER")

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
    await made.session.transfer(DESK)
    await made.call.until_request("REFER", 2)


async def test_a_far_party_that_does_not_refer_never_notices(scene: Scene) -> None:
    made, refer = await Transferring.begin(scene)
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
    await made.session.transfer(DESK)
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
        await made.session.transfer(DESK)
    with pytest.raises(ConflictError) as held:
        made.session.set_hold(True)
    assert transferred.value.code == held.value.code == "transfer_running"


async def test_a_call_on_hold_stays_so_when_its_transfer_fails(scene: Scene) -> None:
    call, session = await scene.answered()
    session.set_hold(True)
    await until(lambda: "held" in kinds(session))
    made = Transferring(scene, call, session)
    await session.transfer(DESK)
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
    await session.transfer("sip:desk@example.com")
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
        await session.transfer(target)
    assert (refused.value.code, refused.value.details["field"]) == (code, "target")
    assert "transfer-started" not in kinds(session)


async def test_the_agent_is_told_why_its_transfer_is_not_allowed(scene: Scene) -> None:
    _, session = await scene.answered()
    transfer = agent_transfer(session.transfer, "For the hot line: +19005551234.")
    with pytest.raises(TransferError, match="premium-rate"):
        await transfer(TransferRequest("cold", "+19005551234"))
    assert "transfer-started" not in kinds(session)
