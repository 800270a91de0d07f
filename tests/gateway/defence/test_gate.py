"""Who is let in by digest, seen from a phone on the wire and from the list of refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.defence.trunk_digest import kept_digest
from gateway.new_trunk import NewTrunk
from sip.digest import DigestClient, parse_challenges
from store.records import SourceMatch, Trunk, TrunkInbound
from tests.gateway.scene import NUMBER, SDP, Scene
from tests.support.sip_call import PeerCall

LOOPBACK = ("127.0.0.0/8",)
ELSEWHERE = ("192.0.2.0/24",)
PBX = kept_digest("pbx", "correct horse")


async def inbound(scene: Scene, side: TrunkInbound, enabled: bool = True) -> Trunk:
    """The scene's only trunk takes calls in this way."""
    (trunk,) = scene.gateway.directory.trunks()
    return await scene.gateway.directory.update_trunk(
        scene.organization_id, trunk.id, inbound=side, enabled=enabled
    )


async def dial(scene: Scene, password: str | None = None) -> PeerCall:
    """Dial, and answer the challenge with a password if there is one."""
    call = await scene.dial()
    if password is None:
        return call
    refused = await call.until_final()
    assert refused.status == 401
    challenge = parse_challenges([value for name, value in refused.headers if name == "WWW-Authenticate"])[0]
    uri = f"sip:{NUMBER}@{scene.target[0]}"
    header = DigestClient("pbx", password).authorization(challenge, "INVITE", uri)
    return await scene.phone.call(uri, scene.target, SDP, headers=(("Authorization", header),))


def rules(scene: Scene) -> list[str]:
    return [one.rule for one in scene.gateway.rejections.list(scene.organization_id, 50, 0).items]


@pytest.mark.parametrize(
    "side",
    [
        TrunkInbound((), PBX),
        TrunkInbound(LOOPBACK, PBX),
        TrunkInbound(ELSEWHERE, PBX, SourceMatch.ANY),
    ],
)
async def test_a_pbx_that_shows_its_password_is_let_in(scene: Scene, side: TrunkInbound) -> None:
    trunk = await inbound(scene, side)
    await dial(scene, "correct horse")
    session = await scene.session()
    assert session.call.record.trunk_id == trunk.id
    assert rules(scene) == [], "a challenge is no refusal"
    session.shut_down()
    await scene.over()


async def test_a_network_alone_is_enough_where_one_of_the_two_will_do(scene: Scene) -> None:
    await inbound(scene, TrunkInbound(LOOPBACK, PBX, SourceMatch.ANY))
    await dial(scene)
    session = await scene.session()
    session.shut_down()
    await scene.over()


async def test_a_wrong_password_is_refused_and_told_to_the_trunks_owner(scene: Scene) -> None:
    await inbound(scene, TrunkInbound((), PBX))
    call = await dial(scene, "wrong password")
    assert (await call.until_final()).status == 401
    (refusal,) = scene.gateway.rejections.list(scene.organization_id, 50, 0).items
    assert (refusal.rule, refusal.sip_status, refusal.called) == ("digest_refused", 401, NUMBER)
    assert "'pbx'" in (refusal.looked_up or "")
    assert "wrong" not in str(refusal)
    assert scene.rejections("digest_refused") == 1
    assert scene.live == []
    assert scene.gateway._user_agent.statistics.server_transactions == 0


async def test_the_right_password_from_the_wrong_network_is_403(scene: Scene) -> None:
    await inbound(scene, TrunkInbound(ELSEWHERE, PBX))
    other = replace(PBX, username="other")
    await scene.gateway.directory.create_trunk(
        scene.organization_id, _new_trunk("open", TrunkInbound((), other))
    )
    call = await dial(scene, "correct horse")
    assert (await call.until_final()).status == 403
    assert rules(scene) == ["digest_source"]


async def test_a_disabled_trunk_lets_its_user_in_no_longer(scene: Scene) -> None:
    await inbound(scene, TrunkInbound((), PBX), enabled=False)
    other = replace(PBX, username="other")
    await scene.gateway.directory.create_trunk(
        scene.organization_id, _new_trunk("open", TrunkInbound((), other))
    )
    call = await dial(scene, "correct horse")
    assert (await call.until_final()).status == 403
    assert rules(scene) == ["trunk_disabled"]


async def test_without_any_digest_nobody_is_challenged(scene: Scene) -> None:
    await inbound(scene, TrunkInbound(ELSEWHERE))
    call = await dial(scene)
    assert (await call.until_final()).status == 403
    assert rules(scene) == ["unknown_trunk"]


def _new_trunk(name: str, side: TrunkInbound) -> NewTrunk:
    return NewTrunk(name=name, inbound=side)
