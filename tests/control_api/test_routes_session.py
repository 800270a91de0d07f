from __future__ import annotations

from typing import Any

import httpx
import pytest

from control_api.application import API_PREFIX
from gateway.sign_in.failures import FAILURES_OF_ADDRESS, FAILURES_OF_USER
from store.user_records import Role
from tests.control_api.api import Api, World, check_documented, error_of

PASSWORD = "correct horse battery"
OURS = {"X-Trunkline-Dashboard": "1"}
COOKIE = "trunkline_session"


class Browser:
    """Keeps cookies and sends what the dashboard sends."""

    def __init__(self, world: World, scheme: str = "http") -> None:
        self._app = world.app
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(world.app), base_url=f"{scheme}://gateway{API_PREFIX}"
        )

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        own = OURS | {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.client.request(method, path, json=body, headers=own)
        check_documented(self._app, response)
        return response

    async def sign_in(self, **body: Any) -> httpx.Response:
        return await self("POST", "session", body)


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


async def add_user(world: World, name: str = "ada", role: Role = Role.ADMIN) -> str:
    users = world.gateway.sign_in.users
    return (await users.create(world.organization_id, name, PASSWORD, role)).id


async def test_a_user_signs_in_and_uses_the_api_until_signing_out(world: World, browser: Browser) -> None:
    user_id = await add_user(world)
    response = await browser.sign_in(username="Ada", password=PASSWORD)
    assert response.status_code == 201
    session = response.json()["data"]
    assert (session["kind"], session["name"], session["role"]) == ("user", "ada", "admin")
    assert session["organization"] == {"id": world.organization_id, "name": "ours"}
    assert session["user_id"] == user_id
    assert (await browser("GET", "session")).json()["data"] == session
    assert (await browser("GET", "agents")).status_code == 200
    assert (await browser("DELETE", "session")).status_code == 204
    assert (await browser("GET", "session")).status_code == 401


async def test_signing_out_ends_the_session_and_not_only_the_cookie(world: World, browser: Browser) -> None:
    await add_user(world)
    await browser.sign_in(username="ada", password=PASSWORD)
    token = browser.client.cookies[COOKIE]
    await browser("DELETE", "session")
    assert COOKIE not in browser.client.cookies
    again = await world.anonymous.get("session", headers={"Cookie": f"{COOKIE}={token}"})
    assert (again.status_code, error_of(again)["code"]) == (401, "session_over")


async def test_an_api_key_signs_in_as_what_it_is(world: World, browser: Browser) -> None:
    response = await browser.sign_in(api_key=world.secret)
    assert response.status_code == 201
    assert (response.json()["data"]["kind"], response.json()["data"]["name"]) == ("key", "test")
    assert world.secret not in response.text
    assert (await browser("GET", "calls")).status_code == 200


async def test_no_script_can_read_the_cookie_and_no_other_site_sends_it(
    world: World, browser: Browser
) -> None:
    response = await browser.sign_in(api_key=world.secret)
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    assert response.headers["cache-control"] == "no-store"
    assert browser.client.cookies[COOKIE] not in response.text


async def test_over_https_the_cookie_never_travels_in_the_clear(world: World) -> None:
    browser = Browser(world, "https")
    cookie = (await browser.sign_in(api_key=world.secret)).headers["set-cookie"]
    assert cookie.startswith("__Host-trunkline_session=")
    assert "; Secure" in cookie
    assert (await browser("GET", "session")).status_code == 200
    token = browser.client.cookies["__Host-trunkline_session"]
    plain = await world.anonymous.get(
        f"https://gateway{API_PREFIX}/session", headers={"Cookie": f"{COOKIE}={token}"}
    )
    assert plain.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"username": "ada", "password": "wrong password"},
        {"username": "nobody", "password": PASSWORD},
        {"api_key": "truedy_wrong"},
        {"link": "wrong"},
    ],
)
async def test_every_refusal_reads_the_same(world: World, browser: Browser, body: dict[str, str]) -> None:
    await add_user(world)
    response = await browser.sign_in(**body)
    assert response.status_code == 401
    assert error_of(response) == {
        "code": "sign_in_refused",
        "message": "The sign-in was refused: the name, the password or the key is wrong.",
        "details": {},
    }
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "ada"},
        {"password": PASSWORD},
        {"api_key": "x", "username": "ada", "password": PASSWORD},
        {"api_key": "x", "link": "y"},
        {"api_key": "x", "extra": 1},
    ],
)
async def test_what_is_no_way_in_is_told(browser: Browser, body: dict[str, Any]) -> None:
    assert (await browser.sign_in(**body)).status_code == 422


