from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.directory import AssignmentType, Directory
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.new_agent import NewAgent
from gateway.new_number import NewNumber
from gateway.new_trunk import NewTrunk
from routing.decisions import Refusal, RefusalKind
from routing.inbound import InboundQuery, InboundRoute, decide_inbound
from store.database import Store
from store.errors import StoreError
from store.identifiers import uuid7
from store.records import Agent, AgentStatus, PhoneNumber, TrunkInbound, TrunkOutbound
from tests.support.postgres_server import postgres_store_on

NUMBER = "+14155550100"
LOOPBACK = TrunkInbound(("127.0.0.0/8",))


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "postgresql":
        async with postgres_store_on(request.getfixturevalue("postgres")) as opened:
            yield opened
        return
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


@pytest.fixture
async def directory(store: Store) -> Directory:
    made = Directory(store)
    await made.load()
    return made


@pytest.fixture
async def org(directory: Directory) -> str:
    return (await directory.ensure_organization("Acme")).id


async def an_agent(directory: Directory, org: str, name: str = "Reception") -> Agent:
    new = NewAgent(name=name, voice_id="v", system_prompt="Be kind.")
    return await directory.create_agent(org, new, status=AgentStatus.ACTIVE)


async def a_number(directory: Directory, org: str, number: str = NUMBER) -> PhoneNumber:
    return await directory.import_number(org, NewNumber(phone_number=number))


async def a_world(directory: Directory, org: str) -> tuple[Agent, PhoneNumber]:
    """A trunk on loopback, and a number that an active agent answers."""
    await directory.create_trunk(org, NewTrunk(name="local", inbound=LOOPBACK))
    agent, number = await an_agent(directory, org), await a_number(directory, org)
    return agent, await directory.assign(org, number.id, agent.id)


def answer(directory: Directory, number: str = NUMBER) -> str:
    """Who takes a call from loopback: an agent's id, or the kind of the refusal."""
    decision = decide_inbound(directory.table, InboundQuery("127.0.0.1", number))
    return decision.agent.id if isinstance(decision, InboundRoute) else decision.kind.value


async def test_a_number_becomes_reachable_step_by_step(directory: Directory, org: str) -> None:
    assert answer(directory) == RefusalKind.UNKNOWN_TRUNK
    await directory.create_trunk(org, NewTrunk(name="local", inbound=LOOPBACK))
    assert answer(directory) == RefusalKind.UNKNOWN_NUMBER
    number = await a_number(directory, org)
    assert answer(directory) == RefusalKind.UNASSIGNED_NUMBER
    agent = await directory.create_agent(org, NewAgent(name="A", voice_id="v", system_prompt="p"))
    await directory.assign(org, number.id, agent.id)
    assert answer(directory) == RefusalKind.INACTIVE_AGENT
    await directory.record_sync(replace(agent, status=AgentStatus.ACTIVE, engine_agent_id="e"))
    assert answer(directory) == agent.id
    await directory.unassign(org, number.id)
    assert answer(directory) == RefusalKind.UNASSIGNED_NUMBER


async def test_another_process_sees_the_same_after_loading(
    store: Store, directory: Directory, org: str
) -> None:
    agent, number = await a_world(directory, org)
    other = Directory(store)
    assert isinstance(decide_inbound(other.table, InboundQuery("127.0.0.1", NUMBER)), Refusal)
    await other.load()
    assert answer(other) == agent.id
    assert await other.get_agent(org, agent.id) == agent
    assert await other.get_number(org, number.id) == number


