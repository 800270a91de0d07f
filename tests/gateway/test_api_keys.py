from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway import api_keys
from gateway.api_keys import MAX_SECRET_LENGTH, TIME_TO_LIVE, KeyVerifier
from store.database import Store
from store.identifiers import uuid7
from store.records import ApiKey, Organization
from tests.store.samples import T0


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    await opened.organizations.create(Organization("org", "Acme", T0))
    yield opened
    await opened.close()


class Queries:
    """Counts how often the store is asked for a key."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        ask = store.keys.find_by_secret_hash

        async def find(secret_hash: str) -> ApiKey | None:
            self.count += 1
            return await ask(secret_hash)

        monkeypatch.setattr(store.keys, "find_by_secret_hash", find)


async def test_a_good_key_is_looked_up_once_in_its_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = await store.keys.create("org", "ci")
    queries = Queries(store, monkeypatch)
    now = 100.0
    verifier = KeyVerifier(store, lambda: now)
    for _ in range(3):
        assert await verifier.verify(secret) == key
    assert queries.count == 1
    now += TIME_TO_LIVE
    assert await verifier.verify(secret) == key
    assert queries.count == 2


async def test_a_key_revoked_elsewhere_is_bad_after_its_time(store: Store) -> None:
    key, secret = await store.keys.create("org", "ci")
    now = 100.0
    verifier = KeyVerifier(store, lambda: now)
    assert await verifier.verify(secret) == key
    await store.keys.revoke("org", key.id)
    assert await verifier.verify(secret) == key
    now += TIME_TO_LIVE
    assert await verifier.verify(secret) is None
    assert await verifier.verify(secret) is None


async def test_a_key_revoked_while_it_is_looked_up_is_bad_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = await store.keys.create("org", "ci")
    verifier = KeyVerifier(store)
    look_up = store.keys.find_by_secret_hash

    async def revoked_behind_our_back(digest: str) -> ApiKey | None:
        found = await look_up(digest)
        if found is not None and found.revoked_at is None:
            await store.keys.revoke("org", key.id)
            verifier.forget()
        return found

    monkeypatch.setattr(store.keys, "find_by_secret_hash", revoked_behind_our_back)
    assert await verifier.verify(secret) is None
    assert await verifier.verify(secret) is None


@pytest.mark.parametrize("secret", ["", "x", "truedy_", "é\udcff", "x" * (MAX_SECRET_LENGTH + 1)])
async def test_a_wrong_secret_is_nobody(store: Store, secret: str) -> None:
    await store.keys.create("org", "ci")
    assert await KeyVerifier(store).verify(secret) is None


async def test_only_so_many_good_keys_are_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "CACHE_SIZE", 2)
    secrets = [(await store.keys.create("org", uuid7()))[1] for _ in range(3)]
    queries = Queries(store, monkeypatch)
    verifier = KeyVerifier(store, lambda: 0.0)
    for secret in secrets:
        assert await verifier.verify(secret) is not None
    await verifier.verify(secrets[2])
    assert queries.count == 3
    await verifier.verify(secrets[0])  # the oldest was forgotten
    assert queries.count == 4


async def test_wrong_secrets_do_not_push_good_ones_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "CACHE_SIZE", 2)
    _, secret = await store.keys.create("org", "ci")
    verifier = KeyVerifier(store, lambda: 0.0)
    await verifier.verify(secret)
    for i in range(10):
        await verifier.verify(f"truedy_wrong{i}")
    queries = Queries(store, monkeypatch)
    assert await verifier.verify(secret) is not None
    assert queries.count == 0
