from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from store import Store
from store.errors import MissingRowError
from store.identifiers import uuid7
from store.migrations import downgrade_to, upgrade_to_head
from store.records import Organization
from store.tables import webhook_endpoints
from tests.store.samples import agent, endpoint, later


async def crm_rows(store: Store) -> list[Any]:
    query = sa.select(webhook_endpoints).where(webhook_endpoints.c.agent_id.is_not(None))
    async with store.database.reading() as connection:
        return list((await connection.execute(query)).all())


async def test_an_endpoint_comes_back_as_it_was_written(store: Store, organization: Organization) -> None:
    made = endpoint(
        organization.id,
        events=("call.ended",),
        description="ours",
        enabled=False,
        disabled_reason="gone",
        previous_secret="whsec_old",
        previous_secret_until=later(60),
    )
    await store.webhook_endpoints.create(made)
    assert await store.webhook_endpoints.get(organization.id, made.id) == made
    changed = replace(made, url="https://elsewhere.example/", events=None, enabled=True)
    await store.webhook_endpoints.update(changed)
    assert await store.webhook_endpoints.get(organization.id, made.id) == changed


async def test_an_organisation_sees_its_own_endpoints_newest_first(
    store: Store, organization: Organization
) -> None:
    stranger = Organization(uuid7(), "Another", later(0))
    await store.organizations.create(stranger)
    made = [endpoint(organization.id, created_at=later(i)) for i in range(3)]
    for one in (*made, endpoint(stranger.id)):
        await store.webhook_endpoints.create(one)
    page = await store.webhook_endpoints.list(organization.id, limit=2)
    assert (list(page.items), page.total) == ([made[2], made[1]], 3)
    assert await store.webhook_endpoints.get(stranger.id, made[0].id) is None
    assert not await store.webhook_endpoints.delete(stranger.id, made[0].id)
    with pytest.raises(MissingRowError):
        await store.webhook_endpoints.update(replace(made[0], organization_id=stranger.id))
    assert await store.webhook_endpoints.delete(organization.id, made[0].id)
    assert await store.webhook_endpoints.get(organization.id, made[0].id) is None


def test_two_secrets_sign_until_the_rotation_is_over() -> None:
    rotated = endpoint("o", secret="new", previous_secret="old", previous_secret_until=later(60))
    assert rotated.secrets_at(later(59)) == ("new", "old")
    assert rotated.secrets_at(later(60)) == ("new",)
    assert endpoint("o", secret="only").secrets_at(later(0)) == ("only",)


async def test_the_endpoint_of_a_crm_webhook_follows_its_agent(
    store: Store, organization: Organization
) -> None:
    made = agent(organization.id, crm_webhook_url="https://crm.example/", crm_webhook_secret="one")
    await store.agents.create(made)
    (row,) = await crm_rows(store)
    assert (row.agent_id, row.url, row.secret, row.enabled) == (made.id, "https://crm.example/", "one", True)
    assert (await store.webhook_endpoints.list(organization.id)).total == 0
    assert await store.webhook_endpoints.get(organization.id, row.id) is None
    await store.agents.update(replace(made, crm_webhook_secret="two"))
    assert [(row.id, row.secret)] == [(row.id, "one")]
    (changed,) = await crm_rows(store)
    assert (changed.id, changed.secret, changed.previous_secret) == (row.id, "two", "one")
    assert changed.previous_secret_until == changed.updated_at + 86_400_000_000
    await store.agents.update(replace(made, crm_webhook_url=None))
    assert await crm_rows(store) == []


async def test_agents_from_before_get_the_endpoint_of_their_crm_webhook(
    store: Store, organization: Organization
) -> None:
    made = agent(organization.id, crm_webhook_url="https://crm.example/", crm_webhook_secret="one")
    await store.agents.create(made)
    await store.agents.create(agent(organization.id))
    async with store.database.transaction() as connection:
        await connection.run_sync(downgrade_to, "0006")
        await connection.run_sync(upgrade_to_head)
    (row,) = await crm_rows(store)
    assert (row.agent_id, row.url, row.secret) == (made.id, "https://crm.example/", "one")
