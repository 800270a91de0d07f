"""Sessions in the database, found by the hash of their cookie's secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.columns import from_json_or_none, from_microseconds, to_microseconds
from store.connection import Database
from store.records import Page
from store.tables import api_keys, sessions, users
from store.user_records import Role, Session, SignedIn

_SIGNED_IN = sa.select(
    sessions,
    users.c.username,
    users.c.role.label("user_role"),
    api_keys.c.name.label("key_name"),
    api_keys.c.role.label("key_role"),
    api_keys.c.allowed_addresses,
).select_from(sessions.outerjoin(users).outerjoin(api_keys, api_keys.c.id == sessions.c.api_key_id))

# A session of a key is good for as long as the key is.
_IN_FORCE = sa.or_(
    sessions.c.user_id.is_not(None),
    sa.and_(sessions.c.api_key_id.is_not(None), api_keys.c.revoked_at.is_(None)),
)


class SessionRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, session: Session) -> None:
        """Raises `ConstraintError` when its user or key is gone."""
        async with self._database.transaction() as connection:
            await connection.execute(sessions.insert(), _row(session))

    async def find_by_token_hash(self, token_hash: str) -> SignedIn | None:
        """The session whose user or key is still there, expired or not."""
        query = _SIGNED_IN.where(sessions.c.token_hash == token_hash, _IN_FORCE)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)

    async def seen(self, session_id: str, at: datetime) -> None:
        """Note that something was heard of it."""
        statement = sessions.update().where(sessions.c.id == session_id).values(seen_at=to_microseconds(at))
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def list(
        self,
        organization_id: str,
        limit: int,
        offset: int,
        *,
        seen_after: datetime,
        now: datetime,
        user_id: str | None = None,
        session_id: str | None = None,
    ) -> Page[SignedIn]:
        """Those that are good, newest first; of one user, or one alone."""
        wanted = [
            sessions.c.organization_id == organization_id,
            sessions.c.seen_at > to_microseconds(seen_after),
            sessions.c.expires_at > to_microseconds(now),
            _IN_FORCE,
        ]
        if user_id is not None:
            wanted.append(sessions.c.user_id == user_id)
        if session_id is not None:
            wanted.append(sessions.c.id == session_id)
        query = _SIGNED_IN.where(*wanted)
        count = sa.select(sa.func.count()).select_from(query.subquery())
        query = query.order_by(sessions.c.created_at.desc(), sessions.c.id.desc()).limit(limit).offset(offset)
        async with self._database.reading() as connection:
            total = (await connection.execute(count)).scalar_one()
            rows = (await connection.execute(query)).all()
        return Page(tuple(_record(row) for row in rows), total, limit, offset)

    async def delete(self, organization_id: str, session_id: str) -> bool:
        """Whether there was such a session."""
        return (
            await self._delete(
                sessions.c.id == session_id,
                sessions.c.organization_id == organization_id,
            )
            > 0
        )

    async def delete_of_user(self, user_id: str, *, but: str | None = None) -> int:
        """All sessions of a user, or all `but` one; how many there were."""
        other = [sessions.c.id != but] if but is not None else []
        return await self._delete(sessions.c.user_id == user_id, *other)

    async def prune(self, now: datetime, seen_before: datetime) -> int:
        """Forget those that are over; how many there were."""
        return await self._delete(
            sa.or_(
                sessions.c.expires_at <= to_microseconds(now),
                sessions.c.seen_at <= to_microseconds(seen_before),
            )
        )

    async def _delete(self, *conditions: sa.ColumnElement[bool]) -> int:
        async with self._database.transaction() as connection:
            return (await connection.execute(sessions.delete().where(*conditions))).rowcount


def _row(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "organization_id": session.organization_id,
        "user_id": session.user_id,
        "api_key_id": session.api_key_id,
        "token_hash": session.token_hash,
        "address": session.address,
        "user_agent": session.user_agent,
        "created_at": to_microseconds(session.created_at),
        "seen_at": to_microseconds(session.seen_at),
        "expires_at": to_microseconds(session.expires_at),
    }


def _record(row: sa.Row[Any]) -> SignedIn:
    session = Session(
        id=row.id,
        organization_id=row.organization_id,
        token_hash=row.token_hash,
        created_at=from_microseconds(row.created_at),
        seen_at=from_microseconds(row.seen_at),
        expires_at=from_microseconds(row.expires_at),
        user_id=row.user_id,
        api_key_id=row.api_key_id,
        address=row.address,
        user_agent=row.user_agent,
    )
    if session.user_id is not None:
        return SignedIn(session, row.username, Role(row.user_role))
    networks = tuple(from_json_or_none(row.allowed_addresses) or ())
    return SignedIn(session, row.key_name, Role(row.key_role), networks)
