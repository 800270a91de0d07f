"""A browser's call from its token to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.browser_calls.errors import (
    DescriptionError,
    DescriptionNotAcceptableError,
    TokenExpiredError,
    TokenUsedError,
)
from gateway.browser_calls.page_commands import HangUp, PressKeys, SayText
from gateway.cluster.call_limits import CallLimits
from gateway.cluster.leases import LimitReached
from gateway.cluster.limits import Counted, Limit
from gateway.configuration.browser import BrowserSection
from gateway.directory import Directory
from gateway.errors import ConflictError, ForbiddenError, UnavailableError
from gateway.tool_use import TransferError, TransferRequest
from gateway.transfers.plan import TransferPlan
from media import messages as m
from media.ultravox.errors import EngineUnreachableError
from store.records import Agent, CallStatus
from tests.gateway.browser_calls.scene import PEER, BrowserScene, offer_of
from tests.gateway.doubles import until


async def test_the_call_is_in_progress_with_the_first_packet(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    joined = await scene.join(ticket)
    session = scene.calls.session(joined.secret)
    assert joined.answer.startswith(b"v=0\r\n")
    (created,) = scene.plane.sent_creations
    assert created.browser
    (settled,) = scene.plane.sent(m.NegotiateLeg)
    assert (settled.codec, settled.clock_rate, settled.rtcp_mux) == ("OPUS", 48000, True)
    assert settled.dtls is not None
    assert settled.ice is not None
    await until(lambda: scene.plane.sent(m.AttachEngine))
    assert scene.plane.sent(m.AttachEngine)[0].sample_rate == 16000
    assert scene.engine.requests[0].sample_rate == 16000
    assert session.call.status is CallStatus.QUEUED
    assert scene.plane.sent(m.OpenGate) == []
    scene.heard(ticket)
    assert session.call.status is CallStatus.IN_PROGRESS
    assert len(scene.plane.sent(m.OpenGate)) == 1
    session.leave()
    await scene.over()
    assert session.call.record.end_reason == "contact-hangup"
    assert session.call.record.statistics is not None


async def test_a_page_that_only_listens_is_connected_when_the_keys_are_agreed(
    scene: BrowserScene, agent: Agent
) -> None:
    ticket = await scene.ticket(agent)
    joined = await scene.join(ticket, offer_of().replace(b"a=sendrecv", b"a=recvonly"))
    suite = m.SrtpSuite.AEAD_AES_128_GCM
    scene.tell(ticket, m.MediaSecured(leg_id=ticket.record.id, suite=suite, took_ms=20))
    assert scene.calls.session(joined.secret).call.status is CallStatus.IN_PROGRESS


async def test_a_token_joins_once(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    scene.plane.may_create.clear()
    first = asyncio.create_task(scene.join(ticket))
    await until(lambda: scene.plane.legs == 1)
    with pytest.raises(TokenUsedError):
        await scene.join(ticket)
    scene.plane.may_create.set()
    await first
    with pytest.raises(TokenUsedError):
        await scene.join(ticket)
    assert scene.plane.legs == 1


async def test_an_offer_that_is_refused_leaves_the_token_good(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    with pytest.raises(DescriptionError):
        await scene.join(ticket, b"hello")
    with pytest.raises(DescriptionNotAcceptableError):
        await scene.join(ticket, offer_of(transport="a=rtcp-mux\r\n"))
    assert scene.plane.legs == 0
    await scene.join(ticket)


async def test_a_token_is_good_on_pages_of_its_origin_alone(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent, origin="https://shop.example")
    for origin in (None, "https://evil.example", "null"):
        with pytest.raises(ForbiddenError):
            await scene.calls.join(ticket.token, offer_of(), origin=origin, peer_host=PEER)
    await scene.calls.join(ticket.token, offer_of(), origin="https://shop.example", peer_host=PEER)


async def test_without_a_place_the_token_stays_good(directory: Directory, agent: Agent) -> None:
    scene = BrowserScene(directory._store, directory, config=BrowserSection(max_calls=1))
    _, session = await scene.in_progress(await scene.ticket(agent))
    ticket = await scene.ticket(agent)
    with pytest.raises(UnavailableError) as refused:
        await scene.join(ticket)
    assert refused.value.code == "capacity"
    assert refused.value.details["retry_after"] == 10
    session.leave()
    await until(lambda: len(scene.calls) == 1)
    scene.plane.ports = 0
    with pytest.raises(UnavailableError):
        await scene.join(ticket)
    scene.plane.ports = 1
    joined = await scene.join(ticket)
    scene.calls.session(joined.secret).leave()
    await scene.over()


async def test_an_organisations_limit_counts_browsers_too(directory: Directory, agent: Agent) -> None:
    scene = BrowserScene(directory._store, directory, limits=CallLimits(per_organization=1))
    _, session = await scene.in_progress(await scene.ticket(agent))
    ticket = await scene.ticket(agent)
    with pytest.raises(UnavailableError):
        await scene.join(ticket)
    scene.calls.holder(ticket.token).cancel()
    session.leave()
    await scene.over()


async def test_an_attempt_without_room_for_media_holds_no_place_of_others(
    directory: Directory, agent: Agent
) -> None:
    scene = BrowserScene(directory._store, directory, limits=CallLimits(per_organization=1))
    own = Limit(Counted.WIDGET, "door", 5)
    ticket = await scene.ticket(agent, limits=(own,))
    (organization,) = CallLimits(per_organization=1).of_any(agent.organization_id)
    scene.plane.ports = 0
    with pytest.raises(UnavailableError):
        await scene.join(ticket)
    assert scene.leases.held(organization) == 0
    assert scene.leases.held(own) == 1, "it still waits to be joined"
    scene.plane.ports = 1
    joined = await scene.join(ticket)
    assert scene.leases.held(organization) == 1
    scene.calls.session(joined.secret).leave()
    await scene.over()


async def test_a_call_that_ends_while_it_asks_for_a_place_holds_none(
    directory: Directory, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = BrowserScene(directory._store, directory, limits=CallLimits(per_organization=1))
    ticket = await scene.ticket(agent)
    session, acquire = scene.calls.holder(ticket.token), scene.leases.acquire

    async def slowly(lease_id: str, limits: Sequence[Limit]) -> LimitReached | None:
        session.cancel()
        await scene.over()
        return await acquire(lease_id, limits)

    monkeypatch.setattr(scene.leases, "acquire", slowly)
    with pytest.raises(TokenExpiredError):
        await scene.join(ticket)
    await scene.over()


async def test_nobody_joins(directory: Directory, agent: Agent) -> None:
    scene = BrowserScene(directory._store, directory, config=BrowserSection(join_timeout=0.01))
    ticket = await scene.ticket(agent)
    await scene.over()
    record = scene.saved.records[-1]
    assert (record.status, record.failure_reason) == (CallStatus.FAILED, "no-answer")
    with pytest.raises(TokenExpiredError):
        await scene.join(ticket)


async def test_a_joined_call_outlives_the_time_for_joining(directory: Directory, agent: Agent) -> None:
    scene = BrowserScene(directory._store, directory, config=BrowserSection(join_timeout=0.05))
    _, session = await scene.in_progress(await scene.ticket(agent))
    await asyncio.sleep(0.1)
    assert session.call.status is CallStatus.IN_PROGRESS
    session.hang_up()
    await scene.over()
    assert session.call.record.end_reason == "api-hangup"


async def test_media_that_never_comes_fails_the_call(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    session = scene.calls.session((await scene.join(ticket)).secret)
    event = m.MediaTimedOut(leg_id=ticket.record.id, kind="first-packet", silent_ms=15000)
    scene.tell(ticket, event)
    await scene.over()
    assert session.call.record.failure_reason == "media-timeout"


async def test_a_page_that_joins_and_sends_no_audio_keeps_no_place(scene: BrowserScene, agent: Agent) -> None:
    """Its checks of ICE come, so that the media worker does not miss it."""
    conversation = scene.calls._services.session.conversation
    object.__setattr__(conversation, "first_packet_timeout_s", 0.05)
    session = scene.calls.session((await scene.join(await scene.ticket(agent))).secret)
    _, other = await scene.in_progress(await scene.ticket(agent))
    await until(lambda: session.call.terminal)
    assert session.call.record.failure_reason == "media-timeout"
    assert other.call.status is CallStatus.IN_PROGRESS
    other.leave()
    await scene.over()


async def test_an_offer_without_audio_in_either_direction_is_refused(
    scene: BrowserScene, agent: Agent
) -> None:
    ticket = await scene.ticket(agent)
    with pytest.raises(DescriptionNotAcceptableError):
        await scene.join(ticket, offer_of().replace(b"a=sendrecv", b"a=inactive"))
    await scene.join(ticket)


async def test_a_network_that_comes_back_in_time_keeps_the_call(directory: Directory, agent: Agent) -> None:
    config = BrowserSection(closed_timeout=1, media_timeout=1.05)
    scene = BrowserScene(directory._store, directory, config=config)
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    lost = m.MediaTimedOut(leg_id=ticket.record.id, kind="mid-call", silent_ms=1000)
    scene.tell(ticket, lost)
    scene.tell(ticket, m.MediaReturned(leg_id=ticket.record.id))
    await asyncio.sleep(0.1)
    assert session.call.status is CallStatus.IN_PROGRESS
    scene.tell(ticket, lost)
    await scene.over()
    assert session.call.record.failure_reason == "media-timeout"


async def test_an_engine_that_cannot_be_had_fails_the_call(scene: BrowserScene, agent: Agent) -> None:
    scene.engine.answers = [EngineUnreachableError("no engine")]
    session = scene.calls.session((await scene.join(await scene.ticket(agent))).secret)
    await scene.over()
    assert session.call.record.failure_reason == "agent-error"


async def test_a_restart_of_ice_is_told_to_the_leg_and_keeps_the_rest(
    scene: BrowserScene, agent: Agent
) -> None:
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    etag = session.etag
    fragment = f"a=ice-ufrag:other\r\na=ice-pwd:{'q' * 24}\r\n".encode()
    assert session.take_fragment(fragment, restarts=True) is not None
    assert session.etag != etag
    before, after = scene.plane.sent(m.NegotiateLeg)
    assert before.ice != after.ice
    assert (before.dtls, before.codec) == (after.dtls, after.codec)
    assert session.call.status is CallStatus.IN_PROGRESS


async def test_hold_needs_no_signalling_and_transfer_is_refused(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    session.set_hold(True, Path("music.wav"))
    session.set_hold(True, Path("music.wav"))
    session.set_hold(False)
    assert [command.held for command in scene.plane.sent(m.SetHold)] == [True, False]
    with pytest.raises(ConflictError):
        await session.transfers.request(TransferPlan("+14155550123"))
    (request,) = scene.engine.requests
    assert "transferCall" not in str(request.agent.tools), "the agent must not promise what it cannot do"


async def test_a_call_that_waits_can_be_cancelled(scene: BrowserScene, agent: Agent) -> None:
    session = scene.calls.holder((await scene.ticket(agent)).token)
    assert session.cancellable
    session.cancel()
    await scene.over()
    assert (session.call.status, session.call.record.cancelled_from) == (CallStatus.CANCELLED, "queued")


async def test_a_page_that_leaves_before_it_is_connected_is_a_callers_hang_up(
    scene: BrowserScene, agent: Agent
) -> None:
    session = scene.calls.session((await scene.join(await scene.ticket(agent))).secret)
    session.leave()
    await scene.over()
    assert session.call.record.failure_reason == "caller-hangup"


async def test_the_agent_that_hangs_up_ends_the_call(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    leg_id = ticket.record.id
    closed = m.EngineClosed(leg_id=leg_id, code=1000, reason="", normal=True, opened=True)
    scene.tell(ticket, closed)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    scene.tell(ticket, m.PlayoutDrained(leg_id=leg_id, complete=True, remaining_ms=0))
    await scene.over()
    assert session.call.record.end_reason == "agent-hangup"


async def test_a_page_writes_presses_keys_and_leaves(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    joined = await scene.join(ticket)
    session = scene.calls.session(joined.secret)
    with pytest.raises(ConflictError):
        session.obey(SayText("too early"))
    scene.heard(ticket)
    session.obey(SayText("My order is 7"))
    session.obey(PressKeys("12#"))

    def told() -> list[str]:
        return [str(command.message["text"]) for command in scene.plane.sent(m.SendEngineMessage)]

    await until(lambda: len(told()) == 2)
    assert told() == ["My order is 7", "12#"]
    session.obey(HangUp())
    await scene.over()
    assert session.call.record.end_reason == "contact-hangup"
    session.obey(HangUp())


async def test_a_closed_tab_is_told_from_a_lost_network(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    session.detach_page(session.attach_page(), left=True)
    assert session.call.status is CallStatus.IN_PROGRESS, "audio still flows: the page comes back"
    scene.tell(ticket, m.MediaTimedOut(leg_id=ticket.record.id, kind="mid-call", silent_ms=6000))
    await scene.over()
    assert session.call.record.end_reason == "contact-hangup"


async def test_a_page_that_goes_after_its_network_ends_the_call(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    page = session.attach_page()
    scene.tell(ticket, m.MediaTimedOut(leg_id=ticket.record.id, kind="mid-call", silent_ms=6000))
    await asyncio.sleep(0)
    assert session.call.status is CallStatus.IN_PROGRESS
    session.detach_page(page, left=True)
    await scene.over()
    assert session.call.record.end_reason == "contact-hangup"


@pytest.mark.parametrize("socket_first", [True, False])
async def test_a_page_whose_socket_broke_may_still_restart_ice(
    scene: BrowserScene, agent: Agent, socket_first: bool
) -> None:
    """The network changes: socket and audio are gone at once, in any order, and the page comes back."""
    ticket = await scene.ticket(agent)
    joined, session = await scene.in_progress(ticket)
    page = session.attach_page()
    lost = m.MediaTimedOut(leg_id=ticket.record.id, kind="mid-call", silent_ms=6000)
    if socket_first:
        session.detach_page(page)
        scene.tell(ticket, lost)
    else:
        scene.tell(ticket, lost)
        session.detach_page(page)
    await asyncio.sleep(0)
    fragment = f"a=ice-ufrag:other\r\na=ice-pwd:{'q' * 24}\r\n".encode()
    assert scene.calls.live_session(joined.secret).take_fragment(fragment, restarts=True) is not None
    scene.tell(ticket, m.MediaReturned(leg_id=ticket.record.id))
    assert session.call.status is CallStatus.IN_PROGRESS


async def test_a_restart_of_ice_at_the_last_moment_has_time_to_take_effect(
    directory: Directory, agent: Agent
) -> None:
    scene = BrowserScene(
        directory._store, directory, config=BrowserSection(closed_timeout=1, media_timeout=1.1)
    )
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    scene.tell(ticket, m.MediaTimedOut(leg_id=ticket.record.id, kind="mid-call", silent_ms=1000))
    fragment = f"a=ice-ufrag:other\r\na=ice-pwd:{'q' * 24}\r\n".encode()
    session.take_fragment(fragment, restarts=True)
    await asyncio.sleep(0.2)
    assert not session.over
    await scene.over()
    assert session.call.record.failure_reason == "media-timeout", "the page had its time"


async def test_a_page_that_left_and_came_back_is_there(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    session.detach_page(session.attach_page(), left=True)
    session.detach_page(session.attach_page())
    scene.tell(ticket, m.MediaTimedOut(leg_id=ticket.record.id, kind="mid-call", silent_ms=6000))
    await asyncio.sleep(0)
    assert session.call.status is CallStatus.IN_PROGRESS


async def test_one_of_two_pages_that_leaves_does_not_end_the_call(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    first, second = session.attach_page(), session.attach_page()
    session.detach_page(first, left=True)
    session.detach_page(second)
    scene.tell(ticket, m.MediaTimedOut(leg_id=ticket.record.id, kind="mid-call", silent_ms=6000))
    await asyncio.sleep(0)
    assert session.call.status is CallStatus.IN_PROGRESS


async def test_the_page_is_told_when_the_agent_is_heard(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent)
    _, session = await scene.in_progress(ticket)
    page = session.attach_page()
    assert await page.next() == {"type": "state", "state": "listening"}
    scene.tell(ticket, m.AgentSpeech(leg_id=ticket.record.id, speaking=True))
    assert await page.next() == {"type": "state", "state": "speaking"}


@pytest.mark.parametrize(
    ("addresses", "ipv6"), [((), False), (("192.0.2.1",), False), (("192.0.2.1", "2001:db8::1"), True)]
)
async def test_ports_take_the_families_that_are_told(
    directory: Directory, agent: Agent, addresses: tuple[str, ...], ipv6: bool
) -> None:
    config = BrowserSection(media_addresses=addresses)
    scene = BrowserScene(directory._store, directory, config=config)
    joined = await scene.join(await scene.ticket(agent))
    assert [created.ipv6 for created in scene.plane.sent_creations] == [ipv6]
    assert joined.answer.count(b"a=candidate:") == max(1, len(addresses))
    scene.calls.session(joined.secret).leave()
    await scene.over()


async def test_a_visitor_cannot_name_whom_the_agent_may_call(scene: BrowserScene, agent: Agent) -> None:
    agent = await scene.directory.update_agent(
        agent.organization_id, agent.id, system_prompt="Ann is {{name}}, we are {{desk}}."
    )
    ticket = await scene.ticket(
        agent,
        variables={"name": "+19005550100", "desk": "+14155550188"},
        untrusted_variables=frozenset({"name"}),
    )
    _, session = await scene.in_progress(ticket)
    transfer = session.conversation._tools.transfer
    assert transfer is not None
    for number, why in (("+19005550100", "do not name"), ("+14155550188", "no trunk")):
        with pytest.raises(TransferError, match=why):
            await transfer.begin(TransferRequest("cold", number))
