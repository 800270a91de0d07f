"""Campaigns for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from store import Store
from store.batch_records import Campaign, CampaignContact, CampaignStatus, NewAttempt
from store.identifiers import uuid7
from tests.store.samples import T0, later

NODE, OTHER = "node-1", "node-2"


def campaign(organization_id: str, **changes: Any) -> Campaign:
    made = Campaign(uuid7(), organization_id, "Renewal", CampaignStatus.ACTIVE, uuid7(), T0, T0, {"a": 1})
    return replace(made, **changes)


def contact(campaign_id: str, position: int, **changes: Any) -> CampaignContact:
    made = CampaignContact(
        uuid7(), campaign_id, position, f"+1415555{position:04}", variables={"n": "1"}, scheduled_at=T0
    )
    return replace(made, **changes)


async def running(store: Store, organization_id: str, contacts: int = 3) -> Campaign:
    """An active campaign whose lease `NODE` has for ten seconds from `T0` on."""
    made = campaign(organization_id)
    await store.campaigns.create(made)
    await store.campaign_contacts.add([contact(made.id, position) for position in range(contacts)])
    made = await store.campaigns.assembled(made)
    assert await store.campaigns.lease(made.id, NODE, T0, later(10))
    return made


async def committed(store: Store, made: Campaign, count: int = 1) -> list[NewAttempt]:
    """Attempts at the first contacts."""
    due = await store.campaign_contacts.due(made.id, T0, count)
    attempts = [NewAttempt(one.id, uuid7(), "+18005550100") for one in due]
    assert await store.attempts.commit(made.id, NODE, T0, attempts) == attempts
    return attempts
