from __future__ import annotations

from dataclasses import replace

import pytest

from store import Store
from store.errors import ConstraintError, MissingRowError
from store.identifiers import uuid7
from store.records import Organization
from store.widget_records import Widget
from tests.store.samples import T0, agent, later


async def widget_of(store: Store, organization: Organization, public_id: str = "wgt_1") -> Widget:
    mine = agent(organization.id)
    await store.agents.create(mine)
    widget = Widget(uuid7(), organization.id, public_id, "Shop", T0, T0, agent_id=mine.id)
    await store.widgets.create(widget)
    return widget


async def test_a_widget_comes_back_as_it_was_put_in_and_changed(
    store: Store, organization: Organization
) -> None:
    widget = await widget_of(store, organization)
    assert await store.widgets.get(organization.id, widget.id) == widget
    assert await store.widgets.by_public_id("wgt_1") == widget
    changed = replace(
        widget,
        name="Other",
        enabled=False,
        allowed_origins=("https://a.example",),
        max_concurrent_calls=3,
        calls_per_minute=2,
        variables={"a": 1},
        visitor_variables=("b",),
        updated_at=later(1),
    )
    await store.widgets.update(changed)
    assert await store.widgets.get(organization.id, widget.id) == changed
    assert await store.widgets.get(uuid7(), widget.id) is None
    with pytest.raises(MissingRowError):
        await store.widgets.update(replace(widget, organization_id=uuid7()))
    assert await store.widgets.delete(organization.id, widget.id)
    assert not await store.widgets.delete(organization.id, widget.id)


async def test_widgets_are_listed_newest_first_by_agent_and_name(
    store: Store, organization: Organization
) -> None:
    first = await widget_of(store, organization)
    second = replace(first, id=uuid7(), public_id="wgt_2", name="Desk", created_at=later(1))
    await store.widgets.create(second)
    assert (await store.widgets.list(organization.id)).items == (second, first)
    assert (await store.widgets.list(organization.id, name="SHO")).items == (first,)
    assert (await store.widgets.list(organization.id, agent_id=uuid7())).items == ()


async def test_a_public_id_stands_for_one_widget(store: Store, organization: Organization) -> None:
    widget = await widget_of(store, organization)
    with pytest.raises(ConstraintError):
        await store.widgets.create(replace(widget, id=uuid7()))


async def test_a_widget_outlives_its_agent(store: Store, organization: Organization) -> None:
    widget = await widget_of(store, organization)
    assert widget.agent_id is not None
    assert await store.agents.delete(organization.id, widget.agent_id)
    assert await store.widgets.get(organization.id, widget.id) == replace(widget, agent_id=None)
