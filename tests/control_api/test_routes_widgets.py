from __future__ import annotations

from typing import Any

import pytest

from tests.control_api.api import NOWHERE, World, error_of


async def test_a_widget_is_made_read_changed_and_deleted(world: World) -> None:
    agent = await world.agent()
    made = await world.api.post(
        "widgets", {"name": "Shop", "agent_id": agent.id, "allowed_origins": ["HTTPS://Shop.example:443"]}
    )
    assert made.status_code == 201
    widget = made.json()["data"]
    assert widget["public_id"].startswith("wgt_")
    assert widget["allowed_origins"] == ["https://shop.example"]
    assert (widget["enabled"], widget["max_concurrent_calls"], widget["calls_per_minute"]) == (True, 10, 5)
    path = f"widgets/widget_{widget['id']}"
    assert (await world.api.get(path)).json()["data"] == widget
    changed = await world.api(
        "PATCH", path, json={"enabled": False, "calls_per_minute": 2, "visitor_variables": ["plan"]}
    )
    data = changed.json()["data"]
    assert (data["enabled"], data["calls_per_minute"], data["visitor_variables"]) == (False, 2, ["plan"])
    assert (data["name"], data["public_id"]) == ("Shop", widget["public_id"])
    listed = (await world.api.get(f"widgets?agent_id={agent.id}&name=SHO")).json()
    assert (listed["data"], listed["pagination"]["total"]) == ([data], 1)
    assert (await world.api.delete(path)).status_code == 204
    assert (await world.api.get(path)).status_code == 404


async def test_widgets_of_others_are_not_there(world: World) -> None:
    agent = await world.agent()
    widget = (await world.api.post("widgets", {"name": "a", "agent_id": agent.id})).json()["data"]
    for method, body in (("GET", None), ("PATCH", {"name": "b"}), ("DELETE", None)):
        assert (await world.other(method, f"widgets/{widget['id']}", json=body)).status_code == 404
        assert (await world.api(method, f"widgets/{NOWHERE}", json=body)).status_code == 404
    assert (await world.other.get("widgets")).json()["data"] == []
    refused = await world.other.post("widgets", {"name": "a", "agent_id": agent.id})
    assert (refused.status_code, error_of(refused)["details"]["field"]) == (422, "agent_id")
    assert (await world.other.get(f"agents/{agent.id}/browser-access")).status_code == 404
    closed = await world.other("PUT", f"agents/{agent.id}/browser-access", json={"enabled": True})
    assert closed.status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"allowed_origins": ["https://a.example", "*"]}, "allowed_origins.1"),
        ({"max_concurrent_calls": 0}, "max_concurrent_calls"),
        ({"calls_per_minute": 601}, "calls_per_minute"),
        ({"visitor_variables": ["a b"]}, "visitor_variables.0"),
        ({"agent_id": NOWHERE}, "agent_id"),
        ({"name": ""}, "name"),
        ({"public_id": "wgt_mine"}, "public_id"),
    ],
)
async def test_a_wrong_setting_is_refused_by_name(world: World, change: dict[str, Any], field: str) -> None:
    agent = await world.agent()
    body = {"name": "a", "agent_id": agent.id}
    widget = (await world.api.post("widgets", body)).json()["data"]
    for response in (
        await world.api.post("widgets", body | change),
        await world.api("PATCH", f"widgets/{widget['id']}", json=change),
    ):
        assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)


async def test_a_widget_whose_agent_was_deleted_can_have_another(world: World) -> None:
    first, second = await world.agent(), await world.agent()
    widget = (await world.api.post("widgets", {"name": "a", "agent_id": first.id})).json()["data"]
    path = f"widgets/{widget['id']}"
    assert (await world.api.delete(f"agents/{first.id}")).status_code == 204
    assert (await world.api.get(path)).json()["data"]["agent_id"] is None
    changed = await world.api("PATCH", path, json={"agent_id": second.id})
    assert changed.json()["data"]["agent_id"] == second.id


async def test_an_agent_is_closed_to_visitors_until_it_is_opened(world: World) -> None:
    agent = await world.agent()
    path = f"agents/{agent.id}/browser-access"
    before = (await world.api.get(path)).json()["data"]
    assert (before["enabled"], before["public_name"]) == (False, None)
    opened = await world.api("PUT", path, json={"enabled": True, "public_name": "front-desk"})
    assert opened.status_code == 200
    assert (await world.api.get(path)).json()["data"] == opened.json()["data"]
    assert opened.json()["data"]["public_name"] == "front-desk"
    again = await world.api("PUT", path, json={"enabled": True, "public_name": "front-desk"})
    assert again.status_code == 200


async def test_a_public_name_belongs_to_one_agent_of_the_installation(world: World) -> None:
    ours, theirs = await world.agent(), await world.agent(world.other_organization_id)
    body = {"enabled": True, "public_name": "front-desk"}
    assert (await world.api("PUT", f"agents/{ours.id}/browser-access", json=body)).status_code == 200
    taken = await world.other("PUT", f"agents/{theirs.id}/browser-access", json=body)
    assert (taken.status_code, error_of(taken)["code"]) == (409, "public_name_taken")


@pytest.mark.parametrize("name", ["", "Front", "a b", "-a", "a/b", NOWHERE, "ü"])
async def test_a_public_name_can_stand_in_an_address(world: World, name: str) -> None:
    agent = await world.agent()
    response = await world.api(
        "PUT", f"agents/{agent.id}/browser-access", json={"enabled": True, "public_name": name}
    )
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "public_name")


async def test_origins_are_set_for_the_whole_organisation(world: World) -> None:
    path = "webrtc/allowed-origins"
    assert (await world.api.get(path)).json()["data"] == {"allowed_origins": [], "updated_at": None}
    wanted = ["https://*.shop.example", "http://localhost:3000"]
    put = await world.api("PUT", path, json={"allowed_origins": wanted})
    assert put.json()["data"]["allowed_origins"] == wanted
    assert (await world.api.get(path)).json()["data"] == put.json()["data"]
    assert (await world.other.get(path)).json()["data"]["allowed_origins"] == []
    wrong = await world.api("PUT", path, json={"allowed_origins": ["https://a.example/x"]})
    assert error_of(wrong)["details"]["field"] == "allowed_origins.0"