async def test_passwords_cannot_be_tried_out(world: World, browser: Browser) -> None:
    await add_user(world)
    for _ in range(FAILURES_OF_USER):
        assert (await browser.sign_in(username="ADA", password="wrong password")).status_code == 401
    locked = await browser.sign_in(username="ada", password=PASSWORD)
    assert (locked.status_code, error_of(locked)["code"]) == (429, "too_many_failures")
    assert int(locked.headers["retry-after"]) > 500
    for _ in range(FAILURES_OF_ADDRESS - FAILURES_OF_USER):
        assert (await browser.sign_in(api_key="truedy_wrong")).status_code == 401
    assert (await browser.sign_in(api_key=world.secret)).status_code == 429


async def test_a_link_signs_in_once(world: World, browser: Browser) -> None:
    token = world.gateway.sign_in.make_link(world.secret)
    assert (await browser.sign_in(link=token)).status_code == 201
    assert (await browser("GET", "session")).json()["data"]["kind"] == "key"
    assert (await Browser(world).sign_in(link=token)).status_code == 401


# --- requests of other sites


async def test_without_the_header_a_cookie_changes_nothing(world: World, browser: Browser) -> None:
    await browser.sign_in(api_key=world.secret)
    for method, path in (("POST", "agents"), ("DELETE", "session"), ("PUT", "session/password")):
        response = await browser.client.request(method, path)
        assert (response.status_code, error_of(response)["code"]) == (403, "csrf_header_missing")
    assert (await browser.client.get("agents")).status_code == 200
    signing_in = await world.anonymous.post("session", {"api_key": world.secret})
    assert (signing_in.status_code, error_of(signing_in)["code"]) == (403, "csrf_header_missing")


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({"Origin": "http://gateway"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://gateway.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://["}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://gateway"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({}, True),
    ],
)
async def test_only_our_own_page_changes_anything(
    world: World, browser: Browser, headers: dict[str, str], admitted: bool
) -> None:
    await browser.sign_in(api_key=world.secret)
    for path, body in (("folders", {"name": "Leads"}), ("session", {"api_key": world.secret})):
        response = await browser("POST", path, body, **headers)
        assert response.status_code == (201 if admitted else 403)
        if not admitted:
            assert error_of(response)["code"] == "foreign_origin"


async def test_a_bearer_key_needs_no_header_and_comes_before_a_cookie(world: World, browser: Browser) -> None:
    await browser.sign_in(api_key=world.secret)
    cookie = f"{COOKIE}={browser.client.cookies[COOKIE]}"
    made = await world.other.post("folders", {"name": "Leads"}, headers={"Cookie": cookie})
    assert made.status_code == 201
    assert (await world.other.get("session", headers={"Cookie": cookie})).json()["data"]["organization"][
        "id"
    ] == world.other_organization_id
    wrong = Api(world.app, "truedy_wrong")
    assert (await wrong.get("session", headers={"Cookie": cookie})).status_code == 401


