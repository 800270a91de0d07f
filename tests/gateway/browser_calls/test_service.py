"""Calls of browsers are made with a token, found by their secrets, and counted."""

from __future__ import annotations

import asyncio

import pytest

from gateway.browser_calls.errors import SessionUnknownError, TokenExpiredError, TokenUnknownError
from gateway.browser_calls.service import is_bridged
from gateway.cluster.limits import Counted, Limit
from gateway.configuration.browser import BrowserSection
from gateway.directory import Directory
from gateway.errors import InvalidRequestError, LimitExceededError, NotFoundError, UnavailableError
from gateway.new_agent import NewAgent
from store.identifiers import uuid7
from store.records import Agent, AgentStatus, CallDirection, CallStatus
from tests.gateway.browser_calls.scene import BrowserScene
from tests.gateway.doubles import until


async def test_a_call_waits_to_be_joined(scene: BrowserScene, agent: Agent) -> None:
    ticket = await scene.ticket(agent, variables={"name": "Ann"}, metadata={"page": "home"}, test=True)
    stored = await scene.store.calls.get(agent.organization_id, ticket.record.id)
    assert stored is not None
    assert (stored.status, stored.direction) == (CallStatus.QUEUED, CallDirection.WEBRTC)
    assert (stored.variables, stored.metadata) == ({"name": "Ann"}, {"page": "home", "test": True})
    assert stored.node_id == "here"
    assert is_bridged(stored)
    assert ticket.agent_name == "Desk"
    assert (ticket.expires_at - ticket.record.created_at).total_seconds() == 120
    assert ticket.token not in repr(ticket)
    assert scene.plane.legs == 0, "a page that never comes costs nothing"
    assert scene.engine.requests == []
    assert scene.calls.waiting == 1


async def test_only_an_active_agent_of_the_organisation_is_called(
    scene: BrowserScene, agent: Agent, directory: Directory
) -> None:
    other = await directory.ensure_organization("Other")
    with pytest.raises(NotFoundError):
        await scene.calls.create(other.id, agent.id)
    new = NewAgent(name="B", voice_id="v", system_prompt="p")
    failed = await directory.create_agent(agent.organization_id, new, status=AgentStatus.FAILED)
    with pytest.raises(InvalidRequestError) as refused:
        await scene.calls.create(agent.organization_id, failed.id)
    assert refused.value.code == "agent_not_active"


async def test_nothing_is_made_while_draining_and_nobody_is_waited_for(
    scene: BrowserScene, agent: Agent
) -> None:
    ticket = await scene.ticket(agent)
    joined, session = await scene.in_progress(await scene.ticket(agent))
    scene.draining = True
    scene.calls.end_waiting()
    with pytest.raises(UnavailableError):
        await scene.ticket(agent)
    await until(lambda: len(scene.calls) == 1)
    assert scene.saved.records[-1].id == ticket.record.id
    assert scene.saved.records[-1].status is CallStatus.FAILED
    assert scene.calls.session(joined.secret) is session
    assert not session.over, "a call in progress goes on"


async def test_only_so_many_calls_wait(directory: Directory, agent: Agent) -> None:
    scene = BrowserScene(directory._store, directory, config=BrowserSection(max_waiting=2))
    tickets = [await scene.ticket(agent), await scene.ticket(agent)]
    with pytest.raises(LimitExceededError) as refused:
        await scene.ticket(agent)
    assert refused.value.code == "too_many_waiting"
    await scene.join(tickets[0])
    tickets.append(await scene.ticket(agent))
    for ticket in tickets:
        scene.calls.holder(ticket.token).shut_down()
    await scene.over()


async def test_limits_of_whoever_made_the_call_count_until_its_end(scene: BrowserScene, agent: Agent) -> None:
    limit = Limit(Counted.CAMPAIGN, "widget", 1)
    first = await scene.ticket(agent, limits=(limit,))
    with pytest.raises(LimitExceededError) as refused:
        await scene.ticket(agent, limits=(limit,))
    assert refused.value.code == "concurrency_limit"
    assert refused.value.details["retry_after"] > 0
    scene.calls.holder(first.token).cancel()
    await until(lambda: len(scene.calls) == 0)
    await scene.ticket(agent, limits=(limit,))


async def test_a_secret_finds_its_own_call_alone(scene: BrowserScene, agent: Agent) -> None:
    ticket, other = await scene.ticket(agent), await scene.ticket(agent)
    joined = await scene.join(ticket)
    assert joined.secret != ticket.token
    assert scene.calls.session(joined.secret).call.id == ticket.record.id
    forged = f"{other.record.id}.{ticket.token.partition('.')[2]}"
    for token in ("", "x", forged, joined.secret, f"{uuid7()}.secret"):
        with pytest.raises(TokenUnknownError):
            scene.calls.holder(token)
    for secret in ("", ticket.token, other.token, f"{other.record.id}.{joined.secret.partition('.')[2]}"):
        with pytest.raises(SessionUnknownError):
            scene.calls.session(secret)


async def test_how_a_call_ended_is_remembered_for_a_page_that_comes_back(
    scene: BrowserScene, agent: Agent
) -> None:
    ticket = await scene.ticket(agent)
    joined, session = await scene.in_progress(ticket)
    session.leave()
    await until(lambda: len(scene.calls) == 0)
    assert scene.calls.session(joined.secret).call.record.end_reason == "contact-hangup"
    with pytest.raises(SessionUnknownError):
        scene.calls.live_session(joined.secret)
    with pytest.raises(TokenExpiredError):
        scene.calls.holder(ticket.token)


async def test_a_call_that_cannot_be_stored_holds_nothing(
    scene: BrowserScene, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(record: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(scene.store.calls, "insert", fails)
    with pytest.raises(OSError, match="full"):
        await scene.ticket(agent, limits=(Limit(Counted.CAMPAIGN, "widget", 1),))
    assert len(scene.leases) == 0
    assert scene.calls.waiting == 0
    await asyncio.sleep(0)
