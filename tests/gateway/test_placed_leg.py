"""A leg of ours from server to server, between two telephones that answer or do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.target_states import TargetState
from store.records import CallStatus, TrunkOutbound
from store.target_records import TrunkFailover, TrunkTarget, TrunkTransport
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import CALLEE, SDP, Scene, kinds
from tests.support.sip_peer import SipPeer

PATIENCE_S = 1.0  # the shortest that a trunk may have


async def two_targets(scene: Scene, second: SipPeer) -> str:
    """The scene's phone is tried first."""
    (trunk,) = scene.gateway.directory.trunks()
    targets = tuple(
        TrunkTarget(f"{phone.host}:{phone.port}", priority=rank)
        for rank, phone in enumerate((scene.phone, second))
    )
    assert trunk.outbound is not None
    outbound = replace(trunk.outbound, targets=targets, failover=TrunkFailover(timeout=PATIENCE_S))
    await scene.gateway.directory.update_trunk(scene.organization_id, trunk.id, outbound=outbound)
    return trunk.id


async def test_a_200_that_comes_after_the_next_was_tried_is_acknowledged_and_ended(scene: Scene) -> None:
    async with await SipPeer.open(user=CALLEE) as second:
        await two_targets(scene, second)
        await scene.place()
        late = await scene.phone.incoming()
        session = await scene.session()
        taken = await second.incoming()
        taken.answer(SDP)
        await until(lambda: session.call.status is CallStatus.IN_PROGRESS)
        late.answer(SDP)
        await late.until_request("ACK")
        await late.until_request("BYE")
        assert session.call.status is CallStatus.IN_PROGRESS
        assert kinds(session).count("invite-sent") == 2
        await taken.bye()
        record = await scene.over()
        assert record.sip_call_id == taken.call_id


@pytest.mark.parametrize(
    ("status", "cause", "failure"),
    [(503, 17, "busy"), (480, 1, "invalid-number"), (503, 21, "rejected"), (408, 18, "no-answer")],
)
async def test_a_cause_that_is_about_whom_we_call_ends_the_search(
    scene: Scene, status: int, cause: int, failure: str
) -> None:
    async with await SipPeer.open(user=CALLEE) as second:
        trunk_id = await two_targets(scene, second)
        await scene.place()
        call = await scene.phone.incoming()
        call.reject(status, "No", (("Reason", f"Q.850;cause={cause}"),))
        record = await scene.over()
        assert (record.status, record.failure_reason) == (CallStatus.FAILED, failure)
        assert not second.received
        server = TrunkTarget(f"{scene.phone.host}:{scene.phone.port}", priority=0)
        states = scene.gateway._dialling.states
        assert states.status(trunk_id, server).state is TargetState.UP


async def test_a_cause_that_is_about_the_network_does_not(scene: Scene) -> None:
    async with await SipPeer.open(user=CALLEE) as second:
        await two_targets(scene, second)
        await scene.place()
        call = await scene.phone.incoming()
        call.reject(503, "No", (("Reason", "Q.850;cause=34"),))
        taken = await second.incoming()
        taken.reject(486, "Busy Here")
        assert (await scene.over()).failure_reason == "busy"


async def test_what_is_too_long_for_a_datagram_goes_over_tcp(make_gateway: OpenScene) -> None:
    """To the same port, where the far side listens there; it is the same call."""
    scene = await make_gateway(sip={"listen": ("udp:127.0.0.1:0", "tcp:127.0.0.1:0")})
    async with await SipPeer.open(transport="tcp", user=CALLEE) as target:
        (trunk,) = scene.gateway.directory.trunks()
        outbound = TrunkOutbound(f"{target.host}:{target.port}", TrunkTransport.UDP)
        await scene.gateway.directory.update_trunk(scene.organization_id, trunk.id, outbound=outbound)
        await scene.place(sip_headers={"X-Long": "x" * 400, "X-Longer": "y" * 500})
        call = await target.incoming()
        assert call.invite is not None
        assert (call.invite.get("Via") or "").startswith("SIP/2.0/TCP ")
        call.reject(486, "Busy Here")
        assert (await scene.over()).failure_reason == "busy"
