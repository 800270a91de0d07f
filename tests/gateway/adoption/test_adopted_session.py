"""A call goes on, or ends, as its far party answers whoever takes it up: over a whole gateway and a phone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.session import Session
from media import messages as m
from store.records import CallStatus
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import SDP, Scene, kinds
from tests.support.sip_call import PeerCall
from tests.support.sip_message import SipMessage
from tests.support.sip_peer import SipPeer

KEY = b"d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
SECURE_SDP = SDP.replace(b"RTP/AVP", b"RTP/SAVP") + (
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + b"\r\n"
)


@dataclass
class Moved:
    """A call of an earlier run, whose far party has been asked to come here."""

    scene: Scene
    call: PeerCall
    session: Session
    invite: SipMessage


async def take_up(scene: Scene, call: PeerCall, session: Session) -> Moved:
    """The call as if we had been killed, up to the re-INVITE of the next run."""
    call.peer.answer_in_dialog = False
    adoption, call_id = scene.gateway._adoption, session.call.id
    adoption.keeper.changed(session)
    await adoption.keeper.flush()
    await scene.gateway._writer.catch_up()
    session.let_go()
    await until(lambda: not scene.live)
    record = await scene.gateway.store.calls.find(call_id)
    assert record is not None
    attached = len(scene.plane.sent(m.AttachEngine))
    assert await adoption.take_up([record], {}, None) == []
    await scene.attached(attached + 1)
    taken = await scene.session()
    scene.engine_opened(taken)
    return Moved(scene, call, taken, await call.until_request("INVITE"))


async def moved(scene: Scene, sdp: bytes = SDP) -> Moved:
    call, session = await scene.answered(sdp)
    return await take_up(scene, call, session)


async def test_the_agent_speaks_only_once_the_far_party_has_come(scene: Scene) -> None:
    made = await moved(scene)
    assert scene.plane.sent_creations[-1].moved
    opened = len(scene.plane.sent(m.OpenGate))
    made.call.respond(made.invite, 200, "OK", sdp=SDP)
    await until(lambda: "adopted" in kinds(made.session))
    assert len(scene.plane.sent(m.OpenGate)) == opened + 1
    assert made.session.call.status is CallStatus.IN_PROGRESS
    made.call.peer.answer_in_dialog = True
    assert (await made.call.bye()).status == 200
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "contact-hangup")


@pytest.mark.parametrize(("status", "says_goodbye"), [(488, True), (603, True), (481, False), (408, False)])
async def test_a_far_party_that_does_not_come_ends_the_call(
    scene: Scene, status: int, says_goodbye: bool
) -> None:
    made = await moved(scene)
    made.call.peer.answer_in_dialog = True
    made.call.respond(made.invite, status, "No")
    record = await scene.over()
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "gateway-error")
    assert "not-adopted" in [step.kind for step in await scene.timeline(record)]
    if says_goodbye:
        await made.call.until_request("BYE")


async def test_who_hangs_up_instead_of_coming_has_ended_the_call(scene: Scene) -> None:
    made = await moved(scene)
    assert (await made.call.bye()).status == 200
    made.call.respond(made.invite, 487, "Request Terminated")
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "contact-hangup")


async def test_a_phone_over_tcp_is_found_where_it_listens(make_gateway: OpenScene) -> None:
    listeners = {"listen": ("udp:127.0.0.1:0", "tcp:127.0.0.1:0")}
    scene = await make_gateway(sip=listeners, cluster={"adopt_calls": True})
    listen = next(each for each in scene.gateway._user_agent.addresses if each.transport == "tcp")
    async with await SipPeer.open(transport="tcp") as phone:
        own, scene.phone = scene.phone, phone
        scene.target = (listen.host, listen.port)
        made = await moved(scene)
        made.call.respond(made.invite, 200, "OK", sdp=SDP)
        await until(lambda: "adopted" in kinds(made.session))
        phone.answer_in_dialog = True
        assert (await made.call.bye()).status == 200
        await scene.over()
        scene.phone = own


async def test_encrypted_audio_goes_on_with_new_keys(scene: Scene) -> None:
    call, session = await scene.answered(SECURE_SDP)
    ours = _key(call.remote_sdp)
    made = await take_up(scene, call, session)
    offered = _key(made.invite.body)
    assert offered not in (ours, KEY)
    assert b"RTP/SAVP" in made.invite.body
    again = SECURE_SDP.replace(KEY, KEY[::-1])
    made.call.respond(made.invite, 200, "OK", sdp=again)
    await until(lambda: "adopted" in kinds(made.session))
    keys = scene.plane.sent(m.NegotiateLeg)[-1].srtp
    assert keys is not None
    made.call.peer.answer_in_dialog = True


def _key(sdp: bytes) -> bytes:
    return next(line for line in sdp.splitlines() if b"inline:" in line).partition(b"inline:")[2][:40]