async def test_a_keys_addresses_hold_for_its_sessions_too(world: World, browser: Browser) -> None:
    _, near = await world.gateway.directory.create_key(
        world.organization_id, "near", allowed_addresses=["127.0.0.1"]
    )
    _, far = await world.gateway.directory.create_key(
        world.organization_id, "far", allowed_addresses=["192.0.2.0/24"]
    )
    refused = await browser.sign_in(api_key=far)
    assert (refused.status_code, error_of(refused)["code"]) == (403, "address_not_allowed")
    await browser.sign_in(api_key=near)
    assert (await browser("GET", "calls")).status_code == 200
    browser.client._transport = httpx.ASGITransport(world.app, client=("198.51.100.7", 1))
    elsewhere = await browser("GET", "calls")
    assert (elsewhere.status_code, error_of(elsewhere)["code"]) == (403, "address_not_allowed")


# --- roles


async def test_the_role_read_sees_everything_and_changes_nothing(world: World, browser: Browser) -> None:
    await add_user(world, role=Role.READ)
    await browser.sign_in(username="ada", password=PASSWORD)
    agent = await world.agent()
    assert (await browser("GET", f"agents/{agent.id}")).status_code == 200
    for method, path, body in (
        ("POST", "agents", {"name": "x"}),
        ("PATCH", f"agents/{agent.id}", {"name": "x"}),
        ("DELETE", f"agents/{agent.id}", None),
        ("POST", "api-keys", {"name": "mine"}),
        ("POST", "users", {"username": "eve", "password": PASSWORD}),
    ):
        response = await browser(method, path, body)
        assert (response.status_code, error_of(response)["code"]) == (403, "read_only")
    assert (await browser("GET", f"agents/{agent.id}")).json()["data"]["name"] == agent.name
    listed = await browser("GET", "users")
    assert (listed.status_code, error_of(listed)["code"]) == (403, "admin_only")
    assert (await browser("DELETE", "session")).status_code == 204


async def test_a_key_may_be_made_that_only_reads(world: World) -> None:
    made = (await world.api.post("api-keys", {"name": "viewer", "role": "read"})).json()["data"]
    assert made["role"] == "read"
    viewer = Api(world.app, made["key"])
    assert (await viewer.get("calls")).status_code == 200
    refused = await viewer.post("api-keys", {"name": "more"})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "read_only")
    roles = {key["name"]: key["role"] for key in (await world.api.get("api-keys")).json()["data"]}
    assert roles == {"viewer": "read", "test": "admin"}
    assert (await world.api.post("api-keys", {"name": "x", "role": "owner"})).status_code == 422


# --- one's own password


async def test_a_user_changes_the_password_and_the_other_sessions_end(world: World, browser: Browser) -> None:
    await add_user(world, role=Role.READ)
    await browser.sign_in(username="ada", password=PASSWORD)
    other = Browser(world)
    await other.sign_in(username="ada", password=PASSWORD)
    wrong = await browser(
        "PUT", "session/password", {"current_password": "wrong", "new_password": "another good one"}
    )
    assert (wrong.status_code, error_of(wrong)["code"]) == (403, "wrong_password")
    short = await browser("PUT", "session/password", {"current_password": PASSWORD, "new_password": "short"})
    assert short.status_code == 422
    changed = await browser(
        "PUT", "session/password", {"current_password": PASSWORD, "new_password": "another good one"}
    )
    assert changed.status_code == 204
    assert (await browser("GET", "session")).status_code == 200
    assert (await other("GET", "session")).status_code == 401
    assert (await other.sign_in(username="ada", password=PASSWORD)).status_code == 401
    assert (await other.sign_in(username="ada", password="another good one")).status_code == 201


async def test_a_key_has_no_password_and_no_session_to_end(world: World, browser: Browser) -> None:
    body = {"current_password": PASSWORD, "new_password": "another good one"}
    await browser.sign_in(api_key=world.secret)
    refused = await browser("PUT", "session/password", body)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "no_password")
    signed_out = await world.api.delete("session")
    assert (signed_out.status_code, error_of(signed_out)["code"]) == (409, "no_session")
