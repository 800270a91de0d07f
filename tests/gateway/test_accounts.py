from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.accounts import Accounts
from gateway.errors import ConflictError, NotFoundError
from store.database import Store
from store.identifiers import uuid7


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store)


async def test_an_organisation_is_made_once_even_when_asked_for_at_once(
    store: Store, accounts: Accounts
) -> None:
    made = await asyncio.gather(*(accounts.ensure_organization("Acme") for _ in range(5)))
    assert len({one.id for one in made}) == 1
    assert await store.organizations.list() == [made[0]]


async def test_a_key_is_good_until_it_is_revoked(accounts: Accounts) -> None:
    org = (await accounts.ensure_organization("Acme")).id
    key, secret = await accounts.create_key(org, "ci")
    assert await accounts.verify_key(secret) == key
    await accounts.revoke_key(org, key.id)
    assert await accounts.verify_key(secret) is None
    with pytest.raises(NotFoundError):
        await accounts.revoke_key(org, key.id)
    with pytest.raises(NotFoundError):
        await accounts.revoke_key(org, uuid7())


async def test_a_replaced_key_ends_the_old_one_at_once(accounts: Accounts) -> None:
    org = (await accounts.ensure_organization("Acme")).id
    old = await accounts.replace_key(org, "demo")
    other = await accounts.replace_key(org, "other")
    assert await accounts.verify_key(old) is not None
    new = await accounts.replace_key(org, "demo")
    assert await accounts.verify_key(old) is None
    assert await accounts.verify_key(new) is not None
    assert await accounts.verify_key(other) is not None


async def test_a_secret_belongs_to_one_key(accounts: Accounts) -> None:
    org = (await accounts.ensure_organization("Acme")).id
    await accounts.create_key(org, "a", secret="truedy_chosen")
    with pytest.raises(ConflictError):
        await accounts.create_key(org, "b", secret="truedy_chosen")
