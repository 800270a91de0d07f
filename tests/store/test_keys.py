from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from store import Store
from store.errors import ConstraintError
from store.identifiers import uuid7
from store.keys import hash_secret
from store.records import Organization
from store.tables import api_keys


async def test_a_new_key_is_found_by_the_hash_of_its_secret(store: Store, organization: Organization) -> None:
    key, secret = await store.keys.create(organization.id, "ci")
    assert re.fullmatch(r"truedy_[A-Za-z0-9_-]{43}", secret)
    assert secret.startswith(key.prefix)
    assert await store.keys.find_by_secret_hash(hash_secret(secret)) == key
    assert await store.keys.find_by_secret_hash(hash_secret(secret + "x")) is None


async def test_the_secret_itself_is_nowhere_in_the_row(store: Store, organization: Organization) -> None:
    _, secret = await store.keys.create(organization.id, "ci")
    async with store.database.reading() as connection:
        row = (await connection.execute(sa.select(api_keys))).one()
    assert all(secret not in str(value) for value in row)


async def test_two_keys_never_share_a_secret(store: Store, organization: Organization) -> None:
    _, one = await store.keys.create(organization.id, "a")
    _, other = await store.keys.create(organization.id, "b")
    assert one != other
    with pytest.raises(ConstraintError):
        await store.keys.create(organization.id, "c", secret=one)


async def test_a_revoked_key_says_since_when(store: Store, organization: Organization) -> None:
    key, secret = await store.keys.create(organization.id, "ci")
    assert not await store.keys.revoke(uuid7(), key.id)
    assert await store.keys.revoke(organization.id, key.id)
    assert not await store.keys.revoke(organization.id, key.id)
    found = await store.keys.find_by_secret_hash(hash_secret(secret))
    assert found is not None
    assert found.revoked_at is not None
    assert found.revoked_at >= key.created_at


async def test_an_organisation_sees_its_own_keys(store: Store, organization: Organization) -> None:
    first, _ = await store.keys.create(organization.id, "first")
    second, _ = await store.keys.create(organization.id, "second")
    assert await store.keys.list(organization.id) == [second, first]
    assert await store.keys.list(uuid7()) == []
