"""Who is let in by digest, seen from a phone on the wire and from the list of refusals."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

import pytest

from gateway.defence.trunk_digest import kept_digest
from gateway.new_trunk import NewTrunk
from sip.digest import Challenge, DigestClient, parse_challenges
from store.records import SourceMatch, Trunk, TrunkInbound
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
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


# --- strangers, and who sends too much


async def test_a_stranger_who_tries_too_often_is_banned_until_the_ban_is_lifted(
    make_gateway: OpenScene,
) -> None:
    scene = await make_gateway(defence={"ban_after": 3})
    await inbound(scene, TrunkInbound(ELSEWHERE))
    for _ in range(3):
        assert (await (await dial(scene)).until_final()).status == 403
    before = dropped(scene, "banned")
    call = await scene.dial()
    await until(lambda: dropped(scene, "banned") > before)
    assert call.final is None
    (ban,) = scene.gateway.defence.bans.list(10, 0, monotonic()).items
    assert (ban.source, ban.reason) == ("127.0.0.1", "unknown source")
    scene.gateway.defence.bans.lift("127.0.0.1")
    assert (await call.until_final()).status == 403, "its repetition is heard"
    assert scene.gateway._user_agent.statistics.server_transactions == 0


async def test_guessing_passwords_ends_in_a_ban(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"ban_after": 2})
    await inbound(scene, TrunkInbound((), PBX))
    for _ in range(2):
        assert (await (await dial(scene, "wrong password")).until_final()).status == 401
    (ban,) = scene.gateway.defence.bans.list(10, 0, monotonic()).items
    assert ban.reason == "digest guessing"


async def test_a_known_network_is_never_banned(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"ban_after": 2})
    await inbound(scene, TrunkInbound(LOOPBACK, PBX))
    for _ in range(4):
        assert (await (await dial(scene, "wrong password")).until_final()).status == 401
    assert len(scene.gateway.defence.bans) == 0


async def test_a_ban_ends_when_a_trunk_takes_the_source_in(scene: Scene) -> None:
    await inbound(scene, TrunkInbound(ELSEWHERE))
    scene.gateway.defence.bans.ban("127.0.0.1", "scanner", monotonic())
    call = await scene.dial()
    await until(lambda: dropped(scene, "banned") > 0)
    assert call.final is None
    await inbound(scene, TrunkInbound(LOOPBACK))
    session = await scene.session()  # by the INVITE's repetition
    session.shut_down()
    await scene.over()


async def test_unknown_sources_get_silence_where_that_is_set(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"unknown_sources": "silence"})
    await inbound(scene, TrunkInbound(ELSEWHERE))
    call = await scene.dial()
    await until(lambda: dropped(scene, "unknown") > 0)
    assert call.final is None
    (refusal, *_) = scene.gateway.rejections.list(scene.organization_id, 50, 0).items
    assert (refusal.rule, refusal.sip_status, refusal.called) == ("unknown_trunk", 0, NUMBER)


async def test_a_scanner_is_banned_at_its_first_word_unless_its_network_is_known(scene: Scene) -> None:
    name = (("User-Agent", "friendly-scanner"),)
    call = await scene.dial(headers=name)
    session = await scene.session()
    session.shut_down()
    await scene.over()
    assert call.provisional

    await inbound(scene, TrunkInbound(ELSEWHERE))
    await scene.dial(headers=name)
    await until(lambda: dropped(scene, "scanner") > 0)
    assert scene.gateway.registry.get_sample_value("trunkline_sources_banned") == 1


async def test_strangers_are_heard_at_their_rate(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"unknown_source_rate": 2, "ban_after": 0})
    await inbound(scene, TrunkInbound(ELSEWHERE))
    calls = [await scene.dial() for _ in range(4)]
    await until(lambda: dropped(scene, "rate") >= 2 and sum(call.final is not None for call in calls) >= 2)
    assert any(call.final is None for call in calls)


@pytest.mark.parametrize("rate", ["source_rate", "total_rate"])
async def test_above_its_rate_a_known_source_is_asked_to_wait(make_gateway: OpenScene, rate: str) -> None:
    scene = await make_gateway(defence={rate: 1})
    await scene.dial()
    second = await (await scene.dial()).until_final()
    assert (second.status, second.get("Retry-After")) == (503, "2")
    assert rules(scene) == [rate]
    (session,) = scene.live
    session.shut_down()
    await scene.over()


async def test_at_its_capacity_every_call_above_is_refused_and_no_other(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_inbound": 25})
    calls = [await scene.dial() for _ in range(40)]
    await until(lambda: sum(call.final is not None for call in calls) == 15)
    refused = [call.final for call in calls if call.final is not None]
    assert {one.status for one in refused} == {503}
    assert all(one.get("Retry-After") for one in refused)
    assert len(scene.live) == 25
    assert rules(scene) == ["capacity"] * 15
    for session in scene.live:
        session.shut_down()
    await scene.over()


def dropped(scene: Scene, reason: str) -> float:
    return scene.gateway.registry.get_sample_value("trunkline_sip_dropped_total", {"reason": reason}) or 0.0


# --- forged addresses, and who never answers


async def test_who_never_answers_its_challenges_is_banned(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"ban_after": 2, "unknown_source_rate": 0})
    await inbound(scene, TrunkInbound((), PBX))
    for _ in range(10):
        assert (await (await dial(scene)).until_final()).status == 401
    (ban,) = scene.gateway.defence.bans.list(10, 0, monotonic()).items
    assert ban.reason == "unanswered challenges"


async def test_who_has_shown_its_password_is_not_banned_for_what_a_forger_sends(
    make_gateway: OpenScene,
) -> None:
    scene = await make_gateway(defence={"ban_after": 1, "unknown_source_rate": 0})
    await inbound(scene, TrunkInbound((), PBX))
    await dial(scene, "correct horse")
    session = await scene.session()
    session.shut_down()
    await scene.over()
    for _ in range(6):
        assert (await (await dial(scene)).until_final()).status == 401
    await scene.dial(headers=(("User-Agent", "friendly-scanner"),))
    await until(lambda: dropped(scene, "scanner") > 0)
    assert len(scene.gateway.defence.bans) == 0


async def test_wrong_passwords_with_a_made_up_nonce_ban_nobody_and_tell_nothing(
    make_gateway: OpenScene,
) -> None:
    scene = await make_gateway(defence={"ban_after": 1})
    await inbound(scene, TrunkInbound((), PBX))
    uri = f"sip:{NUMBER}@{scene.target[0]}"
    made_up = Challenge("digest", "trunkline", "1-2-3", "MD5", ("auth",))
    answers = []
    for password in ("wrong password", "correct horse"):
        header = DigestClient("pbx", password).authorization(made_up, "INVITE", uri)
        call = await scene.phone.call(uri, scene.target, SDP, headers=(("Authorization", header),))
        final = await call.until_final()
        assert final.status == 401
        answers.append("stale=true" in (final.get("WWW-Authenticate") or ""))
    assert answers == [True, True]
    assert len(scene.gateway.defence.bans) == 0


async def test_a_ban_ends_where_a_trunk_takes_the_source_in(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"ban_after": 1})
    await inbound(scene, TrunkInbound(ELSEWHERE))
    assert (await (await dial(scene)).until_final()).status == 403
    assert len(scene.gateway.defence.bans) == 1
    await inbound(scene, TrunkInbound(LOOPBACK))
    await dial(scene)
    session = await scene.session()
    session.shut_down()
    await scene.over()


async def test_strangers_do_not_use_up_the_rate_of_all(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"total_rate": 1})
    await inbound(scene, TrunkInbound((), PBX))
    for _ in range(3):
        assert (await (await dial(scene)).until_final()).status == 401
    await dial(scene, "correct horse")
    session = await scene.session()
    session.shut_down()
    await scene.over()


async def test_by_default_a_phone_that_looks_at_the_first_challenge_alone_finds_md5(scene: Scene) -> None:
    await inbound(scene, TrunkInbound((), PBX))
    final = await (await dial(scene)).until_final()
    offered = parse_challenges([value for name, value in final.headers if name == "WWW-Authenticate"])
    assert [one.algorithm for one in offered] == ["MD5", "SHA-256"]
