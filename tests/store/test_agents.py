from __future__ import annotations

from dataclasses import replace

import pytest

from store import Store
from store.engine_removals import EngineObject, EngineRemoval
from store.errors import ConstraintError, MissingRowError
from store.identifiers import uuid7
from store.records import AgentStatus, Organization
from tests.store.samples import agent, later, number


async def test_an_agent_comes_back_as_it_was_put_in(store: Store, organization: Organization) -> None:
    full = agent(
        organization.id,
        description="d",
        tools=("t1", "t2"),
        knowledge_bases=("k",),
        temperature=0.7,
        recording_enabled=True,
        language_hint="es-MX",
        join_timeout_ms=30_000,
        max_duration_ms=900_000,
        time_exceeded_message="bye",
        greeting_settings={"first_speaker": "FIRST_SPEAKER_AGENT", "text": "Hola ☎"},
        inactivity_messages=({"duration_ms": 10_000, "message": "?"},),
        vad_settings={"turn_endpoint_delay_ms": 384},
        built_in_config={"hang_up": True},
        success_criteria="s",
        extraction_schema={"type": "object"},
        crm_webhook_url="https://example.com",
        crm_webhook_secret="w",
        status=AgentStatus.ACTIVE,
        sync_error="e",
        engine_agent_id="x",
    )
    plain = agent(organization.id)
    await store.agents.create(full)
    await store.agents.create(plain)
    assert await store.agents.get(organization.id, full.id) == full
    assert await store.agents.get(organization.id, plain.id) == plain
    assert await store.agents.get(uuid7(), full.id) is None
    assert await store.agents.all_agents() == [full, plain]


async def test_an_update_writes_every_field(store: Store, organization: Organization) -> None:
    made = agent(organization.id)
    await store.agents.create(made)
    changed = replace(made, name="Other", status=AgentStatus.FAILED, tools=("t",), updated_at=later(1))
    await store.agents.update(changed)
    assert await store.agents.get(organization.id, made.id) == changed


async def test_an_update_of_nothing_says_so(store: Store, organization: Organization) -> None:
    made = agent(organization.id)
    with pytest.raises(MissingRowError):
        await store.agents.update(made)
    await store.agents.create(made)
    with pytest.raises(MissingRowError):
        await store.agents.update(replace(made, organization_id=uuid7()))


async def test_an_agent_needs_an_organisation(store: Store) -> None:
    with pytest.raises(ConstraintError):
        await store.agents.create(agent(uuid7()))


async def test_agents_are_listed_newest_first_by_status_and_part_of_name(
    store: Store, organization: Organization
) -> None:
    made = [
        agent(organization.id, name=name, status=status, created_at=later(i))
        for i, (name, status) in enumerate(
            [
                ("Sales EU", AgentStatus.ACTIVE),
                ("sales us", AgentStatus.DRAFT),
                ("100%_done", AgentStatus.ACTIVE),
            ]
        )
    ]
    for one in made:
        await store.agents.create(one)
    page = await store.agents.list(organization.id)
    assert (list(page.items), page.total) == ([made[2], made[1], made[0]], 3)
    assert (await store.agents.list(organization.id, status=AgentStatus.ACTIVE)).items == (made[2], made[0])
    assert (await store.agents.list(organization.id, name="SALES")).items == (made[1], made[0])
    assert (await store.agents.list(organization.id, name="%_")).items == (made[2],)
    page = await store.agents.list(organization.id, limit=1, offset=1)
    assert (page.items, page.total, page.has_more) == ((made[1],), 3, True)


async def test_a_sync_is_recorded_for_the_version_that_was_offered(
    store: Store, organization: Organization
) -> None:
    made = agent(organization.id)
    await store.agents.create(made)
    synced = replace(made, status=AgentStatus.ACTIVE, sync_pending=False, engine_agent_id="e")
    assert await store.agents.record_sync(synced)
    assert await store.agents.get(organization.id, made.id) == synced
    changed = replace(synced, name="Newer", sync_pending=True, updated_at=later(1))
    await store.agents.update(changed)
    late = replace(synced, status=AgentStatus.FAILED, engine_agent_id="e2")
    assert await store.agents.record_sync(late)
    assert await store.agents.get(organization.id, made.id) == replace(changed, engine_agent_id="e2")
    assert not await store.agents.record_sync(agent(organization.id))


async def test_a_deleted_agent_leaves_the_slots_of_its_numbers_and_the_engines_agent_to_be_deleted(
    store: Store, organization: Organization
) -> None:
    gone = agent(organization.id, engine_agent_id="e")
    stays = agent(organization.id)
    await store.agents.create(gone)
    await store.agents.create(stays)
    held = number(organization.id, "+14155550123", inbound_agent_id=gone.id, outbound_agent_id=stays.id)
    await store.numbers.create(held)
    assert not await store.agents.delete(uuid7(), gone.id)
    assert await store.agents.delete(organization.id, gone.id)
    assert not await store.agents.delete(organization.id, gone.id)
    left = await store.numbers.get(organization.id, held.id)
    assert left is not None
    assert (left.inbound_agent_id, left.outbound_agent_id) == (None, stays.id)
    assert await store.agents.all_agents() == [stays]
    assert await store.engine_removals.list() == [EngineRemoval(EngineObject.AGENT, "e")]
