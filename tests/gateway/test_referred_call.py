"""REFERs of the far party's: the call goes on with whom they name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from gateway.defence.trunk_digest import kept_digest
from media import messages as m
from sip.binding import Binding
from store.outbound_policy_records import OutboundPolicy
from store.records import CallStatus, SourceMatch, TrunkInbound, TrunkOutbound
from store.registrar_records import InboundRegistrar, ToRegistered
from store.target_records import TrunkTransport
from store.trunk_dialog_records import TrunkDialog
from tests.gateway.doubles import until
from tests.gateway.scene import SDP, Scene, kinds
from tests.support.sip_call import PeerCall
from tests.support.sip_message import SipMessage
from tests.support.sip_peer import SipPeer

OTHER = SDP.replace(b"audio 40000 RTP/AVP 0", b"audio 41000 RTP/AVP 8")


async def allow(scene: Scene, **changes: object) -> None:
    directory = scene.gateway.directory
    (trunk,) = directory.trunks()
    await directory.update_trunk(
        scene.organization_id, trunk.id, dialog=TrunkDialog(allow_refer=True, allow_messages=True), **changes
    )


async def refer(call: PeerCall, target: str, *more: tuple[str, str]) -> SipMessage:
    return await call.send("REFER", headers=(("Refer-To", f"<{target}>"), *more))


async def news(call: PeerCall, count: int) -> str:
    """The `count`-th NOTIFY: state of the subscription, and the first line of the body."""
    notify = await call.until_request("NOTIFY", count)
    assert notify["Event"].startswith("refer")
    assert notify["Content-Type"].startswith("message/sipfrag")
    return f"{notify['Subscription-State'].partition(';')[0]} {notify.body.decode().strip()}"


async def test_the_agent_goes_on_with_whom_the_refer_names(scene: Scene) -> None:
    await allow(scene)
    call, session = await scene.answered()
    async with await SipPeer.open(user="1002") as other:
        assert "REFER" in call.final["Allow"] if call.final else False
        accepted = await refer(call, f"sip:1002@{other.host}:{other.port}", ("Referred-By", "<sip:1001@pbx>"))
        assert accepted.status == 202
        assert await news(call, 1) == "active SIP/2.0 100 Trying"
        desk = await other.incoming()
        assert desk.invite is not None
        assert desk.invite.start_line.startswith(f"INVITE sip:1002@{other.host}:{other.port} ")
        assert desk.invite["Referred-By"] == "<sip:1001@pbx>"
        assert b"m=audio 20000" in desk.invite.body, "the same leg"
        desk.ring()
        assert await news(call, 2) == "active SIP/2.0 180 Ringing"
        assert len(scene.plane.sent(m.NegotiateLeg)) == 1, "until the answer all stays as it is"
        desk.answer(OTHER)
        assert await news(call, 3) == "terminated SIP/2.0 200 OK"
        await until(lambda: len(scene.plane.sent(m.NegotiateLeg)) == 2)
        assert scene.plane.sent(m.NegotiateLeg)[-1].remote_port == 41000
        await call.bye()
        assert session.call.status is CallStatus.IN_PROGRESS
        assert scene.plane.sent(m.SetHold) == []
        await desk.bye()
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "contact-hangup")


async def test_an_attended_transfer_takes_the_place_of_the_other_call(scene: Scene) -> None:
    await allow(scene)
    call, session = await scene.answered()
    async with await SipPeer.open(user="1002") as other:
        uri = f"sip:1002@{other.host}:{other.port}?Replaces=abc%40pbx%3Bto-tag%3D7%3Bfrom-tag%3D8"
        assert (await refer(call, uri)).status == 202
        desk = await other.incoming()
        assert desk.invite is not None
        assert desk.invite["Replaces"] == "abc@pbx;to-tag=7;from-tag=8"
        assert "replaces" in desk.invite["Require"]
        assert "?" not in desk.invite.start_line
        desk.answer(OTHER)
        await until(lambda: "referral-completed" in kinds(session))
        session.hang_up()
        await desk.until_request("BYE")
    await call.until_request("BYE", timeout_s=8)
    await scene.over()


async def test_a_party_that_hangs_up_at_once_is_replaced_all_the_same(scene: Scene) -> None:
    await allow(scene)
    call, session = await scene.answered()
    async with await SipPeer.open(user="1002") as other:
        assert (await refer(call, f"sip:1002@{other.host}:{other.port}")).status == 202
        desk = await other.incoming()
        await call.bye()
        await until(lambda: "referrer-left" in kinds(session))
        assert [hold.held for hold in scene.plane.sent(m.SetHold)] == [True]
        desk.answer(OTHER)
        await until(lambda: [hold.held for hold in scene.plane.sent(m.SetHold)] == [True, False])
        assert session.call.status is CallStatus.IN_PROGRESS
        await desk.bye()
    assert (await scene.over()).end_reason == "contact-hangup"


async def test_when_nobody_comes_after_it_hung_up_the_call_is_over(scene: Scene) -> None:
    await allow(scene)
    call, session = await scene.answered()
    async with await SipPeer.open(user="1002") as other:
        assert (await refer(call, f"sip:1002@{other.host}:{other.port}")).status == 202
        desk = await other.incoming()
        await call.bye()
        await until(lambda: "referrer-left" in kinds(session))
        desk.reject(486, "Busy Here")
        record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "contact-hangup")


async def test_one_that_fails_is_told_and_the_call_goes_on(scene: Scene) -> None:
    await allow(scene)
    call, session = await scene.answered()
    async with await SipPeer.open(user="1002") as other:
        assert (await refer(call, f"sip:1002@{other.host}:{other.port}")).status == 202
        (await other.incoming()).reject(486, "Busy Here")
        assert await news(call, 2) == "terminated SIP/2.0 486 Busy Here"
        assert session.call.status is CallStatus.IN_PROGRESS
        assert not session.transfer_running
        # And it may be asked again.
        assert (await refer(call, f"sip:1002@{other.host}:{other.port}")).status == 202
        desk = await other.incoming()
        desk.ring()
        assert await news(call, 4) == "active SIP/2.0 180 Ringing"
        session.hang_up()
        await desk.until_request("CANCEL")
    await scene.over()


async def test_it_is_refused_where_the_trunk_does_not_allow_it(scene: Scene) -> None:
    call, session = await scene.answered()
    assert (await refer(call, "sip:+14155550188@127.0.0.1")).status == 603
    assert "referred" not in kinds(session)
    await call.bye()
    await scene.over()


async def test_nobody_is_called_whom_the_organisation_may_not_call(scene: Scene) -> None:
    await allow(scene)
    call, session = await scene.answered()
    forbidden_ones = (
        "sip:911@127.0.0.1",
        "tel:+19005550123",
        "sip:+19005550123@127.0.0.1",
        "sip:+1900*5550123@127.0.0.1",
        "sip:+1900:5550123@127.0.0.1",
        "sip:+1900%215550123@127.0.0.1",
        "tel:+1900x5550123",
    )
    for forbidden in forbidden_ones:
        assert (await refer(call, forbidden)).status == 403, forbidden
    assert kinds(session).count("referral-refused") == len(forbidden_ones)
    assert [one.invite for one in scene.phone.calls.values() if one.requests] == []
    await call.bye()
    await scene.over()


async def test_the_organisations_limits_hold_for_who_is_called_so(scene: Scene) -> None:
    await allow(scene)
    await scene.gateway.outbound_policies.put(
        OutboundPolicy(scene.organization_id, cents_per_day=0, updated_at=datetime.now(UTC))
    )
    call, _ = await scene.answered()
    assert (await refer(call, "sip:1002@127.0.0.1")).status == 403
    await call.bye()
    await scene.over()


async def test_another_telephone_is_called_directly_and_not_by_the_trunks_proxy(scene: Scene) -> None:
    (trunk,) = scene.gateway.directory.trunks()
    assert trunk.outbound is not None
    proxied = replace(trunk.outbound, proxy=trunk.outbound.address, transport=TrunkTransport.AUTO)
    await allow(scene, outbound=proxied)
    call, _ = await scene.answered()
    async with await SipPeer.open(user="1002") as other:
        assert (await refer(call, f"sip:1002@{other.host}:{other.port}")).status == 202
        desk = await other.incoming()
        assert desk.invite is not None
        assert desk.invite.get("Route") == ""
        desk.reject(486, "Busy Here")
        await news(call, 2)
    await call.bye()
    await scene.over()


async def test_a_telephone_that_has_registered_is_called_where_it_registered_from(scene: Scene) -> None:
    (trunk,) = scene.gateway.directory.trunks()
    assert trunk.inbound is not None
    inbound = replace(trunk.inbound, digest=kept_digest("pbx", "horse"), match=SourceMatch.ANY)
    await allow(
        scene,
        inbound=replace(inbound, registrar=InboundRegistrar()),
        outbound=TrunkOutbound("", to_registered=ToRegistered.CONTACT),
    )
    async with await SipPeer.open(user="first") as first, await SipPeer.open(user="second") as second:
        places = {"first": first, "second": second}
        scene.gateway._registrations.restore(
            trunk.id, tuple(binding(name, (peer.host, peer.port), scene) for name, peer in places.items())
        )
        call, _ = await scene.answered()
        for name, peer in places.items():
            assert (await refer(call, f"sip:{name}@10.0.0.9")).status == 202
            desk = await peer.incoming()
            assert desk.invite is not None
            assert desk.invite.start_line == f"INVITE sip:{name}@10.0.0.9 SIP/2.0"
            desk.reject(486, "Busy Here")
            await news(call, 2 if name == "first" else 4)
        await call.bye()
        await scene.over()


def binding(name: str, source: tuple[str, int], scene: Scene) -> Binding:
    now = monotonic()
    return Binding(
        f"sip:{name}@10.0.0.9", name, 1, now + 60, now, now, "udp", source, local_port=scene.target[1]
    )


async def test_a_strange_host_is_left_to_the_trunk(scene: Scene) -> None:
    """What comes from the wire must not have us send anywhere."""
    await allow(scene, inbound=TrunkInbound(allowed_addresses=("127.0.0.1/32",)))
    call, _ = await scene.answered()
    assert (await refer(call, "sip:1002@127.0.0.9:5999")).status == 202
    desk = await scene.phone.incoming()
    assert desk.invite is not None
    assert desk.invite.start_line.startswith("INVITE sip:1002@127.0.0.9:5999 ")
    desk.reject(404, "Not Found")
    assert await news(call, 2) == "terminated SIP/2.0 404 Not Found"
    await call.bye()
    await scene.over()


async def test_text_of_a_message_reaches_the_agent(scene: Scene) -> None:
    await allow(scene)
    call, session = await scene.answered()
    sent = await call.send("MESSAGE", body="Grüße".encode(), content_type="text/plain;charset=utf-8")
    assert sent.status == 200
    (told,) = scene.plane.sent(m.SendEngineMessage)
    assert told.message == {"type": "user_text_message", "text": "Grüße", "urgency": "soon"}
    assert "Grüße" not in str(session.call.timeline)
    html = await call.send("MESSAGE", body=b"<b>", content_type="text/html")
    assert (html.status, html["Accept"]) == (415, "text/plain")
    await call.bye()
    await scene.over()


async def test_without_leave_a_message_is_refused(scene: Scene) -> None:
    call, _ = await scene.answered()
    refused = await call.send("MESSAGE", body=b"hello", content_type="text/plain")
    assert refused.status == 405
    assert "MESSAGE" not in refused["Allow"]
    await call.bye()
    await scene.over()
