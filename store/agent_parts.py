"""Voices, tools and knowledge bases in the database."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from store.agent_part_records import KnowledgeBase, KnowledgeSource, Tool, ToolKind, Voice
from store.columns import from_json, from_microseconds, to_json, to_microseconds
from store.connection import Database
from store.engine_removals import EngineObject, EngineRemoval, add_removal
from store.paging import newest_first
from store.records import Page
from store.tables import knowledge_bases, tools, voices

Part = TypeVar("Part", Voice, Tool, KnowledgeBase)


class PartRepository(Generic[Part]):
    """One kind of part: a table whose columns are the record's fields."""

    def __init__(self, database: Database, table: sa.Table, record: Callable[[sa.Row[Any]], Part]) -> None:
        self._database = database
        self._table = table
        self._record: Callable[[sa.Row[Any]], Part] = record

    async def create(self, part: Part) -> None:
        """Raises `ConstraintError` when it exists already."""
        async with self._database.transaction() as connection:
            await connection.execute(self._table.insert(), _row(part))

    async def update(self, part: Part) -> None:
        """Write every field."""
        own = self._own(part.organization_id, part.id)
        async with self._database.transaction() as connection:
            await connection.execute(self._table.update().where(own).values(_row(part)))

    async def delete(self, organization_id: str, part_id: str, removal: EngineRemoval | None = None) -> bool:
        """Delete it, and put its counterpart at the engine on the list of what is to go. Whether there was
        one.
        """
        async with self._database.transaction() as connection:
            own = self._own(organization_id, part_id)
            found = (await connection.execute(self._table.delete().where(own))).rowcount > 0
            if found and removal is not None:
                await add_removal(self._database, connection, removal)
            return found

    async def list(
        self, organization_id: str, limit: int = 50, offset: int = 0, name: str | None = None
    ) -> Page[Part]:
        """The organisation's, newest first; `name` is a part of the name, in any case."""
        table = self._table
        conditions = [table.c.organization_id == organization_id]
        if name is not None:
            conditions.append(table.c.name.icontains(name, autoescape=True))
        return await newest_first(self._database, table, conditions, self._record, limit, offset)

    async def all(self) -> builtins.list[Part]:
        """Every organisation's, oldest first."""
        query = sa.select(self._table).order_by(self._table.c.created_at, self._table.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [self._record(row) for row in rows]

    def _own(self, organization_id: str, part_id: str) -> sa.ColumnElement[bool]:
        return sa.and_(self._table.c.id == part_id, self._table.c.organization_id == organization_id)


class AgentPartRepositories:
    """The three of them."""

    def __init__(self, database: Database) -> None:
        self.voices = PartRepository(database, voices, _voice)
        self.tools = PartRepository(database, tools, _tool)
        self.knowledge_bases = PartRepository(database, knowledge_bases, _knowledge_base)


def corpus_removal(base: KnowledgeBase) -> EngineRemoval:
    """What is to go at the engine with a knowledge base."""
    return EngineRemoval(EngineObject.CORPUS, base.corpus_id)


_JSON = frozenset({"dynamic_parameters", "static_parameters", "sources"})
_TIMES = frozenset({"created_at", "updated_at"})


def _row(part: Voice | Tool | KnowledgeBase) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for item in fields(part):
        value = getattr(part, item.name)
        if item.name in _JSON:
            value = to_json(value)
        elif item.name in _TIMES:
            value = to_microseconds(value)
        row[item.name] = value
    return row


def _voice(row: sa.Row[Any]) -> Voice:
    return Voice(**_values(row))


def _tool(row: sa.Row[Any]) -> Tool:
    values = _values(row)
    for name in ("dynamic_parameters", "static_parameters"):
        values[name] = tuple(values[name])
    return Tool(**values | {"kind": ToolKind(row.kind)})


def _knowledge_base(row: sa.Row[Any]) -> KnowledgeBase:
    values = _values(row)
    sources = msgspec.convert(values["sources"], Sequence[KnowledgeSource])
    return KnowledgeBase(**values | {"sources": tuple(sources)})


def _values(row: sa.Row[Any]) -> dict[str, Any]:
    values = dict(row._mapping)
    for name, value in values.items():
        if name in _JSON:
            values[name] = from_json(value)
        elif name in _TIMES:
            values[name] = from_microseconds(value)
    return values
