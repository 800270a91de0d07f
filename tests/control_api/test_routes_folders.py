from __future__ import annotations

from tests.control_api.api import NOWHERE, World, error_of


async def test_a_folder_is_made_read_changed_and_deleted(world: World) -> None:
    made = await world.api.post("folders", {"name": "Q4 renewal"})
    assert made.status_code == 201
    folder = made.json()["data"]
    assert (folder["name"], folder["description"], folder["contact_count"]) == ("Q4 renewal", None, 0)
    await world.api.post("contacts", {"phone_number": "+14155550100", "folder_id": folder["id"]})
    path = f"folders/folder_{folder['id']}"
    assert (await world.api.get(path)).json()["data"] == folder | {"contact_count": 1}
    changed = await world.api("PATCH", path, json={"description": "to be called in May"})
    assert changed.json()["data"]["name"] == "Q4 renewal"
    assert changed.json()["data"]["description"] == "to be called in May"
    listed = (await world.api.get("folders?name=RENEW")).json()
    assert (listed["data"], listed["pagination"]["total"]) == ([changed.json()["data"]], 1)
    assert (await world.api("DELETE", path)).status_code == 204
    assert (await world.api.get("contacts")).json()["pagination"]["total"] == 0
    assert (await world.api("DELETE", path)).status_code == 404


async def test_folders_of_others_are_not_there(world: World) -> None:
    folder = (await world.api.post("folders", {"name": "a"})).json()["data"]
    path = f"folders/{folder['id']}"
    for method, body in (("GET", None), ("PATCH", {"name": "b"}), ("DELETE", None)):
        assert (await world.other(method, path, json=body)).status_code == 404
        assert (await world.api(method, f"folders/{NOWHERE}", json=body)).status_code == 404
    assert (await world.other.get("folders")).json()["data"] == []


async def test_a_folder_needs_a_name(world: World) -> None:
    for body in ({}, {"name": ""}, {"name": None}, {"name": "a\0"}, {"name": "a" * 256}):
        response = await world.api.post("folders", body)
        assert (response.status_code, error_of(response)["details"]["field"]) == (422, "name")
