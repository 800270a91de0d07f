"""Agents in the database."""

from __future__ import annotations

import builtins
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from store.columns import (
    from_json,
    from_json_or_none,
    from_microseconds,
    to_json,
    to_json_or_none,
    to_microseconds,
)
from store.connection import Database
from store.engine_removals import EngineObject, EngineRemoval, add_removal
from store.errors import MissingRowError
from store.paging import newest_first
from store.records import Agent, AgentStatus, BrowserMode, Page
from store.tables import agents, phone_numbers, webhook_endpoints
from store.webhook_endpoints import keep_endpoint_of, remove_endpoint


class AgentRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, agent: Agent) -> None:
        """Raises `ConstraintError` when the id is taken or the organisation does not exist."""
        async with self._database.transaction() as connection:
            await connection.execute(agents.insert(), _row(agent))
            await keep_endpoint_of(connection, agent)

    async def update(self, agent: Agent) -> None:
        """Write every field. Raises `MissingRowError`."""
        statement = agents.update().where(
            agents.c.id == agent.id, agents.c.organization_id == agent.organization_id
        )
        async with self._database.transaction() as connection:
            result = await connection.execute(statement.values(_row(agent)))
            if result.rowcount == 0:
                raise MissingRowError(f"agent {agent.id}")
            await keep_endpoint_of(connection, agent)

    async def record_sync(self, synced: Agent) -> bool:
        """Write what came of offering `synced` to the engine: the engine's identifier, and its state if the
        agent has not been changed since (`updated_at`). False when the agent is gone.
        """
        mine = agents.update().where(agents.c.id == synced.id)
        async with self._database.transaction() as connection:
            found = await connection.execute(mine.values(engine_agent_id=synced.engine_agent_id))
            unchanged = mine.where(agents.c.updated_at == to_microseconds(synced.updated_at))
            await connection.execute(
                unchanged.values(
                    status=synced.status.value,
                    sync_error=synced.sync_error,
                    sync_pending=synced.sync_pending,
                    sync_attempts=synced.sync_attempts,
                )
            )
            return found.rowcount > 0

    async def delete(self, organization_id: str, agent_id: str) -> bool:
        """Delete an agent, take it out of the slots of all numbers, and have the engine's agent deleted: all
        of it or nothing. False when there is no such agent.
        """
        own = sa.and_(agents.c.id == agent_id, agents.c.organization_id == organization_id)
        async with self._database.transaction() as connection:
            query = sa.select(agents.c.engine_agent_id).where(own).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return False
            for slot in (phone_numbers.c.inbound_agent_id, phone_numbers.c.outbound_agent_id):
                freed = phone_numbers.update().where(slot == agent_id)
                now = to_microseconds(datetime.now(UTC))
                await connection.execute(freed.values({slot.name: None, "updated_at": now}))
            await remove_endpoint(connection, webhook_endpoints.c.agent_id == agent_id)
            await connection.execute(agents.delete().where(own))
            if row.engine_agent_id is not None:
                removal = EngineRemoval(EngineObject.AGENT, row.engine_agent_id)
                await add_removal(self._database, connection, removal)
            return True

    async def get(self, organization_id: str, agent_id: str) -> Agent | None:
        query = sa.select(agents).where(agents.c.id == agent_id, agents.c.organization_id == organization_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)

    async def list(
        self,
        organization_id: str,
        status: AgentStatus | None = None,
        name: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Agent]:
        """The organisation's agents, newest first; `name` is a part of the name, in any case."""
        conditions = [agents.c.organization_id == organization_id]
        if status is not None:
            conditions.append(agents.c.status == status.value)
        if name is not None:
            conditions.append(agents.c.name.icontains(name, autoescape=True))
        return await newest_first(self._database, agents, conditions, _record, limit, offset)

    async def all_agents(self) -> builtins.list[Agent]:
        """Every organisation's agents, oldest first."""
        async with self._database.reading() as connection:
            rows = (
                await connection.execute(sa.select(agents).order_by(agents.c.created_at, agents.c.id))
            ).all()
        return [_record(row) for row in rows]


def _row(agent: Agent) -> dict[str, Any]:
    return {
        "id": agent.id,
        "organization_id": agent.organization_id,
        "name": agent.name,
        "voice_id": agent.voice_id,
        "system_prompt": agent.system_prompt,
        "created_at": to_microseconds(agent.created_at),
        "updated_at": to_microseconds(agent.updated_at),
        "description": agent.description,
        "model": agent.model,
        "tools": to_json(agent.tools),
        "knowledge_bases": to_json(agent.knowledge_bases),
        "temperature": agent.temperature,
        "recording_enabled": agent.recording_enabled,
        "language_hint": agent.language_hint,
        "join_timeout_ms": agent.join_timeout_ms,
        "browser_mode": agent.browser_mode.value,
        "max_duration_ms": agent.max_duration_ms,
        "time_exceeded_message": agent.time_exceeded_message,
        "greeting_settings": to_json_or_none(agent.greeting_settings),
        "inactivity_messages": to_json(agent.inactivity_messages),
        "vad_settings": to_json_or_none(agent.vad_settings),
        "built_in_config": to_json_or_none(agent.built_in_config),
        "success_criteria": agent.success_criteria,
        "extraction_schema": to_json_or_none(agent.extraction_schema),
        "crm_webhook_url": agent.crm_webhook_url,
        "crm_webhook_secret": agent.crm_webhook_secret,
        "status": agent.status.value,
        "sync_error": agent.sync_error,
        "engine_agent_id": agent.engine_agent_id,
        "sync_pending": agent.sync_pending,
        "sync_attempts": agent.sync_attempts,
    }


def _record(row: sa.Row[Any]) -> Agent:
    return Agent(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        voice_id=row.voice_id,
        system_prompt=row.system_prompt,
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
        description=row.description,
        model=row.model,
        tools=tuple(from_json(row.tools)),
        knowledge_bases=tuple(from_json(row.knowledge_bases)),
        temperature=row.temperature,
        recording_enabled=row.recording_enabled,
        language_hint=row.language_hint,
        join_timeout_ms=row.join_timeout_ms,
        browser_mode=BrowserMode(row.browser_mode),
        max_duration_ms=row.max_duration_ms,
        time_exceeded_message=row.time_exceeded_message,
        greeting_settings=from_json_or_none(row.greeting_settings),
        inactivity_messages=tuple(from_json(row.inactivity_messages)),
        vad_settings=from_json_or_none(row.vad_settings),
        built_in_config=from_json_or_none(row.built_in_config),
        success_criteria=row.success_criteria,
        extraction_schema=from_json_or_none(row.extraction_schema),
        crm_webhook_url=row.crm_webhook_url,
        crm_webhook_secret=row.crm_webhook_secret,
        status=AgentStatus(row.status),
        sync_error=row.sync_error,
        engine_agent_id=row.engine_agent_id,
        sync_pending=row.sync_pending,
        sync_attempts=row.sync_attempts,
    )
