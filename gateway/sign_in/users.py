"""Users: made, changed, removed. What changes what a user may do ends the user's sessions."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.sign_in.passwords import Passwords
from gateway.sign_in.sessions import Sessions
from store.database import Store
from store.errors import ConstraintError
from store.identifiers import uuid7
from store.records import Page
from store.user_records import Role, User

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


def normal_username(text: str) -> str:
    """A user name as it is kept: small and capital letters are the same person."""
    return text.strip().lower()


class Users:
    """All users of the installation."""

    def __init__(self, store: Store, passwords: Passwords, sessions: Sessions) -> None:
        self._store = store
        self._passwords = passwords
        self._sessions = sessions

    async def create(self, organization_id: str, username: str, password: str, role: Role) -> User:
        """Raises `InvalidRequestError`, and `ConflictError` when the name is taken."""
        name = normal_username(username)
        if not _USERNAME.fullmatch(name):
            raise InvalidRequestError(
                "A user name is 1 to 64 letters, digits and . _ @ + -, a letter or digit first.",
                field="username",
            )
        now = datetime.now(UTC)
        user = User(uuid7(), organization_id, name, await self._passwords.hash(password), role, now, now)
        try:
            await self._store.users.create(user)
        except ConstraintError as error:
            raise ConflictError(
                f"The user name {name} is taken.", code="user_exists", field="username"
            ) from error
        return user

    async def list(self, organization_id: str, limit: int, offset: int) -> Page[User]:
        """By name."""
        return await self._store.users.list(organization_id, limit, offset)

    async def get(self, organization_id: str, user_id: str) -> User:
        """Raises `NotFoundError`."""
        user = await self._store.users.get(organization_id, user_id)
        if user is None:
            raise NotFoundError(f"There is no user with id {user_id}.", user_id=user_id)
        return user

    async def named(self, username: str) -> User:
        """Raises `NotFoundError`."""
        user = await self._store.users.find_by_username(normal_username(username))
        if user is None:
            raise NotFoundError(f"There is no user {username}.")
        return user

    async def change(
        self,
        organization_id: str,
        user_id: str,
        *,
        role: Role | None = None,
        password: str | None = None,
        keep_session: str | None = None,
    ) -> User:
        """Another role or password, or both; the user has to sign in anew, but for `keep_session`.
        Raises `NotFoundError`, `InvalidRequestError`.
        """
        user = await self.get(organization_id, user_id)
        changed = replace(
            user,
            role=role or user.role,
            password_hash=user.password_hash if password is None else await self._passwords.hash(password),
            updated_at=datetime.now(UTC),
        )
        if not await self._store.users.update(changed):
            raise NotFoundError(f"There is no user with id {user_id}.", user_id=user_id)
        await self._sessions.end_of_user(user_id, but=keep_session)
        return changed

    async def remove(self, organization_id: str, user_id: str) -> None:
        """Raises `NotFoundError`."""
        removed = await self._store.users.delete(organization_id, user_id)
        self._sessions.forget()
        if not removed:
            raise NotFoundError(f"There is no user with id {user_id}.", user_id=user_id)
