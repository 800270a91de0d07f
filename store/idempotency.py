"""Remembered answers to requests with an idempotency key: a retry gets the first answer, nothing is repeated.

The scope is organisation, method and path. A key whose request never finished (the process died) stays
`RUNNING` until it expires: whether it took effect is not known, and dialling twice is worse than refusing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from store.columns import from_json, to_json, to_microseconds
from store.connection import Database
from store.errors import MissingRowError
from store.tables import idempotency_keys as keys

TIME_TO_LIVE = timedelta(hours=24)


class IdempotencyPhase(StrEnum):
    NEW = "new"  # the caller owns the key now: it ends with `complete` or `forget`
    RUNNING = "running"  # an earlier request with this key has not finished
    COMPLETED = "completed"  # the answer is here
    CONFLICT = "conflict"  # the key was used with another body


@dataclass(frozen=True, slots=True)
class IdempotencyState:
    """What is known of a key; `status`, `headers` and `body` only when completed."""

    phase: IdempotencyPhase
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class IdempotencyRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, scope: str, key: str, body_hash: str, now: datetime) -> IdempotencyState:
        """Claim the key, or learn what became of it. Of two callers at once exactly one gets `NEW`."""
        this = (keys.c.scope == scope, keys.c.key == key)
        claim = (
            self._database.insert(keys)
            .values(
                scope=scope,
                key=key,
                body_hash=body_hash,
                created_at=to_microseconds(now),
                expires_at=to_microseconds(now + TIME_TO_LIVE),
            )
            .on_conflict_do_nothing()
        )
        async with self._database.transaction() as connection:
            await connection.execute(keys.delete().where(*this, keys.c.expires_at <= to_microseconds(now)))
            if (await connection.execute(claim)).rowcount == 1:
                return IdempotencyState(IdempotencyPhase.NEW)
            row = (await connection.execute(sa.select(keys).where(*this))).one()
        if row.body_hash != body_hash:
            return IdempotencyState(IdempotencyPhase.CONFLICT)
        if row.status is None:
            return IdempotencyState(IdempotencyPhase.RUNNING)
        return IdempotencyState(
            IdempotencyPhase.COMPLETED, row.status, from_json(row.headers), bytes(row.body)
        )

    async def complete(
        self, scope: str, key: str, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Remember the answer of a claimed key. Raises `MissingRowError` when it is not claimed."""
        statement = (
            keys.update()
            .where(keys.c.scope == scope, keys.c.key == key)
            .values(status=status, body=body, headers=to_json(dict(headers or {})))
        )
        async with self._database.transaction() as connection:
            if (await connection.execute(statement)).rowcount == 0:
                raise MissingRowError(f"idempotency key {key!r}")

    async def forget(self, scope: str, key: str) -> None:
        """Give the key back: the request did nothing, a retry may run."""
        async with self._database.transaction() as connection:
            await connection.execute(keys.delete().where(keys.c.scope == scope, keys.c.key == key))

    async def prune(self, now: datetime) -> int:
        """Remove what has expired; how many rows that were."""
        statement = keys.delete().where(keys.c.expires_at <= to_microseconds(now))
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount
