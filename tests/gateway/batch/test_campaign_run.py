from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from gateway.batch.campaign_run import LEASE
from gateway.batch.campaigns import Campaigns, NewCampaign
from gateway.batch.contact_source import ContactSource, InlineContact
from gateway.batch.dial_services import DialServices
from gateway.batch.dialer import Dialer
from gateway.batch.schedule import Schedule
from gateway.batch.settings import CampaignSettings, Retries, Rotation
from gateway.batch.status_change import CampaignJournal
from gateway.configuration.calls import BatchSection
from gateway.contacts.new_contact import NewContact
from gateway.directory import AssignmentType, Directory
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError, LimitExceededError
from gateway.live_calls import LiveCalls
from gateway.metrics import GatewayMetrics
from gateway.new_agent import NewAgent
from gateway.new_number import NewNumber
from store import Store
from store.batch_records import Campaign, CampaignContact, CampaignStatus, ContactState
from store.errors import StoreUnavailableError
from store.records import AgentStatus
from tests.gateway.batch.far_side import FarSide

NUMBERS = ("+18005550100", "+18005550101")


@dataclass
class Scene:
    """An organisation with an agent, a campaign service, and nodes that dial for it."""

    store: Store
    directory: Directory
    organization_id: str
    agent_id: str
    campaigns: Campaigns
    free_places: int = 100
    config: BatchSection = field(default_factory=lambda: BatchSection(breaker_calls=0))
    giving_way: set[str] = field(default_factory=set)  # nodes that drain while others go on

    def node(self, name: str = "node-1") -> tuple[Dialer, FarSide]:
        """A node with calls of its own."""
        far = FarSide(self.store)
        services = DialServices(
            node=name,
            store=self.store,
            journal=CampaignJournal(self.store),
            calls=far,
            live=cast(LiveCalls, far),
            table=lambda: self.directory.table,
            free_places=lambda: self.free_places,
            metrics=GatewayMetrics(CollectorRegistry()),
            config=self.config,
            giving_way=lambda: name in self.giving_way,
        )
        return Dialer(services), far

    async def started(self, contacts: int = 5, **fields: Any) -> Campaign:
        people = tuple(InlineContact(NewContact(f"+1415555{n:04}")) for n in range(contacts))
        new = NewCampaign("n", self.agent_id, CampaignSettings(**fields), ContactSource(contacts=people))
        made = await self.campaigns.create(self.organization_id, new)
        return await self.campaigns.start(self.organization_id, made.id)

    async def read(self, campaign: Campaign) -> Campaign:
        return await self.campaigns.get(self.organization_id, campaign.id)

    async def contacts(self, campaign: Campaign) -> tuple[CampaignContact, ...]:
        page = await self.campaigns.contacts(self.organization_id, campaign.id, None, None, 100, 0)
        return page.items

    async def states(self, campaign: Campaign) -> list[str]:
        return [str(contact.state) for contact in await self.contacts(campaign)]


@pytest.fixture
async def scene(store: Store) -> Scene:
    directory = Directory(store)
    await directory.load()
    organization = await directory.ensure_organization("ours")
    new = NewAgent(name="a", voice_id="v", system_prompt="p")
    agent = await directory.create_agent(organization.id, new, status=AgentStatus.ACTIVE)
    for phone_number in NUMBERS:
        number = await directory.import_number(organization.id, NewNumber(phone_number=phone_number))
        await directory.assign(organization.id, number.id, agent.id, AssignmentType.OUTBOUND)
    campaigns = Campaigns(store, lambda: directory.table, directory.agent, max_contacts=100)
    return Scene(store, directory, organization.id, agent.id, campaigns)


async def test_contacts_are_called_as_room_allows_until_all_are_done(scene: Scene) -> None:
    campaign = await scene.started(5, max_concurrent_calls=2, variables={"offer": "x"})
    dialer, far = scene.node()
    for expected in (2, 2, 1):
        await dialer.step()
        assert len(far.ringing) == expected
        await dialer.step()
        assert len(far.ringing) == expected  # no room
        await far.end(*far.ringing)
    await dialer.step()
    await dialer.step()
    done = await scene.read(campaign)
    assert (done.status, done.statistics["outcomes"] if done.statistics else None) == (
        CampaignStatus.COMPLETED,
        {"answered": 5},
    )
    assert sorted((call.phone_number, call.from_number or "") for call in far.placed) == [
        (f"+1415555{n:04}", NUMBERS[n % 2]) for n in range(5)
    ]
    assert far.placed[0].metadata["campaign_id"] == campaign.id
    assert far.placed[0].variables == {"offer": "x"}
    assert await scene.store.campaigns.to_dial() == []


async def test_the_gateways_own_room_counts_too(scene: Scene) -> None:
    await scene.started(5, max_concurrent_calls=4)
    dialer, far = scene.node()
    scene.free_places = 1
    await dialer.step()
    assert len(far.ringing) == 1
    scene.free_places = 0
    await dialer.step()
    assert len(far.ringing) == 1


async def test_a_number_carries_no_more_calls_than_it_may(scene: Scene) -> None:
    await scene.started(9, calls_per_number=2, number_rotation=Rotation.SEQUENTIAL)
    dialer, far = scene.node()
    await dialer.step()
    await dialer.step()
    assert sorted(call.from_number or "" for call in far.ringing) == sorted(NUMBERS * 2)


async def test_a_daily_cap_is_held(scene: Scene) -> None:
    campaign = await scene.started(5, schedule=Schedule(max_calls_per_day=3))
    dialer, far = scene.node()
    for _ in range(4):
        await dialer.step()
        await far.end(*far.ringing)
    assert len(far.placed) == 3
    again, far_again = scene.node("node-1")  # a restart does not forget
    await again.step()
    assert far_again.placed == []
    assert (await scene.read(campaign)).status is CampaignStatus.ACTIVE


async def test_who_was_busy_is_called_again_when_it_is_time(scene: Scene) -> None:
    campaign = await scene.started(1, retries=Retries(max_attempts=2, delay_ms=3_600_000))
    dialer, far = scene.node()
    await dialer.step()
    await far.fail("busy", *far.ringing)
    await dialer.step()
    (contact,) = await scene.contacts(campaign)
    assert (contact.state, contact.outcome, contact.attempts) == (ContactState.PENDING, "busy", 1)
    assert contact.scheduled_at is not None
    assert contact.scheduled_at > datetime.now(UTC) + timedelta(minutes=59)
    await scene.store.campaign_contacts.schedule([(contact.id, datetime.now(UTC))])
    await dialer.step()
    await far.fail("busy", *far.ringing)
    await dialer.step()
    await dialer.step()
    assert await scene.states(campaign) == ["failed"]
    assert (await scene.read(campaign)).status is CampaignStatus.COMPLETED
    assert len(far.placed) == 2


async def test_outside_the_window_nobody_is_called(scene: Scene) -> None:
    minute = datetime.now(UTC).hour * 60 + datetime.now(UTC).minute
    start = (minute + 120) % 1380  # two hours away on either side
    await scene.started(3, schedule=Schedule(start=start, end=start + 60))
    dialer, far = scene.node()
    await dialer.step()
    assert far.placed == []


async def test_a_paused_campaign_settles_its_calls_and_makes_no_more(scene: Scene) -> None:
    campaign = await scene.started(3, max_concurrent_calls=1)
    dialer, far = scene.node()
    await dialer.step()
    await scene.campaigns.pause(scene.organization_id, campaign.id)
    await far.end(*far.ringing)
    await dialer.step()
    assert await scene.states(campaign) == ["completed", "pending", "pending"]
    await scene.campaigns.resume(scene.organization_id, campaign.id)
    await dialer.step()
    assert len(far.placed) == 2


async def test_a_cancelled_campaign_takes_back_what_rings_and_leaves_who_talks(scene: Scene) -> None:
    campaign = await scene.started(4, max_concurrent_calls=2)
    dialer, far = scene.node()
    await dialer.step()
    rings, talks = far.ringing
    await far.answer(talks)
    await scene.campaigns.cancel(scene.organization_id, campaign.id)
    await dialer.step()
    await dialer.step()
    assert far.calls[rings.id].cancelled_from == "ringing"
    assert far.get(talks.id) is not None
    await far.end(talks)
    await dialer.step()
    assert sorted(await scene.states(campaign)) == ["cancelled"] * 3 + ["completed"]
    final = await scene.read(campaign)
    assert final.statistics is not None
    assert final.statistics["outcomes"] == {"answered": 1, "cancelled": 1}


async def test_what_was_committed_to_before_a_pause_does_not_ring(scene: Scene) -> None:
    campaign = await scene.started(1)
    dialer, far = scene.node()
    create = far.create

    async def paused_meanwhile(*arguments: Any, **options: Any) -> Any:
        await scene.campaigns.pause(scene.organization_id, campaign.id)
        return await create(*arguments, **options)

    far.create = paused_meanwhile  # type: ignore[method-assign]
    await dialer.step()
    assert far.ringing == []
    await dialer.step()
    (contact,) = await scene.contacts(campaign)
    assert (contact.state, contact.attempts, contact.call_id) == (ContactState.PENDING, 0, None)


