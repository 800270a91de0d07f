"""Trunks: made, changed, read, removed."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from gateway.agent_directory import AgentDirectory
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.new_trunk import NewTrunk, checked_trunk
from store.database import Store
from store.errors import ConstraintError
from store.identifiers import uuid7
from store.records import Page, Trunk, TrunkInbound, TrunkOutbound


class TrunkDirectory(AgentDirectory):
    """The trunks of all organisations, in memory. `gateway.directory.Directory` adds the numbers on them."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._trunks: dict[str, Trunk] = {}

    async def create_trunk(
        self, organization_id: str, new: NewTrunk, *, trunk_id: str | None = None
    ) -> Trunk:
        """Raises `InvalidRequestError` that names the field, `ConflictError` when the id or the digest user
        is taken.
        """
        new = checked_trunk(new)
        now = datetime.now(UTC)
        trunk = Trunk(
            id=trunk_id or uuid7(),
            organization_id=organization_id,
            created_at=now,
            updated_at=now,
            **{item.name: getattr(new, item.name) for item in fields(new)},
        )

        async def change() -> Trunk:
            self._check_digest_user(new, trunk.id)
            await self._store.trunks.create(trunk)
            self._trunks[trunk.id] = trunk
            return trunk

        return await self._apply(change, "trunk_exists")

    def trunk(self, trunk_id: str) -> Trunk | None:
        """From memory, whosoever it is: for calls that routing has placed."""
        return self._trunks.get(trunk_id)

    def trunks(self) -> tuple[Trunk, ...]:
        """Every organisation's trunks, from memory."""
        return tuple(self._trunks.values())

    async def get_trunk(self, organization_id: str, trunk_id: str) -> Trunk:
        """Raises `NotFoundError`."""
        trunk = self._trunks.get(trunk_id)
        if trunk is None or trunk.organization_id != organization_id:
            raise NotFoundError(f"There is no trunk {trunk_id}.", trunk_id=trunk_id)
        return trunk

    def find_trunk_like(self, organization_id: str, new: NewTrunk) -> Trunk | None:
        """The organisation's trunk that already has these two sides."""
        for trunk in self._trunks.values():
            if trunk.organization_id == organization_id and (trunk.inbound, trunk.outbound) == (
                new.inbound,
                new.outbound,
            ):
                return trunk
        return None

    async def list_trunks(self, organization_id: str, *, limit: int = 50, offset: int = 0) -> Page[Trunk]:
        """Newest first."""
        return await self._store.trunks.list(organization_id, limit, offset)

    async def update_trunk(self, organization_id: str, trunk_id: str, **changes: Any) -> Trunk:
        """Change some fields (names as in `NewTrunk`), from the next call on. A side is replaced as a whole;
        a side without a password keeps the one of the same user, and without a private key the one of the
        same certificate.

        Raises `NotFoundError`, `InvalidRequestError` that names the field.
        """

        async def change() -> Trunk:
            old = await self.get_trunk(organization_id, trunk_id)
            if "inbound" in changes:
                changes["inbound"] = _with_password(changes["inbound"], old.inbound)
            if "outbound" in changes:
                changes["outbound"] = _with_secrets(changes["outbound"], old.outbound)
            settings = {item.name: getattr(old, item.name) for item in fields(NewTrunk)}
            new = checked_trunk(NewTrunk(**(settings | changes)))
            self._check_digest_user(new, trunk_id)
            trunk = replace(
                old,
                updated_at=datetime.now(UTC),
                **{item.name: getattr(new, item.name) for item in fields(new)},
            )
            await self._store.trunks.update(trunk)
            self._trunks[trunk.id] = trunk
            return trunk

        return await self._apply(change)

    async def delete_trunk(self, organization_id: str, trunk_id: str) -> None:
        """Remove a trunk; live calls on it go on. Raises `NotFoundError`, `ConflictError` while numbers are
        bound to it.
        """

        async def change() -> None:
            trunk = await self.get_trunk(organization_id, trunk_id)
            try:
                await self._store.trunks.delete(organization_id, trunk_id)
            except ConstraintError as error:
                raise ConflictError(
                    f"Numbers are bound to the trunk {trunk.name!r}: bind them to another one first.",
                    code="trunk_in_use",
                    trunk_id=trunk_id,
                ) from error
            del self._trunks[trunk_id]

        await self._apply(change)

    def _check_digest_user(self, new: NewTrunk, trunk_id: str) -> None:
        """A digest user is one trunk's alone, or nobody knew whose call it is."""
        username = None if new.inbound is None or new.inbound.digest is None else new.inbound.digest.username
        if username is None:
            return
        taken = {
            trunk.inbound.digest.username
            for trunk in self._trunks.values()
            if trunk.id != trunk_id and trunk.inbound is not None and trunk.inbound.digest is not None
        }
        if username in taken:
            raise ConflictError(
                f"Another trunk has the digest user {username!r}: choose another name.",
                code="auth_username_taken",
                field="inbound.auth_username",
            )

    def _own_trunk(self, organization_id: str, trunk_id: str) -> None:
        trunk = self._trunks.get(trunk_id)
        if trunk is None or trunk.organization_id != organization_id:
            raise InvalidRequestError(f"There is no trunk {trunk_id}.", field="trunk_id")


def _with_password(new: TrunkInbound | None, old: TrunkInbound | None) -> TrunkInbound | None:
    """The password of the same user stays when none is sent: it is never shown."""
    if new is None or new.digest is None or new.digest.ha1_sha256 or old is None or old.digest is None:
        return new
    return replace(new, digest=old.digest) if old.digest.username == new.digest.username else new


def _with_secrets(new: TrunkOutbound | None, old: TrunkOutbound | None) -> TrunkOutbound | None:
    """Passwords and keys are never shown, so that whoever sends back what he read does not have them."""
    if new is None or old is None:
        return new
    if new.auth_username is not None and new.auth_password is None and new.auth_username == old.auth_username:
        new = replace(new, auth_password=old.auth_password)
    tls, before = new.tls, old.tls
    if (
        tls is not None
        and before is not None
        and tls.certificate is not None
        and tls.private_key is None
        and tls.certificate == before.certificate
    ):
        new = replace(new, tls=replace(tls, private_key=before.private_key))
    return new
