"""Agents and the engine: an agent is `active` once the engine has accepted it.

A new or changed agent is a `draft`; this task offers it to the engine, tries again with growing pauses
while the engine is away, and leaves the engine's own words in `sync_error` when it refuses. Calls carry the
agent's settings themselves, so that a change counts from the next call on.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from gateway.background_task import BackgroundTask
from gateway.directory import Directory
from gateway.engine_request import engine_settings
from media.ultravox.agent_settings import AgentSettingsError
from media.ultravox.call_request import CallRequestError
from media.ultravox.errors import EngineApiError, EngineRefusedError
from media.ultravox.rest import UltravoxClient
from store.records import Agent, AgentStatus

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


class AgentSync(BackgroundTask):
    """One task that works off the directory's agents that the engine does not know yet."""

    def __init__(
        self, directory: Directory, engine: UltravoxClient, *, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        super().__init__("agent-sync")
        self._first_pause_s = first_pause_s
        self._directory = directory
        self._engine = engine
        self._wake = asyncio.Event()
        self.offered = asyncio.Event()  # set once each agent was offered, with success or without

    def start(self) -> None:
        self._directory.on_agent_changed = self._wake.set
        super().start()

    async def _run(self) -> None:
        pause = self._first_pause_s
        while True:
            self._wake.clear()
            failed = False
            for agent in self._directory.agents_to_sync():
                failed = not await self._offer_safely(agent) or failed
            self.offered.set()
            if failed:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                pause = self._first_pause_s
                await self._wake.wait()

    async def _offer_safely(self, agent: Agent) -> bool:
        """Whatever goes wrong with one agent, a store that is away included, must not end the task."""
        try:
            return await self.offer(agent)
        except Exception:
            log.exception("agent_sync_failed", agent_id=agent.id)
            return False

    async def offer(self, agent: Agent) -> bool:
        """Offer one agent to the engine; false when it is worth another try."""
        try:
            engine_agent = await self._engine.create_agent(f"agent_{agent.id}", engine_settings(agent))
        except (EngineRefusedError, AgentSettingsError, CallRequestError) as error:
            log.warning("agent_refused_by_engine", agent_id=agent.id, error=str(error))
            await self._settle(agent, AgentStatus.FAILED, str(error), None)
            return True
        except EngineApiError as error:
            if agent.sync_error != str(error):
                log.warning("agent_not_synced", agent_id=agent.id, error=str(error))
                await self._settle(agent, AgentStatus.DRAFT, str(error), None)
            return False
        await self._settle(agent, AgentStatus.ACTIVE, None, engine_agent.agent_id)
        return True

    async def _settle(
        self, agent: Agent, status: AgentStatus, error: str | None, engine_agent_id: str | None
    ) -> None:
        changed = replace(agent, status=status, sync_error=error, engine_agent_id=engine_agent_id)
        await self._directory.record_sync(changed)