async def test_a_change_the_store_refuses_leaves_table_and_memory_as_they_were(
    store: Store, directory: Directory, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, number = await a_world(directory, org)
    other = await an_agent(directory, org, "Other")
    table = directory.table

    async def refuse(_number: PhoneNumber) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(store.numbers, "update", refuse)
    with pytest.raises(StoreError):
        await directory.assign(org, number.id, other.id)
    assert directory.table is table
    assert await directory.get_number(org, number.id) == number
    assert answer(directory) == agent.id


async def test_reassigning_never_leaves_a_gap(directory: Directory, org: str) -> None:
    """A thread decides calls without pause while the number goes to and fro between two agents."""
    first, number = await a_world(directory, org)
    second = await an_agent(directory, org, "Second")
    seen: set[str] = set()
    stop = threading.Event()

    def decide() -> None:
        while not stop.is_set():
            seen.add(answer(directory))

    reader = threading.Thread(target=decide)
    reader.start()
    try:
        for agent in (second, first) * 15:
            await directory.assign(org, number.id, agent.id)
            assert answer(directory) == agent.id
    finally:
        stop.set()
        reader.join()
    assert seen <= {first.id, second.id}


async def test_a_table_that_is_held_does_not_change(directory: Directory, org: str) -> None:
    agent, number = await a_world(directory, org)
    held = directory.table
    await directory.unassign(org, number.id)
    decision = decide_inbound(held, InboundQuery("127.0.0.1", NUMBER))
    assert isinstance(decision, InboundRoute)
    assert decision.agent.id == agent.id
    assert answer(directory) == RefusalKind.UNASSIGNED_NUMBER


async def test_a_change_is_finished_when_its_caller_is_cancelled(
    store: Store, directory: Directory, org: str
) -> None:
    _, number = await a_world(directory, org)
    task = asyncio.create_task(directory.unassign(org, number.id))
    await asyncio.sleep(0)  # it has begun
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await directory.ensure_organization("Acme")  # waits for its turn behind the change
    assert answer(directory) == RefusalKind.UNASSIGNED_NUMBER
    stored = await store.numbers.get(org, number.id)
    assert stored is not None
    assert stored.inbound_agent_id is None


# --- agents


async def test_an_agent_is_a_draft_until_the_engine_has_it(directory: Directory, org: str) -> None:
    woken: list[bool] = []
    directory.on_agent_changed = lambda: woken.append(True)
    agent = await directory.create_agent(org, NewAgent(name="A", voice_id="v", system_prompt="p"))
    assert agent.status is AgentStatus.DRAFT
    assert woken == [True]
    assert directory.agents_to_sync() == [agent]
    failed = replace(agent, status=AgentStatus.FAILED, sync_error="no such voice", sync_pending=False)
    assert await directory.record_sync(failed) == failed
    assert directory.agents_to_sync() == []
    assert woken == [True]
    changed = await directory.update_agent(org, agent.id, voice_id="other")
    assert (changed.status, changed.voice_id) == (AgentStatus.DRAFT, "other")
    assert directory.agents_to_sync() == [changed]


async def test_an_active_agent_stays_active_when_it_is_changed(directory: Directory, org: str) -> None:
    agent = await an_agent(directory, org)
    changed = await directory.update_agent(org, agent.id, name="New name")
    assert (changed.status, changed.name) == (AgentStatus.ACTIVE, "New name")
    assert changed.updated_at > agent.updated_at
    assert directory.agent(agent.id) == changed


async def test_a_sync_of_an_older_version_does_not_make_an_agent_active(
    directory: Directory, org: str
) -> None:
    agent = await directory.create_agent(org, NewAgent(name="A", voice_id="v", system_prompt="p"))
    changed = await directory.update_agent(org, agent.id, voice_id="other")
    await directory.record_sync(replace(agent, status=AgentStatus.ACTIVE, engine_agent_id="e"))
    now = await directory.get_agent(org, agent.id)
    assert (now.status, now.voice_id, now.engine_agent_id) == (AgentStatus.DRAFT, "other", "e")
    await directory.record_sync(replace(changed, status=AgentStatus.ACTIVE))
    assert (await directory.get_agent(org, agent.id)).status is AgentStatus.ACTIVE


async def test_a_deleted_agent_takes_no_call_from_the_same_moment_on(
    directory: Directory, org: str, store: Store
) -> None:
    agent, number = await a_world(directory, org)
    deleted: list[bool] = []
    directory.on_engine_removal = lambda: deleted.append(True)
    before = directory.table
    await directory.delete_agent(org, agent.id)
    assert answer(directory) == RefusalKind.UNASSIGNED_NUMBER
    held = before.number(NUMBER)
    assert held is not None
    assert held.inbound_agent_id == agent.id, "a call that looked before keeps what it saw"
    assert directory.agent(agent.id) is None
    assert deleted == [True]
    freed = await directory.get_number(org, number.id)
    assert (freed.inbound_agent_id, freed.outbound_agent_id) == (None, None)
    again = Directory(store)
    await again.load()
    assert answer(again) == RefusalKind.UNASSIGNED_NUMBER
    with pytest.raises(NotFoundError):
        await directory.delete_agent(org, agent.id)


async def test_a_replaced_agent_has_its_defaults_again(directory: Directory, org: str) -> None:
    new = NewAgent(name="A", voice_id="v", system_prompt="p", temperature=0.9, description="d")
    agent = await directory.create_agent(org, new, status=AgentStatus.ACTIVE)
    assert directory.agents_to_sync() == []
    plain = NewAgent(name="B", voice_id="w", system_prompt="q")
    replaced = await directory.replace_agent(org, agent.id, plain)
    assert (replaced.name, replaced.temperature, replaced.description) == ("B", 0.3, None)
    assert replaced.status is AgentStatus.ACTIVE
    assert directory.agents_to_sync() == [replaced]


async def test_agents_of_others_do_not_exist(directory: Directory, org: str) -> None:
    agent = await an_agent(directory, org)
    other = (await directory.ensure_organization("Other")).id
    number = await a_number(directory, other)
    with pytest.raises(NotFoundError):
        await directory.get_agent(other, agent.id)
    with pytest.raises(NotFoundError):
        await directory.update_agent(other, agent.id, name="mine now")
    with pytest.raises(NotFoundError):
        await directory.assign(other, number.id, agent.id)
    assert (await directory.list_agents(other)).total == 0
    assert (await directory.list_agents(org, name="recep")).items == (agent,)


async def test_an_agent_id_is_used_once(directory: Directory, org: str) -> None:
    agent = await an_agent(directory, org)
    with pytest.raises(ConflictError):
        await directory.create_agent(
            org, NewAgent(name="B", voice_id="v", system_prompt="p"), agent_id=agent.id
        )
    assert directory.agent(agent.id) == agent


# --- numbers


@pytest.mark.parametrize("text", ["", "15550100", "+0123456", "+1 415 555", "+1234567890123456", "x" * 500])
async def test_only_e164_is_imported(directory: Directory, org: str, text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await directory.import_number(org, NewNumber(phone_number=text))
    assert caught.value.details["field"] == "phone_number"


async def test_a_number_is_imported_once_whosoever_has_it(directory: Directory, org: str) -> None:
    number = await a_number(directory, org)
    assert number.country == "US"
    other = (await directory.ensure_organization("Other")).id
    for owner in (org, other):
        with pytest.raises(ConflictError) as caught:
            await a_number(directory, owner)
        assert caught.value.code == "number_exists"
    assert (await directory.list_numbers(org)).items == (number,)


async def test_a_number_is_bound_only_to_a_trunk_of_its_owner(directory: Directory, org: str) -> None:
    other = (await directory.ensure_organization("Other")).id
    foreign = await directory.create_trunk(other, NewTrunk(name="x", inbound=LOOPBACK))
    for trunk_id in (foreign.id, uuid7()):
        with pytest.raises(InvalidRequestError) as caught:
            await directory.import_number(org, NewNumber(phone_number=NUMBER, trunk_id=trunk_id))
        assert caught.value.details["field"] == "trunk_id"
    number = await a_number(directory, org)
    with pytest.raises(InvalidRequestError):
        await directory.bind_number(org, number.id, foreign.id)
    mine = await directory.create_trunk(org, NewTrunk(name="y", inbound=LOOPBACK))
    assert (await directory.bind_number(org, number.id, mine.id)).trunk_id == mine.id
    assert (await directory.bind_number(org, number.id, None)).trunk_id is None


async def test_assigning_without_a_type_fills_both_slots(directory: Directory, org: str) -> None:
    agent, number = await a_world(directory, org)
    assert (number.inbound_agent_id, number.outbound_agent_id) == (agent.id, agent.id)
    assert directory.numbers_of_agent(agent.id) == ((number,), (number,))
    emptied = await directory.unassign(org, number.id, AssignmentType.INBOUND)
    assert (emptied.inbound_agent_id, emptied.outbound_agent_id) == (None, agent.id)
    assert directory.numbers_of_agent(agent.id) == ((), (emptied,))
    emptied = await directory.unassign(org, number.id, AssignmentType.OUTBOUND)
    assert directory.numbers_of_agent(agent.id) == ((), ())


async def test_a_number_serves_exactly_one_agent(directory: Directory, org: str) -> None:
    first, number = await a_world(directory, org)
    second = await an_agent(directory, org, "Second")
    for slot in AssignmentType:
        with pytest.raises(ConflictError) as caught:
            await directory.assign(org, number.id, second.id, slot)
        assert caught.value.details["agent_id"] == first.id
    moved = await directory.assign(org, number.id, second.id)
    assert (moved.inbound_agent_id, moved.outbound_agent_id) == (second.id, second.id)


async def test_a_slot_alone_may_change_hands_when_the_other_is_empty(directory: Directory, org: str) -> None:
    _, number = await a_world(directory, org)
    second = await an_agent(directory, org, "Second")
    await directory.unassign(org, number.id, AssignmentType.OUTBOUND)
    moved = await directory.assign(org, number.id, second.id, AssignmentType.INBOUND)
    assert (moved.inbound_agent_id, moved.outbound_agent_id) == (second.id, None)


async def test_two_agents_may_share_a_number_when_that_is_configured(
    store: Store, directory: Directory, org: str
) -> None:
    first, number = await a_world(directory, org)
    second = await an_agent(directory, org, "Second")
    relaxed = Directory(store, strict_one_agent=False)
    await relaxed.load()
    shared = await relaxed.assign(org, number.id, second.id, AssignmentType.OUTBOUND)
    assert (shared.inbound_agent_id, shared.outbound_agent_id) == (first.id, second.id)


async def test_a_released_number_is_unknown(directory: Directory, org: str) -> None:
    _, number = await a_world(directory, org)
    await directory.release_number(org, number.id)
    assert answer(directory) == RefusalKind.UNKNOWN_NUMBER
    with pytest.raises(NotFoundError):
        await directory.release_number(org, number.id)
    await a_number(directory, org)


async def test_what_does_not_exist_is_not_found(directory: Directory, org: str) -> None:
    agent, number = await a_world(directory, org)
    with pytest.raises(NotFoundError):
        await directory.assign(org, uuid7(), agent.id)
    with pytest.raises(NotFoundError):
        await directory.assign(org, number.id, uuid7())
    with pytest.raises(NotFoundError):
        await directory.unassign(org, uuid7())
    with pytest.raises(NotFoundError):
        await directory.get_trunk(org, uuid7())
    with pytest.raises(NotFoundError):
        await directory.get_number(uuid7(), number.id)


# --- trunks


async def test_a_trunk_is_stored_in_canonical_form(directory: Directory, org: str) -> None:
    trunk = await directory.create_trunk(
        org,
        NewTrunk(
            name="carrier",
            inbound=TrunkInbound(("198.51.100.77/24", "198.51.100.0/24", "2001:DB8::1")),
            outbound=TrunkOutbound("sip.example.com:5080"),
            default_country="de",
            codecs=("pcma",),
        ),
    )
    assert trunk.inbound == TrunkInbound(("198.51.100.0/24", "2001:db8::1/128"))
    assert (trunk.default_country, trunk.codecs) == ("DE", ("PCMA",))
    assert await directory.get_trunk(org, trunk.id) == trunk
    assert (await directory.list_trunks(org)).items == (trunk,)


async def test_a_trunk_that_is_refused_is_nowhere(store: Store, directory: Directory, org: str) -> None:
    with pytest.raises(InvalidRequestError):
        await directory.create_trunk(org, NewTrunk(name="open", inbound=TrunkInbound(())))
    assert await store.trunks.all_trunks() == []
    assert directory.table.trunks_of(org) == ()


async def test_a_change_on_another_node_is_taken_over(store: Store, directory: Directory, org: str) -> None:
    other = Directory(store)
    await other.load()
    told: list[None] = []
    other.on_agent_changed = lambda: told.append(None)
    assert not await other.refresh()
    agent = await an_agent(directory, org)
    assert other.agent(agent.id) is None
    assert await other.refresh()
    assert other.agent(agent.id) == agent
    assert told == [None], "perhaps it is this node that offers it to the engine"
    assert not await other.refresh()


async def test_a_change_is_made_on_the_newest_state_whoever_made_it(
    store: Store, directory: Directory, org: str
) -> None:
    """The other node has seen nothing of the agent or the number when it is asked to join them."""
    other = Directory(store)
    await other.load()
    agent = await an_agent(directory, org)
    number = await directory.import_number(org, NewNumber(phone_number=NUMBER, friendly_name="Main"))
    assigned = await other.assign(org, number.id, agent.id)
    assert assigned.friendly_name == "Main"
    await directory.refresh()
    assert await directory.get_number(org, number.id) == assigned


async def test_a_key_revoked_on_another_node_is_good_for_nothing_after_the_notice(
    store: Store, directory: Directory, org: str
) -> None:
    other = Directory(store)
    await other.load()
    key, secret = await directory.create_key(org, "ci")
    assert await other.verify_key(secret) is not None
    await directory.revoke_key(org, key.id)
    await other.refresh()
    assert await other.verify_key(secret) is None


async def test_a_refused_change_shows_what_others_have_changed_all_the_same(
    store: Store, directory: Directory, org: str
) -> None:
    other = Directory(store)
    await other.load()
    agent = await an_agent(directory, org)
    with pytest.raises(NotFoundError):
        await other.assign(org, uuid7(), agent.id)
    assert other.table.agent(agent.id) is not None