async def test_after_a_crash_what_had_not_rung_is_called_and_nobody_twice(scene: Scene) -> None:
    campaign = await scene.started(4, max_concurrent_calls=2)
    first, far = scene.node("node-1")
    await first.step()
    rang = {call.phone_number for call in far.ringing}
    far.hold_back = True
    await far.end(far.ringing[0])
    await first.step()  # one more is committed to, and kept back
    held_back = far.placed[-1].phone_number
    unended = [call.id for call in far.ringing]
    second, far_again = scene.node("node-2")
    await second.step()
    assert far_again.placed == []  # the first one may still be alive
    for call_id in unended:  # the sweep after the dead
        record = await scene.store.calls.get(scene.organization_id, call_id)
        assert record is not None
        await far_again.fail("gateway-error", record)
    await scene.store.campaigns.release("node-1")  # its time is over
    for _ in range(6):
        await second.step()
        await far_again.end(*far_again.ringing)
    called = [call.phone_number for call in far_again.placed]
    assert held_back in called
    assert not rang & set(called)
    assert len(called) == len(set(called)) == 2
    assert sorted(await scene.states(campaign)) == ["completed"] * 3 + ["failed"]
    assert (await scene.read(campaign)).status is CampaignStatus.COMPLETED


async def test_a_node_that_lost_its_lease_lets_no_invite_go(scene: Scene) -> None:
    campaign = await scene.started(1)
    dialer, far = scene.node("node-1")
    create = far.create

    async def slow(*arguments: Any, **options: Any) -> Any:
        late = datetime.now(UTC) + 2 * LEASE
        assert await scene.store.campaigns.lease(campaign.id, "node-2", late, late + LEASE)
        return await create(*arguments, **options)

    far.create = slow  # type: ignore[method-assign]
    await dialer.step()
    assert far.ringing == []
    assert len(far.silent) == 1


async def test_a_campaign_of_which_most_calls_fail_technically_stops_itself(scene: Scene) -> None:
    scene.config = BatchSection(breaker_calls=4, breaker_share=0.75)
    campaign = await scene.started(9, max_concurrent_calls=4)
    dialer, far = scene.node()
    await dialer.step()
    good, *bad = far.ringing
    await far.end(good)
    await far.fail("trunk-unavailable", *bad)
    await dialer.step()
    stopped = await scene.read(campaign)
    assert stopped.status is CampaignStatus.PAUSED
    assert stopped.status_reason == "most of the last calls failed technically"
    assert len(far.placed) == 4
    await scene.campaigns.resume(scene.organization_id, campaign.id)
    await dialer.step()
    assert len(far.placed) == 8  # what was before the pause is not held against it


async def test_busy_people_do_not_stop_a_campaign(scene: Scene) -> None:
    scene.config = BatchSection(breaker_calls=2)
    await scene.started(6, max_concurrent_calls=2)
    dialer, far = scene.node()
    for _ in range(3):
        await dialer.step()
        await far.fail("busy", *far.ringing)
    assert len(far.placed) == 6


async def test_a_call_that_cannot_be_placed_fails_its_contact_with_the_reason(scene: Scene) -> None:
    campaign = await scene.started(2)
    dialer, far = scene.node()
    far.refuse_with = InvalidRequestError("no number", code="no_phone_number_configured")
    await dialer.step()
    contacts = await scene.contacts(campaign)
    assert {(contact.state, contact.outcome) for contact in contacts} == {
        (ContactState.FAILED, "no_phone_number_configured")
    }


async def test_a_contact_whom_the_organisation_does_not_call_fails_with_the_reason(scene: Scene) -> None:
    campaign = await scene.started(2)
    dialer, far = scene.node()
    far.refuse_with = ForbiddenError("too dear", code="premium_number")
    await dialer.step()
    contacts = await scene.contacts(campaign)
    assert {(contact.state, contact.outcome) for contact in contacts} == {
        (ContactState.FAILED, "premium_number")
    }


async def test_when_the_gateway_is_full_nothing_is_lost(scene: Scene) -> None:
    campaign = await scene.started(2)
    dialer, far = scene.node()
    far.refuse_with = LimitExceededError("full", code="queue_full")
    await dialer.step()
    contacts = await scene.contacts(campaign)
    assert {(contact.state, contact.attempts) for contact in contacts} == {(ContactState.PENDING, 0)}
    far.refuse_with = None
    await scene.store.campaign_contacts.schedule([(one.id, datetime.now(UTC)) for one in contacts])
    await dialer.step()
    assert len(far.ringing) == 2


async def test_a_schedule_that_ends_leaves_the_rest_uncalled(scene: Scene) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    campaign = await scene.started(2, max_concurrent_calls=1, schedule=Schedule(end_at=soon))
    dialer, far = scene.node()
    await dialer.step()
    ended = replace(campaign, settings=campaign.settings | {})
    ended.settings["schedule"]["end_at"] = datetime.now(UTC).isoformat()
    assert await scene.store.campaigns.change(ended, CampaignStatus.ACTIVE)
    await dialer.step()
    assert (await scene.read(campaign)).status is CampaignStatus.ACTIVE  # somebody talks
    await far.end(*far.ringing)
    await dialer.step()
    assert await scene.states(campaign) == ["completed", "cancelled"]
    assert (await scene.read(campaign)).status is CampaignStatus.COMPLETED


