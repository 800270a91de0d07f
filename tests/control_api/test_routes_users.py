from __future__ import annotations

import pytest

from store.user_records import Role
from tests.control_api.api import NOWHERE, World, error_of
from tests.control_api.test_routes_session import PASSWORD, Browser, add_user

ADA = {"username": "Ada.Lovelace", "password": PASSWORD, "role": "read"}


async def test_a_user_is_made_shown_and_removed_without_a_word_of_the_password(world: World) -> None:
    made = await world.api.post("users", ADA)
    assert made.status_code == 201
    user = made.json()["data"]
    assert (user["username"], user["role"], user["last_sign_in_at"]) == ("ada.lovelace", "read", None)
    assert "password" not in made.text
    listed = await world.api.get("users")
    assert listed.json()["data"] == [user]
    assert listed.json()["pagination"]["total"] == 1
    assert (await world.api.delete(f"users/{user['id']}")).status_code == 204
    assert (await world.api.get("users")).json()["data"] == []
    assert (await world.api.delete(f"users/{user['id']}")).status_code == 404


async def test_a_name_is_taken_once_in_the_whole_installation(world: World) -> None:
    await world.api.post("users", ADA)
    taken = await world.other.post("users", ADA | {"username": "ADA.lovelace"})
    assert (taken.status_code, error_of(taken)["code"]) == (409, "user_exists")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "-a"}, "username"),
        ({"password": "short"}, "password"),
        ({"role": "owner"}, "role"),
        ({"extra": 1}, "extra"),
    ],
)
async def test_a_poor_user_is_refused_by_field(world: World, change: dict[str, object], field: str) -> None:
    response = await world.api.post("users", ADA | change)
    assert response.status_code == 422
    assert error_of(response)["details"]["field"] == field
    assert PASSWORD not in response.text


async def test_another_organisations_users_are_not_there(world: World) -> None:
    user_id = await add_user(world)
    assert (await world.other.get("users")).json()["data"] == []
    assert (await world.other("PATCH", f"users/{user_id}", json={"role": "read"})).status_code == 404
    assert (await world.other.delete(f"users/{user_id}")).status_code == 404
    assert (await world.api.delete(f"users/{NOWHERE}")).status_code == 404


async def test_a_changed_role_holds_at_once(world: World) -> None:
    user_id = await add_user(world)
    ada = Browser(world)
    await ada.sign_in(username="ada", password=PASSWORD)
    changed = await world.api("PATCH", f"users/{user_id}", json={"role": "read"})
    assert changed.json()["data"]["role"] == "read"
    assert (await ada("GET", "session")).status_code == 401
    await ada.sign_in(username="ada", password=PASSWORD)
    assert (await ada("POST", "folders", {"name": "x"})).status_code == 403


async def test_nobody_removes_or_lowers_himself(world: World) -> None:
    user_id = await add_user(world)
    ada = Browser(world)
    await ada.sign_in(username="ada", password=PASSWORD)
    for response in (
        await ada("DELETE", f"users/{user_id}"),
        await ada("PATCH", f"users/{user_id}", {"role": "read"}),
    ):
        assert (response.status_code, error_of(response)["code"]) == (409, "own_user")
    assert (await ada("PATCH", f"users/{user_id}", {"password": "another good one"})).status_code == 200
    assert (await ada("GET", "session")).status_code == 200


async def test_an_admin_sees_and_ends_the_sessions_of_others(world: World) -> None:
    await add_user(world, role=Role.READ)
    ada, grace = Browser(world), Browser(world)
    await ada.sign_in(username="ada", password=PASSWORD)
    await grace.sign_in(api_key=world.secret)
    listed = (await grace("GET", "sessions")).json()["data"]
    assert [(each["name"], each["kind"], each["current"]) for each in listed] == [
        ("test", "key", True),
        ("ada", "user", False),
    ]
    own = (await ada("GET", "sessions")).json()["data"]
    assert [each["name"] for each in own] == ["ada"]
    assert (await world.other.get("sessions")).json()["data"] == []
    assert (await world.other.delete(f"sessions/{own[0]['id']}")).status_code == 404
    assert (await grace("DELETE", f"sessions/{own[0]['id']}")).status_code == 204
    assert (await ada("GET", "session")).status_code == 401
