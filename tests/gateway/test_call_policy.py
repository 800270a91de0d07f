"""What a trunk's signalling does to its calls, over a whole gateway."""

from __future__ import annotations

from gateway.call_policy import call_policy
from sip.call_policy import CallPolicy, ReliableProvisionals, SessionTimers
from store import records
from store.records import TrunkSignalling
from tests.gateway.doubles import until
from tests.gateway.scene import SDP, Scene, kinds
from tests.store.samples import trunk


def test_a_trunks_words_are_the_user_agents() -> None:
    signalling = TrunkSignalling(
        records.SessionTimerUse.ALWAYS, 600, 120, records.ReliableProvisionals.REQUIRE
    )
    assert call_policy(trunk("org", signalling=signalling)) == CallPolicy(
        SessionTimers.ALWAYS, 600, 120, ReliableProvisionals.REQUIRE
    )
    assert call_policy(None) == call_policy(trunk("org")) == CallPolicy()
    for theirs, ours in (
        (records.SessionTimerUse, SessionTimers),
        (records.ReliableProvisionals, ReliableProvisionals),
    ):
        assert [str(word) for word in theirs] == [str(word) for word in ours]


async def test_an_invite_that_does_not_fit_its_trunk_is_refused_and_counted(scene: Scene) -> None:
    call = await scene.dial(headers=(("Supported", "timer"), ("Session-Expires", "60")))
    final = await call.until_final()
    assert (final.status, final["Min-SE"]) == (422, "90")
    assert scene.rejections("signalling") == 1
    assert scene.live == []


async def test_a_refresh_by_re_invite_offers_the_same_again_and_changes_nothing(scene: Scene) -> None:
    call, session = await scene.answered()
    sent = call.remote_sdp
    assert session._sip is not None
    call.sdp = SDP
    session.on_refresh_due(session._sip)
    again = await call.until_request("INVITE")
    assert media_of(again.body) == media_of(sent)
    await until(lambda: not session._sip._renegotiation._ours)  # type: ignore[union-attr]
    assert "resume" not in kinds(session)
    assert len([kind for kind in kinds(session) if kind == "media-negotiated"]) == 1


def media_of(sdp: bytes) -> bytes:
    return next(line for line in sdp.split(b"\r\n") if line.startswith(b"m=audio"))[:14]
