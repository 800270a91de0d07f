"""`keys`: make, list and revoke API keys in the store, with or without a gateway that runs on it.

A running gateway knows a new key at once, and a revoked one within `gateway.cluster.notices.LOOK_EVERY_S`
seconds, with Redis within `gateway.api_keys.TIME_TO_LIVE`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.accounts import Accounts
from gateway.config import Config
from gateway.errors import NotFoundError
from gateway.open_store import opened_store
from store.user_records import Role


async def create_key(
    config: Config,
    *,
    organization: str,
    name: str,
    allowed_addresses: Sequence[str] = (),
    role: Role = Role.ADMIN,
) -> int:
    """Print a new key's id and secret; the secret cannot be shown again. Raises `ConfigurationError`,
    `InvalidRequestError`.
    """
    async with opened_store(config) as store:
        accounts = Accounts(store)
        owner = await accounts.ensure_organization(organization)
        key, secret = await accounts.create_key(
            owner.id, name, allowed_addresses=allowed_addresses, role=role
        )
    print(f"id      {key.id}\nkey     {secret}")
    return 0


async def list_keys(config: Config) -> int:
    """Print a line for each key: id, organisation, name, beginning of the secret, role, sources, state."""
    async with opened_store(config) as store:
        for organization in await store.organizations.list():
            for key in await store.keys.list(organization.id):
                state = "in force" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
                from_ = ",".join(key.allowed_addresses) or "anywhere"
                print(
                    f"{key.id}  {organization.name}  {key.name}  {key.prefix}...  {key.role}  from {from_}"
                    f"  {state}"
                )
    return 0


async def revoke_key(config: Config, *, key_id: str) -> int:
    """Revoke a key. Raises `NotFoundError` when there is none of this id in force."""
    async with opened_store(config) as store:
        accounts = Accounts(store)
        for organization in await store.organizations.list():
            if any(key.id == key_id for key in await store.keys.list(organization.id)):
                await accounts.revoke_key(organization.id, key_id)
                print(f"revoked {key_id}")
                return 0
    raise NotFoundError(f"There is no API key {key_id}.")
