"""Users in the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.columns import (
    from_microseconds,
    from_microseconds_or_none,
    to_microseconds,
    to_microseconds_or_none,
)
from store.connection import Database
from store.records import Page
from store.tables import users
from store.user_records import Role, User


class UserRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user: User) -> None:
        """Raises `ConstraintError` when the name is taken."""
        async with self._database.transaction() as connection:
            await connection.execute(users.insert(), _row(user))

    async def find_by_username(self, username: str) -> User | None:
        return await self._one(users.c.username == username)

    async def get(self, organization_id: str, user_id: str) -> User | None:
        return await self._one((users.c.id == user_id) & (users.c.organization_id == organization_id))

    async def update(self, user: User) -> bool:
        """Write role and password; whether the user was still there."""
        statement = (
            users.update()
            .where(users.c.id == user.id)
            .values(
                role=user.role.value,
                password_hash=user.password_hash,
                updated_at=to_microseconds(user.updated_at),
            )
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def signed_in(self, user_id: str, at: datetime) -> None:
        """Note when a user was last let in."""
        statement = users.update().where(users.c.id == user_id).values(last_sign_in_at=to_microseconds(at))
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def delete(self, organization_id: str, user_id: str) -> bool:
        """Whether there was such a user; the sessions go too."""
        statement = users.delete().where(users.c.id == user_id, users.c.organization_id == organization_id)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def list(self, organization_id: str, limit: int, offset: int) -> Page[User]:
        """By name."""
        own = users.c.organization_id == organization_id
        query = sa.select(users).where(own).order_by(users.c.username).limit(limit).offset(offset)
        async with self._database.reading() as connection:
            total = (await connection.execute(sa.select(sa.func.count()).where(own))).scalar_one()
            rows = (await connection.execute(query)).all()
        return Page(tuple(_record(row) for row in rows), total, limit, offset)

    async def _one(self, condition: sa.ColumnElement[bool]) -> User | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(sa.select(users).where(condition))).one_or_none()
        return None if row is None else _record(row)


def _row(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "organization_id": user.organization_id,
        "username": user.username,
        "password_hash": user.password_hash,
        "role": user.role.value,
        "created_at": to_microseconds(user.created_at),
        "updated_at": to_microseconds(user.updated_at),
        "last_sign_in_at": to_microseconds_or_none(user.last_sign_in_at),
    }


def _record(row: sa.Row[Any]) -> User:
    return User(
        id=row.id,
        organization_id=row.organization_id,
        username=row.username,
        password_hash=row.password_hash,
        role=Role(row.role),
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
        last_sign_in_at=from_microseconds_or_none(row.last_sign_in_at),
    )
