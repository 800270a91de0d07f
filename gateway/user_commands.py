"""`users`: make, list, change and remove those who may sign in, with or without a gateway that runs.

A running gateway knows a new user at once, and lets one who was removed go within
`gateway.sign_in.sessions.REMEMBERED_S` seconds.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.accounts import Accounts
from gateway.config import Config
from gateway.errors import InvalidRequestError
from gateway.open_store import opened_store
from gateway.sign_in.setup import open_sign_in
from gateway.sign_in.sign_in import SignIn
from store.database import Store
from store.user_records import Role

LISTED_AT_ONCE = 1_000


async def add_user(config: Config, *, organization: str, username: str, role: Role) -> int:
    """Make a user; the password is asked for, or read from standard input when that is no terminal. Raises
    `ConfigurationError`, `InvalidRequestError`, `ConflictError`.
    """
    password = _ask_password()
    async with _opened(config) as (store, sign_in):
        owner = await Accounts(store).ensure_organization(organization)
        user = await sign_in.users.create(owner.id, username, password, role)
    print(f"added {user.username}, {user.role}, of {organization}")
    return 0


async def list_users(config: Config) -> int:
    """Print a line for each user: name, role, organisation, when last signed in."""
    async with _opened(config) as (store, sign_in):
        for organization in await store.organizations.list():
            for user in (await sign_in.users.list(organization.id, LISTED_AT_ONCE, 0)).items:
                last = user.last_sign_in_at
                seen = "never signed in" if last is None else f"last signed in {last:%Y-%m-%d %H:%M}"
                print(f"{user.username}  {user.role}  {organization.name}  {seen}")
    return 0


async def set_password(config: Config, *, username: str) -> int:
    """Give a user another password, and end the user's sessions. Raises `NotFoundError`."""
    async with _opened(config) as (_, sign_in):
        user = await sign_in.users.named(username)
        await sign_in.users.change(user.organization_id, user.id, password=_ask_password())
    print(f"changed the password of {user.username}")
    return 0


async def remove_user(config: Config, *, username: str) -> int:
    """Remove a user and end the user's sessions. Raises `NotFoundError`."""
    async with _opened(config) as (_, sign_in):
        user = await sign_in.users.named(username)
        await sign_in.users.remove(user.organization_id, user.id)
    print(f"removed {user.username}")
    return 0


@asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[tuple[Store, SignIn]]:
    async with opened_store(config) as store:
        sign_in = open_sign_in(store, Accounts(store), config.dashboard)
        try:
            yield store, sign_in
        finally:
            await sign_in.close()


def _ask_password() -> str:
    """From the terminal, twice and unseen; from a pipe its first line. Raises `InvalidRequestError`."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise InvalidRequestError("The two passwords differ.", field="password")
    return password
