"""Signing in: by user name and password, by API key, or by a link that is good once.

A refusal never tells which part was wrong, and takes as long for a user whom nobody knows.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Protocol

import structlog

from gateway.errors import ForbiddenError
from gateway.sign_in.failures import Failures
from gateway.sign_in.passwords import Passwords
from gateway.sign_in.sessions import Sessions
from gateway.sign_in.users import Users, normal_username
from store.database import Store
from store.keys import hash_secret
from store.records import ApiKey
from store.user_records import User

log = structlog.get_logger(__name__)

LINK_LIFE_S = 86_400.0
MAX_LINKS = 100


class KeyVerifier(Protocol):
    """Finds the live API key that a secret belongs to."""

    async def verify_key(self, secret: str, /) -> ApiKey | None: ...


class SignIn:
    """The ways in, with the users and sessions behind them."""

    def __init__(
        self,
        store: Store,
        keys: KeyVerifier,
        *,
        session_idle_s: float,
        session_lifetime_s: float,
        passwords: Passwords | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._failures = Failures(clock)
        self._links: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.sessions = Sessions(store, idle_s=session_idle_s, lifetime_s=session_lifetime_s, clock=clock)
        self.users = Users(store, self._passwords, self.sessions)

    async def by_password(self, username: str, password: str, address: str) -> User | None:
        """The user, if this is the password. Raises `LimitExceededError` after too many failures."""
        name = normal_username(username)
        self._failures.require_room(address, name)
        user = await self._store.users.find_by_username(name)
        if not await self._passwords.matches(password, None if user is None else user.password_hash):
            self._refused("password", address, name)
            return None
        self._failures.succeeded(name)
        return user

    async def by_key(self, secret: str, address: str) -> ApiKey | None:
        """The key that this is the secret of. Raises `LimitExceededError` after too many failures."""
        self._failures.require_room(address, None)
        key = await self._keys.verify_key(secret)
        if key is None:
            self._refused("key", address, None)
        return key

    async def by_link(self, token: str, address: str) -> ApiKey | None:
        """The key for which the link was made; the link is then used up. Raises `LimitExceededError`."""
        self._failures.require_room(address, None)
        secret, until = self._links.pop(hash_secret(token), (None, 0.0))
        key = await self._keys.verify_key(secret) if secret is not None and self._clock() < until else None
        if key is None:
            self._refused("link", address, None)
        return key

    async def change_own_password(
        self, organization_id: str, user_id: str, *, current: str, new: str, session_id: str, address: str
    ) -> User:
        """Another password for somebody who knows the present one. Other sessions than `session_id` end.
        Raises `ForbiddenError`, `InvalidRequestError`, and `LimitExceededError` as a sign-in does.
        """
        user = await self.users.get(organization_id, user_id)
        self._failures.require_room(address, user.username)
        if not await self._passwords.matches(current, user.password_hash):
            self._refused("password change", address, user.username)
            raise ForbiddenError("The current password is wrong.", code="wrong_password")
        return await self.users.change(organization_id, user_id, password=new, keep_session=session_id)

    def make_link(self, key_secret: str) -> str:
        """A token that signs in once, within a day, as this API key does. It is kept in memory only."""
        token = secrets.token_urlsafe(32)
        self._links[hash_secret(token)] = (key_secret, self._clock() + LINK_LIFE_S)
        while len(self._links) > MAX_LINKS:
            self._links.popitem(last=False)
        return token

    async def close(self) -> None:
        await self._passwords.close()

    def _refused(self, way: str, address: str, username: str | None) -> None:
        self._failures.failed(address, username)
        log.warning("sign_in_refused", way=way, address=address)
