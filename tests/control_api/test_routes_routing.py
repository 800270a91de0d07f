from __future__ import annotations

import pytest

from tests.control_api.api import NOWHERE, World, error_of


async def test_an_inbound_call_is_explained(world: World) -> None:
    response = await world.api.get("routing/explain?to=%2B14155550123&from=%2B14155551234&source=203.0.113.7")
    assert response.json()["data"] == {"routed": False, "steps": []}
    assert world.gateway.explained == [
        {
            "organization_id": world.organization_id,
            "to": "+14155550123",
            "from": "+14155551234",
            "source": "203.0.113.7",
        }
    ]


async def test_an_unescaped_plus_is_understood(world: World) -> None:
    await world.api.get("routing/explain?to=+14155550123")
    assert world.gateway.explained[0]["to"] == "+14155550123"
    assert world.gateway.explained[0]["from"] is None


async def test_what_is_dialled_need_not_be_a_number(world: World) -> None:
    assert (await world.api.get("routing/explain?to=reception")).status_code == 200


@pytest.mark.parametrize("name", ["from", "from_number"])
async def test_an_outbound_call_is_explained(world: World, name: str) -> None:
    query = f"direction=outbound&agent_id=agent_{NOWHERE}&to=%2B14155551234&{name}=%2B18005559876"
    assert (await world.api.get(f"routing/explain?{query}")).json()["data"]["routed"] is True
    assert world.gateway.explained == [
        {
            "organization_id": world.organization_id,
            "agent_id": NOWHERE,
            "to": "+14155551234",
            "from_number": "+18005559876",
        }
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "to"),
        ("to=", "to"),
        ("to=1&source=here", "source"),
        ("to=1&direction=up", "direction"),
        ("to=1&direction=outbound", "agent_id"),
        ("to=1&direction=outbound&agent_id=me", "agent_id"),
        ("to=1&from_number=me", "from_number"),
    ],
)
async def test_a_wrong_parameter_is_named(world: World, query: str, field: str) -> None:
    response = await world.api.get(f"routing/explain?{query}")
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    assert world.gateway.explained == []
