from __future__ import annotations

from typing import Any

import msgspec

from gateway.batch.settings import CampaignSettings, settings_as_json
from gateway.batch.status_change import CampaignJournal
from store import Store
from store.batch_records import Campaign, CampaignStatus
from store.identifiers import uuid7
from store.records import Organization
from store.tables import webhook_events
from store.webhook_records import WebhookEndpoint
from tests.store.batch_samples import campaign, contact
from tests.store.samples import T0


async def made(store: Store) -> Campaign:
    """An active campaign of two, and somebody who wants to hear of it."""
    organization = Organization(uuid7(), "ours", T0)
    await store.organizations.create(organization)
    receiver = WebhookEndpoint(uuid7(), organization.id, "https://example.com", "s", T0, T0)
    await store.webhook_endpoints.create(receiver)
    new = campaign(organization.id, settings=settings_as_json(CampaignSettings()))
    await store.campaigns.create(new)
    await store.campaign_contacts.add([contact(new.id, 0), contact(new.id, 1)])
    return await store.campaigns.assembled(new)


async def told(store: Store) -> list[tuple[str, dict[str, Any]]]:
    async with store.database.reading() as connection:
        rows = (await connection.execute(webhook_events.select())).all()
    return [(row.name, msgspec.json.decode(row.payload)["data"]) for row in rows]


async def test_a_change_is_told_with_the_campaign_as_it_then_is(store: Store) -> None:
    journal = CampaignJournal(store)
    paused = await journal.move(await made(store), CampaignStatus.PAUSED, "why")
    assert paused is not None
    ((name, data),) = await told(store)
    assert (name, data["previous_status"], data["status"]) == ("batch.status.changed", "active", "paused")
    assert (data["id"], data["status_reason"], data["statistics"]["pending"]) == (paused.id, "why", 2)


async def test_the_end_is_told_twice_and_its_figures_are_kept(store: Store) -> None:
    journal = CampaignJournal(store)
    done = await journal.move(await made(store), CampaignStatus.COMPLETED)
    assert done is not None
    assert [name for name, _ in await told(store)] == ["batch.status.changed", "batch.completed"]
    assert done.statistics is not None
    assert (done.statistics["pending"], done.statistics["cancelled"], done.statistics["total"]) == (0, 2, 2)
    assert done.ended_at is not None
    assert await journal.figures(done) == done.statistics


async def test_who_comes_second_changes_and_tells_nothing(store: Store) -> None:
    journal = CampaignJournal(store)
    active = await made(store)
    assert await journal.move(active, CampaignStatus.CANCELLED) is not None
    assert await journal.move(active, CampaignStatus.PAUSED) is None
    assert len(await told(store)) == 1
