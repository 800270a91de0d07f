"""`keys`: make, list and revoke API keys in the store, with or without a gateway that runs on it.

A running gateway knows a new key at once, and a revoked one within `gateway.api_keys.TIME_TO_LIVE` seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.accounts import Accounts
from gateway.config import Config
from gateway.errors import NotFoundError
from gateway.open_store import open_store
from store.database import Store


async def create_key(config: Config, *, organization: str, name: str) -> int:
    """Print a new key's id and secret; the secret cannot be shown again. Raises `ConfigurationError`."""
    async with _opened(config) as store:
        accounts = Accounts(store)
        owner = await accounts.ensure_organization(organization)
        key, secret = await accounts.create_key(owner.id, name)
    print(f"id      {key.id}\nkey     {secret}")
    return 0


async def list_keys(config: Config) -> int:
    """Print a line for each key: id, organisation, name, beginning of the secret, state."""
    async with _opened(config) as store:
        for organization in await store.organizations.list():
            for key in await store.keys.list(organization.id):
                state = "in force" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
                print(f"{key.id}  {organization.name}  {key.name}  {key.prefix}...  {state}")
    return 0


async def revoke_key(config: Config, *, key_id: str) -> int:
    """Revoke a key. Raises `NotFoundError` when there is none of this id in force."""
    async with _opened(config) as store:
        accounts = Accounts(store)
        for organization in await store.organizations.list():
            if any(key.id == key_id for key in await store.keys.list(organization.id)):
                await accounts.revoke_key(organization.id, key_id)
                print(f"revoked {key_id}")
                return 0
    raise NotFoundError(f"There is no API key {key_id}.")


@asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[Store]:
    store = await open_store(config)
    try:
        yield store
    finally:
        await store.close()
