from __future__ import annotations

from dataclasses import replace

import pytest

from store import Store
from store.errors import ConstraintError, MissingRowError
from store.identifiers import uuid7
from store.numbers import NumberFilter
from store.records import Organization
from tests.store.samples import agent, later, number, trunk


async def test_a_number_comes_back_as_it_was_put_in(store: Store, organization: Organization) -> None:
    answering, carrier = agent(organization.id), trunk(organization.id)
    await store.agents.create(answering)
    await store.trunks.create(carrier)
    made = number(
        organization.id,
        "+15550100",
        friendly_name="Desk",
        type="mobile",
        country="US",
        trunk_id=carrier.id,
        inbound_agent_id=answering.id,
        outbound_agent_id=answering.id,
    )
    await store.numbers.create(made)
    assert await store.numbers.get(organization.id, made.id) == made
    assert await store.numbers.get(uuid7(), made.id) is None
    assert await store.numbers.find_by_number("+15550100") == made
    assert await store.numbers.find_by_number("+15550101") is None
    assert await store.numbers.all_numbers() == [made]


async def test_a_number_exists_once_in_the_whole_store(store: Store, organization: Organization) -> None:
    other = Organization(uuid7(), "other", later(0))
    await store.organizations.create(other)
    await store.numbers.create(number(organization.id, "+15550100"))
    with pytest.raises(ConstraintError):
        await store.numbers.create(number(other.id, "+15550100"))


async def test_a_number_cannot_point_to_an_agent_that_does_not_exist(
    store: Store, organization: Organization
) -> None:
    made = number(organization.id, "+15550100")
    await store.numbers.create(made)
    with pytest.raises(ConstraintError):
        await store.numbers.update(replace(made, inbound_agent_id=uuid7()))
    assert await store.numbers.get(organization.id, made.id) == made


async def test_an_update_of_nothing_says_so(store: Store, organization: Organization) -> None:
    with pytest.raises(MissingRowError):
        await store.numbers.update(number(organization.id, "+15550100"))


async def test_a_deleted_number_is_gone(store: Store, organization: Organization) -> None:
    made = number(organization.id, "+15550100")
    await store.numbers.create(made)
    assert not await store.numbers.delete(uuid7(), made.id)
    assert await store.numbers.delete(organization.id, made.id)
    assert not await store.numbers.delete(organization.id, made.id)
    assert await store.numbers.find_by_number("+15550100") is None


async def test_numbers_are_listed_newest_first_and_by_what_they_point_to(
    store: Store, organization: Organization
) -> None:
    answering, carrier = agent(organization.id), trunk(organization.id)
    await store.agents.create(answering)
    await store.trunks.create(carrier)
    made = [
        number(organization.id, "+15550100", created_at=later(0), inbound_agent_id=answering.id),
        number(organization.id, "+15550101", created_at=later(1), outbound_agent_id=answering.id),
        number(organization.id, "+15550102", created_at=later(2), trunk_id=carrier.id),
    ]
    for one in made:
        await store.numbers.create(one)
    page = await store.numbers.list(organization.id, limit=2)
    assert (page.items, page.total, page.has_more) == ((made[2], made[1]), 3, True)
    assert (await store.numbers.list(organization.id, wanted=NumberFilter(agent_id=answering.id))).items == (
        made[1],
        made[0],
    )
    unassigned = await store.numbers.list(organization.id, wanted=NumberFilter(assigned=False))
    assert unassigned.items == (made[2],)
    assert (await store.numbers.list(organization.id, wanted=NumberFilter(trunk_id=carrier.id))).items == (
        made[2],
    )
    assert (await store.numbers.list(uuid7())).total == 0
