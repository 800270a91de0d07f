from __future__ import annotations

from dataclasses import replace

import pytest

from store import Store
from store.errors import ConstraintError
from store.records import Organization
from store.widget_records import AllowedOrigins, BrowserAccess
from tests.store.samples import T0, agent, later


async def test_an_agents_access_is_put_and_put_again(store: Store, organization: Organization) -> None:
    mine = agent(organization.id)
    await store.agents.create(mine)
    access = BrowserAccess(mine.id, organization.id, T0, enabled=True, public_name="desk")
    assert await store.browser_access.of_agent(mine.id) is None
    await store.browser_access.put(access)
    assert await store.browser_access.of_agent(mine.id) == access
    changed = replace(
        access, enabled=False, max_concurrent_calls=2, visitor_variables=("a",), updated_at=later(1)
    )
    await store.browser_access.put(changed)
    assert await store.browser_access.by_public_name("desk") == changed
    await store.agents.delete(organization.id, mine.id)
    assert await store.browser_access.of_agent(mine.id) is None


async def test_one_agent_has_a_public_name(store: Store, organization: Organization) -> None:
    for number in range(2):
        mine = agent(organization.id)
        await store.agents.create(mine)
        access = BrowserAccess(mine.id, organization.id, T0, public_name="desk")
        if number == 0:
            await store.browser_access.put(access)
        else:
            with pytest.raises(ConstraintError):
                await store.browser_access.put(access)


async def test_origins_are_put_and_put_again(store: Store, organization: Organization) -> None:
    assert await store.browser_access.origins(organization.id) == AllowedOrigins(organization.id, ())
    for origins in (("https://a.example",), ("https://b.example", "http://localhost:1")):
        allowed = AllowedOrigins(organization.id, origins, T0)
        await store.browser_access.put_origins(allowed)
        assert await store.browser_access.origins(organization.id) == allowed
