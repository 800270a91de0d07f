"""Agents: made, changed, read, and how far the engine knows each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.agent_parts import PartDirectory, nothing
from gateway.errors import InvalidRequestError, NotFoundError
from gateway.new_agent import NewAgent
from gateway.new_tool import NewTool
from store.agent_part_records import Tool
from store.database import Store
from store.identifiers import uuid7
from store.records import Agent, AgentStatus, Page

_TICK = timedelta(microseconds=1)


class AgentDirectory(PartDirectory):
    """The agents of all organisations, in memory. `gateway.directory.Directory` adds what they are reached
    by.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.on_agent_changed: Callable[[], None] = nothing  # there is something in `agents_to_sync`

    async def create_agent(
        self,
        organization_id: str,
        new: NewAgent,
        *,
        agent_id: str | None = None,
        status: AgentStatus = AgentStatus.DRAFT,
    ) -> Agent:
        """A draft until the engine has accepted it (`record_sync`). Raises `ConflictError` (id taken), and
        `InvalidRequestError` for tools and knowledge bases that there are not.
        """
        now = datetime.now(UTC)
        agent = Agent(
            id=agent_id or uuid7(),
            organization_id=organization_id,
            created_at=now,
            updated_at=now,
            status=status,
            sync_pending=status in (AgentStatus.DRAFT, AgentStatus.CREATING),
            **_settings(new),
        )

        async def change() -> Agent:
            self._check_parts(organization_id, _settings(new))
            await self._store.agents.create(agent)
            self._agents[agent.id] = agent
            return agent

        await self._apply(change, "agent_exists")
        self.on_agent_changed()
        return agent

    async def replace_agent(self, organization_id: str, agent_id: str, new: NewAgent) -> Agent:
        """Put all settings in place of the old ones. Raises `NotFoundError`."""
        return await self.update_agent(organization_id, agent_id, **_settings(new))

    async def update_agent(self, organization_id: str, agent_id: str, **changes: Any) -> Agent:
        """Change some fields (names as in `NewAgent`). Raises `NotFoundError`, `InvalidRequestError`.

        The agent is offered to the engine again. An active one stays active meanwhile, because each call
        carries the agent's settings; any other becomes a draft.
        """

        async def change() -> Agent:
            old = self._own_agent(organization_id, agent_id)
            self._check_parts(organization_id, changes)
            status = old.status if old.status is AgentStatus.ACTIVE else AgentStatus.DRAFT
            state: dict[str, Any] = {"status": status, "sync_pending": True, "sync_attempts": 0}
            # Each version has a time of its own: by it a sync knows what it has offered.
            updated_at = max(datetime.now(UTC), old.updated_at + _TICK)
            return await self._save_agent(replace(old, **state | changes, updated_at=updated_at))

        agent = await self._apply(change)
        self.on_agent_changed()
        return agent

    async def replace_tool(self, organization_id: str, tool_id: str, new: NewTool) -> Tool:
        """As `PartDirectory.replace_tool`; the agents that have it are offered to the engine again."""
        tool = await super().replace_tool(organization_id, tool_id, new)
        for agent in tuple(self._users(organization_id, tool_id)):
            await self.update_agent(organization_id, agent.id)
        return tool

    def agents_to_sync(self) -> list[Agent]:
        """The agents whose settings the engine has neither accepted nor finally refused, oldest first."""
        return [agent for agent in self._agents.values() if agent.sync_pending]

    async def record_sync(self, synced: Agent) -> Agent | None:
        """Keep what comes of offering an agent to the engine: status, error, number of refusals, and the
        engine's identifier.

        Of an agent that was changed meanwhile only the identifier is kept. `None` when it is gone.
        """

        async def change() -> Agent | None:
            now = self._agents.get(synced.id)
            if now is None or not await self._store.agents.record_sync(synced):
                return None
            known = replace(now, engine_agent_id=synced.engine_agent_id)
            if now.updated_at == synced.updated_at:
                known = replace(
                    known,
                    status=synced.status,
                    sync_error=synced.sync_error,
                    sync_pending=synced.sync_pending,
                    sync_attempts=synced.sync_attempts,
                )
            self._agents[known.id] = known
            return known

        return await self._apply(change)

    def agent(self, agent_id: str) -> Agent | None:
        """From memory, whosoever it is: for calls that routing has placed."""
        return self._agents.get(agent_id)

    async def get_agent(self, organization_id: str, agent_id: str) -> Agent:
        """Raises `NotFoundError`, for another organisation's agent too."""
        return self._own_agent(organization_id, agent_id)

    async def get_active_agent(self, organization_id: str, agent_id: str) -> Agent:
        """One that calls can be had with now. Raises `NotFoundError`; `InvalidRequestError` when it is not
        active.
        """
        agent = self._own_agent(organization_id, agent_id)
        if agent.status is not AgentStatus.ACTIVE:
            reason = agent.sync_error or "the voice engine does not have it yet"
            raise InvalidRequestError(
                f"The agent is {agent.status}, not active: {reason}",
                code="agent_not_active",
                field="agent_id",
                agent_id=agent.id,
                status=str(agent.status),
            )
        return agent

    async def list_agents(
        self,
        organization_id: str,
        *,
        status: AgentStatus | None = None,
        name: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Agent]:
        """Newest first; `name` is a part of the name, in any case."""
        return await self._store.agents.list(organization_id, status, name, limit, offset)

    async def _save_agent(self, agent: Agent) -> Agent:
        await self._store.agents.update(agent)
        self._agents[agent.id] = agent
        return agent

    def _own_agent(self, organization_id: str, agent_id: str) -> Agent:
        agent = self._agents.get(agent_id)
        if agent is None or agent.organization_id != organization_id:
            raise NotFoundError(f"There is no agent {agent_id}.", agent_id=agent_id)
        return agent


def _settings(new: NewAgent) -> dict[str, Any]:
    return {item.name: getattr(new, item.name) for item in fields(new)}
