"""`/bans`."""

from __future__ import annotations

from time import monotonic

import sqlalchemy as sa

from store.tables import api_keys, organizations
from tests.control_api.api import World, error_of


async def alone(world: World) -> None:
    """The other organisation goes."""
    async with world.gateway.store.database.transaction() as connection:
        for table, column in ((api_keys, api_keys.c.organization_id), (organizations, organizations.c.id)):
            await connection.execute(sa.delete(table).where(column == world.other_organization_id))


async def test_bans_are_listed_and_lifted(world: World) -> None:
    assert (await world.api.get("bans")).json()["data"] == []
    world.gateway.bans.ban("203.0.113.9", "scanner", monotonic())
    world.gateway.bans.ban("2001:db8::7", "digest guessing", monotonic())
    assert world.gateway.bans.holds("203.0.113.9", monotonic())
    newest, oldest = (await world.api.get("bans")).json()["data"]
    assert (newest["source"], newest["reason"], newest["dropped"]) == (
        "2001:db8::/64",
        "digest guessing",
        0,
    )
    assert (oldest["source"], oldest["dropped"]) == ("203.0.113.9", 1)
    assert oldest["until"] > oldest["since"]

    refused = await world.api("DELETE", "bans/203.0.113.9")
    assert (refused.status_code, error_of(refused)["code"]) == (403, "shared_gateway")
    assert len(world.gateway.bans) == 2, "they guard the other organisation too"

    await alone(world)
    for source in ("203.0.113.9", "2001:db8::1"):
        assert (await world.api("DELETE", f"bans/{source}")).status_code == 204
        assert (await world.api("DELETE", f"bans/{source}")).status_code == 404
    assert not world.gateway.bans.holds("203.0.113.9", monotonic())
    assert (await world.api.get("bans")).json()["pagination"]["total"] == 0
