from __future__ import annotations

import httpx
import pytest
import sqlalchemy as sa

from store.tables import idempotency_keys
from tests.control_api.api import NOWHERE, Api, World

LOOPBACK = "127.0.0.0/8"  # where the test client says it comes from


async def test_a_key_is_shown_once_and_works(world: World) -> None:
    made = (await world.api.post("/api-keys", json={"name": "crm"})).json()["data"]
    assert made["key"].startswith(made["prefix"])
    assert made["allowed_addresses"] == []
    assert (await Api(world.app, made["key"]).get("/calls")).status_code == 200
    listed = (await world.api.get("/api-keys")).json()
    assert listed["data"][0]["name"] == "crm"
    assert listed["pagination"]["total"] == 2
    assert made["key"] not in str(listed)


async def test_a_revoked_key_is_good_for_nothing(world: World) -> None:
    made = (await world.api.post("/api-keys", json={"name": "crm"})).json()["data"]
    other = Api(world.app, made["key"])
    assert (await other.get("/calls")).status_code == 200
    assert (await world.api.delete(f"/api-keys/{made['id']}")).status_code == 204
    assert (await other.get("/calls")).status_code == 401
    assert (await world.api.delete(f"/api-keys/{made['id']}")).status_code == 404
    assert (await world.api.get("/api-keys")).json()["data"][0]["revoked_at"] is not None


async def test_a_key_of_another_organisation_is_not_found(world: World) -> None:
    made = (await world.api.post("/api-keys", json={"name": "crm"})).json()["data"]
    assert (await world.other.delete(f"/api-keys/{made['id']}")).status_code == 404
    assert (await world.other.delete(f"/api-keys/{NOWHERE}")).status_code == 404
    assert (await Api(world.app, made["key"]).get("/calls")).status_code == 200


@pytest.mark.parametrize(
    ("networks", "status"), [([LOOPBACK], 200), (["203.0.113.7", LOOPBACK], 200), (["203.0.113.7"], 403)]
)
async def test_a_key_is_good_from_its_networks_alone(world: World, networks: list[str], status: int) -> None:
    body = {"name": "office", "allowed_addresses": networks}
    made = (await world.api.post("/api-keys", json=body)).json()["data"]
    answer = await Api(world.app, made["key"]).get("/calls")
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["code"] == "address_not_allowed"


@pytest.mark.parametrize("networks", [["nonsense"], ["0.0.0.0/0"], ["10.0.0.1"] * 257])
async def test_networks_that_cannot_be_meant_are_refused(world: World, networks: list[str]) -> None:
    answer = await world.api.post("/api-keys", json={"name": "x", "allowed_addresses": networks})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["field"] == "allowed_addresses"


async def test_a_request_without_an_address_has_no_allowed_one(world: World) -> None:
    made = (await world.api.post("/api-keys", json={"name": "x", "allowed_addresses": [LOOPBACK]})).json()
    transport = httpx.ASGITransport(world.app, client=("unix", 0))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        headers = {"Authorization": f"Bearer {made['data']['key']}"}
        assert (await client.get("/api/public/v1/calls", headers=headers)).status_code == 403


async def test_a_retry_makes_no_second_key_and_the_secret_is_kept_nowhere(world: World) -> None:
    once = {"X-Idempotency-Key": "7f3d"}
    made = await world.api.post("/api-keys", json={"name": "crm"}, headers=once)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    again = await world.api.post("/api-keys", json={"name": "crm"}, headers=once)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "secret_not_kept")
    assert (await world.api.get("/api-keys")).json()["pagination"]["total"] == 2
    async with world.gateway.store.database.reading() as connection:
        kept = (await connection.execute(sa.select(idempotency_keys.c.body))).scalars().all()
    assert len(kept) == 1
    assert made.json()["data"]["key"].encode() not in bytes(kept[0])
