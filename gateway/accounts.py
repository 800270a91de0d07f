"""Organisations and API keys, and the way in which every change of the directory happens.

Changes run one after the other, and a change that was begun is finished even when whoever asked for it goes
away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from gateway.api_keys import KeyVerifier
from gateway.errors import ConflictError, NotFoundError
from gateway.source_networks import checked_networks
from store.database import Store
from store.errors import ConstraintError
from store.identifiers import uuid7
from store.records import ApiKey, Organization
from store.user_records import Role

T = TypeVar("T")
REVISION = "directory"  # the name under which changes are numbered, in `store.revisions`


class Accounts:
    """Who may use the gateway. `gateway.directory.Directory` adds what they use it for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = KeyVerifier(store)
        self._change = asyncio.Lock()
        self._revision = 0  # of what is in memory
        self.on_changed: Callable[[], None] = _nothing  # other nodes want to know
        self._running: set[asyncio.Task[Any]] = set()

    async def ensure_organization(self, name: str, *, organization_id: str | None = None) -> Organization:
        """The oldest organisation of this name, made now if there is none. Raises `ConflictError`."""

        async def change() -> Organization:
            for organization in await self._store.organizations.list():
                if organization.name == name:
                    return organization
            organization = Organization(organization_id or uuid7(), name, datetime.now(UTC))
            await self._store.organizations.create(organization)
            return organization

        return await self._apply(change, "organization_exists")

    async def organization(self, organization_id: str) -> Organization:
        """Raises `NotFoundError`."""
        found = await self._store.organizations.get(organization_id)
        if found is None:
            raise NotFoundError(f"There is no organisation {organization_id}.")
        return found

    async def is_alone(self, organization_id: str) -> bool:
        """Whether there is no other organisation than this."""
        return [each.id for each in await self._store.organizations.list()] == [organization_id]

    async def create_key(
        self,
        organization_id: str,
        name: str,
        *,
        secret: str | None = None,
        allowed_addresses: Sequence[str] = (),
        role: Role = Role.ADMIN,
    ) -> tuple[ApiKey, str]:
        """A new bearer key and its secret, which is shown this once. With `allowed_addresses` it is good from
        these networks alone. Raises `ConflictError`, `InvalidRequestError`.
        """
        networks = checked_networks(allowed_addresses, "allowed_addresses")
        return await self._apply(
            lambda: self._store.keys.create(
                organization_id, name, secret=secret, allowed_addresses=networks, role=role
            ),
            "key_exists",
        )

    async def list_keys(self, organization_id: str) -> list[ApiKey]:
        """The organisation's keys, newest first, revoked ones too."""
        return await self._store.keys.list(organization_id)

    async def replace_key(self, organization_id: str, name: str, *, secret: str | None = None) -> str:
        """A new key's secret in place of all keys of this name, which are revoked. Raises `ConflictError`."""

        async def change() -> str:
            for key in await self._store.keys.list(organization_id):
                if key.name == name:
                    await self._store.keys.revoke(organization_id, key.id)
            self._keys.forget()
            _, fresh = await self._store.keys.create(organization_id, name, secret=secret)
            return fresh

        return await self._apply(change, "key_exists")

    async def revoke_key(self, organization_id: str, key_id: str) -> None:
        """Good for nothing from now on. Raises `NotFoundError`."""
        found = await self._apply(lambda: self._store.keys.revoke(organization_id, key_id))
        self._keys.forget()
        if not found:
            raise NotFoundError(f"There is no API key {key_id} in force.", key_id=key_id)

    async def verify_key(self, secret: str) -> ApiKey | None:
        """The key that a bearer secret belongs to; `None` for an unknown or revoked one."""
        return await self._keys.verify(secret)

    async def refresh(self) -> bool:
        """Take over what other nodes have changed; whether there was anything. Raises `StoreError`."""
        if await self._store.revisions.current(REVISION) == self._revision:
            return False
        async with self._change:
            # Read first: what is changed while we read is read again the next time.
            revision = await self._store.revisions.current(REVISION)
            await self._take_over()
            self._revision = revision
            self._committed()
        return True

    async def _take_over(self) -> None:
        """Read from the store what others may have changed; `_committed` follows."""
        self._keys.forget()

    def _committed(self) -> None:
        """Called after each change, before the next one begins."""

    async def _apply(self, change: Callable[[], Awaitable[T]], exists: str = "conflict") -> T:
        """Run a change alone in all nodes, on the newest state, and to its end, then make it seen.

        The change commits to the store before it touches the dictionaries, so that a failure leaves all as
        it was.
        """

        async def alone() -> T:
            async with self._change:
                async with self._store.revisions.turn(REVISION) as turn:
                    if turn.revision != self._revision:
                        await self._take_over()
                        self._committed()
                        self._revision = turn.revision
                    try:
                        result = await change()
                    except ConstraintError as error:
                        raise ConflictError(
                            "The store refused the change: " + str(error), code=exists
                        ) from error
                    self._committed()
                    revision = await turn.changed()
                    if revision == self._revision + 1:  # else another process has changed something meanwhile
                        self._revision = revision
                self.on_changed()
                return result

        task = asyncio.create_task(alone())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)


def _nothing() -> None:
    pass
