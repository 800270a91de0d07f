"""API keys in the database. The secret itself is never stored, only its SHA-256 digest.

A fast digest is enough because the secret has 256 random bits: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from store.columns import (
    from_json_or_none,
    from_microseconds,
    from_microseconds_or_none,
    to_json,
    to_microseconds,
    to_microseconds_or_none,
)
from store.connection import Database
from store.identifiers import uuid7
from store.records import ApiKey
from store.tables import api_keys
from store.user_records import Role

SECRET_PREFIX = "truedy_"
SHOWN_CHARACTERS = 12


def new_secret() -> str:
    """A fresh bearer secret: `truedy_` and 43 URL-safe characters (256 random bits)."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """The SHA-256 of a secret, 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class KeyRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        organization_id: str,
        name: str,
        *,
        secret: str | None = None,
        key_id: str | None = None,
        allowed_addresses: tuple[str, ...] = (),
        role: Role = Role.ADMIN,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which cannot be had again. Raises `ConstraintError`."""
        secret = secret or new_secret()
        key = ApiKey(
            id=key_id or uuid7(),
            organization_id=organization_id,
            name=name,
            prefix=secret[:SHOWN_CHARACTERS],
            secret_hash=hash_secret(secret),
            created_at=datetime.now(UTC),
            allowed_addresses=allowed_addresses,
            role=role,
        )
        async with self._database.transaction() as connection:
            await connection.execute(api_keys.insert(), _row(key))
        return key, secret

    async def find_by_secret_hash(self, secret_hash: str) -> ApiKey | None:
        """The key of this digest, revoked or not."""
        query = sa.select(api_keys).where(api_keys.c.secret_hash == secret_hash)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)

    async def revoke(self, organization_id: str, key_id: str) -> bool:
        """Whether there was such a key that was still good."""
        statement = (
            api_keys.update()
            .where(
                api_keys.c.id == key_id,
                api_keys.c.organization_id == organization_id,
                api_keys.c.revoked_at.is_(None),
            )
            .values(revoked_at=to_microseconds(datetime.now(UTC)))
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def list(self, organization_id: str) -> list[ApiKey]:
        """The organisation's keys, newest first, revoked ones too."""
        query = (
            sa.select(api_keys)
            .where(api_keys.c.organization_id == organization_id)
            .order_by(api_keys.c.created_at.desc(), api_keys.c.id.desc())
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [_record(row) for row in rows]


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "organization_id": key.organization_id,
        "name": key.name,
        "prefix": key.prefix,
        "secret_hash": key.secret_hash,
        "created_at": to_microseconds(key.created_at),
        "revoked_at": to_microseconds_or_none(key.revoked_at),
        "allowed_addresses": to_json(key.allowed_addresses) if key.allowed_addresses else None,
        "role": key.role.value,
    }


def _record(row: sa.Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        prefix=row.prefix,
        secret_hash=row.secret_hash,
        created_at=from_microseconds(row.created_at),
        revoked_at=from_microseconds_or_none(row.revoked_at),
        allowed_addresses=tuple(from_json_or_none(row.allowed_addresses) or ()),
        role=Role(row.role),
    )