async def test_a_scheduled_campaign_becomes_active_when_its_time_comes(scene: Scene) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    campaign = await scene.started(1, schedule=Schedule(start_at=later))
    dialer, far = scene.node()
    await dialer.step()
    assert ((await scene.read(campaign)).status, far.placed) == (CampaignStatus.SCHEDULED, [])
    (contact,) = await scene.contacts(campaign)
    assert contact.scheduled_at == later
    come = replace(campaign, settings=campaign.settings | {})
    come.settings["schedule"]["start_at"] = datetime.now(UTC).isoformat()
    assert await scene.store.campaigns.change(come, CampaignStatus.SCHEDULED)
    await scene.store.campaign_contacts.schedule([(contact.id, datetime.now(UTC))])
    await dialer.step()
    assert (await scene.read(campaign)).status is CampaignStatus.ACTIVE
    assert len(far.ringing) == 1


async def test_what_a_failing_database_left_undone_is_taken_up_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await scene.started(2)
    dialer, far = scene.node()
    far.refuse_with = LimitExceededError("full", code="queue_full")
    with monkeypatch.context() as broken:
        broken.setattr(scene.store.attempts, "settle", _unavailable)
        await dialer.step()
    assert await scene.states(campaign) == ["dialing", "dialing"]  # committed to, and nobody is called
    far.refuse_with = None
    await dialer.step()
    await dialer.step()
    assert len(far.ringing) == 2


async def _unavailable(*_arguments: object) -> None:
    raise StoreUnavailableError("away")


async def test_a_far_side_that_does_not_confirm_holds_up_the_taking_back_of_no_other_call(
    scene: Scene,
) -> None:
    campaign = await scene.started(3)
    dialer, far = scene.node()
    await dialer.step()
    asked: set[str] = set()
    all_asked = asyncio.Event()

    async def unconfirmed(_organization_id: str, call_id: str, /) -> Any:
        asked.add(call_id)
        if len(asked) == 3:
            all_asked.set()
        async with asyncio.timeout(1):
            await all_asked.wait()
        raise ConflictError("over")

    far.cancel = unconfirmed  # type: ignore[method-assign]
    await scene.campaigns.cancel(scene.organization_id, campaign.id)
    await dialer.step()
    assert len(asked) == 3


async def test_a_call_made_while_a_campaign_is_cancelled_is_in_its_last_figures(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await scene.started(1)
    dialer, far = scene.node()
    figures = CampaignJournal.figures
    counted: list[str] = []

    async def called_just_then(self: CampaignJournal, of: Campaign) -> Any:
        found = await figures(self, of)
        if not counted:
            counted.append(of.id)
            await dialer.step()
        return found

    monkeypatch.setattr(CampaignJournal, "figures", called_just_then)
    await scene.campaigns.cancel(scene.organization_id, campaign.id)
    await far.answer(far.ringing[0])
    await far.end(*far.calls.values())
    await dialer.step()
    cancelled = await scene.read(campaign)
    shown = (await scene.campaigns.statistics((cancelled,)))[campaign.id]
    assert (shown["completed"], shown["cancelled"], shown["outcomes"]) == (1, 0, {"answered": 1})


async def test_a_node_that_gives_way_leaves_its_campaigns_to_another(scene: Scene) -> None:
    campaign = await scene.started(3, max_concurrent_calls=2)
    leaving, far = scene.node("node-1")
    await leaving.step()
    scene.giving_way.add("node-1")
    await far.end(far.ringing[0])
    await leaving.step()
    assert await scene.states(campaign) == ["dialing", "dialing", "pending"]
    other, far_other = scene.node("node-2")
    await other.step()
    assert [call.phone_number for call in far_other.placed] == ["+14155550002"]
    # Which of the two rang first, and was the one that ended, is not said.
    assert sorted(await scene.states(campaign)) == ["completed", "dialing", "dialing"]


async def test_an_agent_that_cannot_call_yet_costs_no_contact(scene: Scene) -> None:
    new = NewAgent(name="b", voice_id="v", system_prompt="p")
    agent = await scene.directory.create_agent(scene.organization_id, new, status=AgentStatus.CREATING)
    number = await scene.directory.import_number(
        scene.organization_id, NewNumber(phone_number="+18005550199")
    )
    await scene.directory.assign(scene.organization_id, number.id, agent.id, AssignmentType.OUTBOUND)
    scene.agent_id = agent.id
    with pytest.raises(InvalidRequestError) as refused:
        await scene.started(2)
    assert (refused.value.code, refused.value.details["field"]) == ("agent_not_active", "agent_id")
