"""INVITEs with Replaces: the call goes on with whom it was handed to."""

from __future__ import annotations

import pytest

from gateway.new_trunk import NewTrunk
from gateway.session import Session
from media import messages as m
from sip.call_listener import CallState
from store.records import CallStatus, TrunkInbound
from tests.gateway.doubles import until
from tests.gateway.scene import SDP, Scene, kinds
from tests.support.sip_call import PeerCall
from tests.support.sip_message import tag_of
from tests.support.sip_peer import SipPeer

OTHER = SDP.replace(b"audio 40000 RTP/AVP 0", b"audio 41000 RTP/AVP 8")


def replaces(call: PeerCall, *, early_only: bool = False) -> tuple[tuple[str, str], ...]:
    """The header that names a call of the phone's; `to-tag` is that of whom the INVITE goes to."""
    tags = f"to-tag={tag_of(call.remote)};from-tag={tag_of(call.local)}"
    return (("Replaces", f"{call.call_id};{tags}{';early-only' if early_only else ''}"),)


async def test_the_other_party_takes_the_call_over(scene: Scene) -> None:
    call, session = await scene.answered()
    engines = len(scene.plane.sent(m.AttachEngine))
    async with await SipPeer.open(user="1002") as other:
        taken = await other.call(
            f"sip:x@{scene.target[0]}",
            scene.target,
            OTHER,
            headers=(*replaces(call), ("Require", "replaces")),
        )
        final = await taken.until_final()
        assert final.status == 200
        assert b"m=audio 20000" in final.body, "the same leg"
        assert "replaces" in final["Supported"]
        await call.until_request("BYE")
        await until(lambda: len(scene.plane.sent(m.NegotiateLeg)) == 2)
        now = scene.plane.sent(m.NegotiateLeg)[-1]
        assert (now.remote_port, now.codec) == (41000, "PCMA")
        assert len(scene.plane.sent(m.AttachEngine)) == engines, "the agent goes on"
        assert session.call.status is CallStatus.IN_PROGRESS
        (step,) = (event for event in session.call.timeline if event.kind == "replaced")
        assert step.detail["sip_call_id"] == taken.call_id
        # From now on it is the new party's call.
        await taken.bye()
        record = await scene.over()
        assert (record.status, record.end_reason) == (CallStatus.ENDED, "contact-hangup")


async def test_another_gateway_can_go_on_with_it_once_it_is_acknowledged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, session = await scene.answered()
    states: list[tuple[str, CallState]] = []

    def changed(told: Session) -> None:
        assert told.sip is not None
        states.append((told.sip.call_id, told.sip.state))

    keeper = session._services.keeper
    assert keeper is not None
    monkeypatch.setattr(keeper, "changed", changed)
    async with await SipPeer.open(user="1002") as other:
        taken = await other.call("sip:x@127.0.0.1", scene.target, OTHER, headers=replaces(call))
        await taken.until_final()
        await until(lambda: (taken.call_id, CallState.ESTABLISHED) in states)
        session.hang_up()
        await taken.until_request("BYE")
        await scene.over()


async def test_the_new_party_can_hold_and_the_api_hangs_up_on_it(scene: Scene) -> None:
    call, session = await scene.answered(sdp=b"")
    await call.ack(SDP)
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    async with await SipPeer.open(user="1002") as other:
        taken = await other.call("sip:x@127.0.0.1", scene.target, OTHER, headers=replaces(call))
        await taken.until_final()
        await call.until_request("BYE")
        await until(lambda: len(scene.plane.sent(m.NegotiateLeg)) == 2)
        hold = await taken.send("INVITE", body=OTHER + b"a=sendonly\r\n")
        assert hold.status == 200
        assert "hold" in kinds(session)
        session.hang_up()
        await taken.until_request("BYE")
        await scene.over()


async def test_without_an_offer_ours_is_answered_in_the_ack(scene: Scene) -> None:
    call, session = await scene.answered()
    async with await SipPeer.open(user="1002") as other:
        taken = await other.call("sip:x@127.0.0.1", scene.target, b"", headers=replaces(call))
        assert b"m=audio 20000" in (await taken.until_final()).body
        await taken.ack(OTHER)
        await until(lambda: len(scene.plane.sent(m.NegotiateLeg)) == 2)
        assert scene.plane.sent(m.NegotiateLeg)[-1].remote_port == 41000
        session.hang_up()
        await taken.until_request("BYE")
        await scene.over()


async def test_what_cannot_be_agreed_leaves_the_call_as_it_was(scene: Scene) -> None:
    call, session = await scene.answered()
    async with await SipPeer.open(user="1002") as other:
        video = OTHER.replace(b"RTP/AVP 8 101", b"RTP/AVP 18")
        taken = await other.call("sip:x@127.0.0.1", scene.target, video, headers=replaces(call))
        assert (await taken.until_final()).status == 488
        early = await other.call(
            "sip:x@127.0.0.1", scene.target, OTHER, headers=replaces(call, early_only=True)
        )
        assert (await early.until_final()).status == 486
    assert session.call.status is CallStatus.IN_PROGRESS
    assert call.received("BYE") == []
    assert "replaced" not in kinds(session)
    assert scene.rejections("replaces") == 1
    await call.bye()
    await scene.over()


async def test_a_call_that_we_placed_is_taken_over_too(scene: Scene) -> None:
    call, session = await scene.ringing()
    call.answer(SDP)
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    async with await SipPeer.open(user="1002") as other:
        taken = await other.call("sip:x@127.0.0.1", scene.target, OTHER, headers=replaces(call))
        assert (await taken.until_final()).status == 200
        await call.until_request("BYE")
        session.hang_up()
        await taken.until_request("BYE")
        await scene.over()


async def test_a_call_of_ours_that_still_rings_is_not_given_away(scene: Scene) -> None:
    call, session = await scene.ringing()
    async with await SipPeer.open(user="1002") as other:
        taken = await other.call("sip:x@127.0.0.1", scene.target, OTHER, headers=replaces(call))
        assert (await taken.until_final()).status == 603
    call.answer(SDP)
    await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
    await call.bye()
    await scene.over()


async def test_over_another_trunk_it_is_forbidden(scene: Scene) -> None:
    call, session = await scene.answered()
    # The trunk of the call does not take this address any more; another one does.
    directory, organization = scene.gateway.directory, scene.organization_id
    (trunk,) = directory.trunks()
    await directory.update_trunk(
        organization, trunk.id, inbound=TrunkInbound(allowed_addresses=("192.0.2.0/24",))
    )
    await directory.create_trunk(
        organization, NewTrunk(name="other", inbound=TrunkInbound(allowed_addresses=("127.0.0.0/8",)))
    )
    async with await SipPeer.open(user="1002") as other:
        taken = await other.call("sip:x@127.0.0.1", scene.target, OTHER, headers=replaces(call))
        assert (await taken.until_final()).status == 403
    assert "replacement-refused" in kinds(session)
    assert session.call.status is CallStatus.IN_PROGRESS
    await call.bye()
    await scene.over()
