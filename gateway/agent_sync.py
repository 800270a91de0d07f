"""Agents and the engine: an agent is `active` once the engine has accepted it.

A new or changed agent is offered to the engine in the background: `creating` while a draft is being offered,
`active` when the engine has it, a draft again, with the engine's own words in `sync_error`, when not. Each is
tried again with growing pauses of its own. An engine that is away or busy is tried for ever; settings that it
refuses are given up after some attempts (`failed`) until somebody changes them. Calls carry the agent's
settings themselves, so that a change counts from the next call on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic

import structlog

from gateway.background_task import BackgroundTask
from gateway.directory import Directory
from gateway.engine_request import engine_settings
from media.ultravox.agent_settings import AgentSettingsError
from media.ultravox.call_request import CallRequestError
from media.ultravox.errors import EngineApiError, EngineRefusedError
from media.ultravox.rest import EngineAgent, UltravoxClient
from store.engine_removals import EngineObject, EngineRemoval, EngineRemovalRepository
from store.records import Agent, AgentStatus

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
ATTEMPTS = 5
AT_ONCE = 4  # offers under way; a slow one delays no other


@dataclass(frozen=True, slots=True)
class _Wait:
    """When a version of an agent may be tried again, and how long to wait after that."""

    version: datetime
    due: float
    next_pause: float


class AgentSync(BackgroundTask):
    """One task that works off the directory's agents that the engine does not know yet."""

    def __init__(
        self,
        directory: Directory,
        engine: UltravoxClient,
        removals: EngineRemovalRepository,
        *,
        attempts: int = ATTEMPTS,
        first_pause_s: float = FIRST_PAUSE_S,
        leading: Callable[[], bool] = lambda: True,
    ) -> None:
        """`leading`: whether this node makes the offers; of several one does. `wake` it when that begins."""
        super().__init__("agent-sync")
        self._leading = leading
        self._first_pause_s = first_pause_s
        self._attempts = attempts
        self._directory = directory
        self._engine = engine
        self._removals = removals
        self._waits: dict[str, _Wait] = {}
        self._offers: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self.offered = asyncio.Event()  # set once each agent was offered, with success or without

    def start(self) -> None:
        self._directory.on_agent_changed = self._wake.set
        super().start()

    def wake(self) -> None:
        """Look again at what there is to offer."""
        self._wake.set()

    async def close(self) -> None:
        await super().close()
        offers = tuple(self._offers.values())
        for offer in offers:
            offer.cancel()
        await asyncio.gather(*offers, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            to_sync = self._directory.agents_to_sync() if self._leading() else []
            waiting = [agent for agent in to_sync if agent.id not in self._offers]
            self._forget_waits({agent.id for agent in waiting})
            due = [agent for agent in waiting if self._is_due(agent)]
            for agent in due[: AT_ONCE - len(self._offers)]:
                offer = asyncio.create_task(self._offer_safely(agent))
                self._offers[agent.id] = offer
            if not due and not self._offers:
                self.offered.set()
            await self._wait_for_work(waiting)

    async def _wait_for_work(self, waiting: list[Agent]) -> None:
        """Until an agent was changed, an offer has come to its end, or the next agent may be tried again."""
        idle = [agent for agent in waiting if agent.id not in self._offers]
        times = [wait.due for agent in idle if (wait := self._waits.get(agent.id)) is not None]
        full = len(self._offers) >= AT_ONCE  # then only the end of an offer can help
        timeout = max(0.0, min(times) - monotonic()) if times and not full else None
        try:
            await asyncio.wait_for(self._wake.wait(), timeout)
        except TimeoutError:
            return

    def _is_due(self, agent: Agent) -> bool:
        wait = self._waits.get(agent.id)
        return wait is None or wait.version != agent.updated_at or wait.due <= monotonic()

    def _forget_waits(self, waiting: set[str]) -> None:
        """Of agents that are settled, or gone."""
        for agent_id in [each for each in self._waits if each not in waiting and each not in self._offers]:
            del self._waits[agent_id]

    async def _offer_safely(self, agent: Agent) -> None:
        """Whatever goes wrong with one agent, a store that is away included, must not end the task."""
        try:
            settled = await self.offer(agent)
        except Exception:
            log.exception("agent_sync_failed", agent_id=agent.id)
            settled = False
        if not settled:
            wait = self._waits.get(agent.id)
            same = wait is not None and wait.version == agent.updated_at
            pause = wait.next_pause if wait is not None and same else self._first_pause_s
            longer = min(pause * 2, LONGEST_PAUSE_S)
            self._waits[agent.id] = _Wait(agent.updated_at, monotonic() + pause, longer)
        self._offers.pop(agent.id, None)
        self._wake.set()

    async def offer(self, agent: Agent) -> bool:
        """Offer one agent to the engine; false when it is worth another try."""
        if agent.status is AgentStatus.DRAFT:
            begun = await self._directory.record_sync(replace(agent, status=AgentStatus.CREATING))
            if begun is None or begun.updated_at != agent.updated_at:
                return True  # gone, or changed: the newer version is on the list itself
        try:
            engine_agent = await self._give(agent)
        except (AgentSettingsError, CallRequestError) as error:
            return await self._refused(agent, str(error), attempts=self._attempts)
        except EngineRefusedError as error:
            return await self._refused(agent, str(error), attempts=agent.sync_attempts + 1)
        except EngineApiError as error:
            if agent.sync_error != str(error):
                log.warning("agent_not_synced", agent_id=agent.id, error=str(error))
            await self._directory.record_sync(replace(agent, status=_waiting(agent), sync_error=str(error)))
            return False
        synced = replace(
            agent,
            status=AgentStatus.ACTIVE,
            sync_error=None,
            sync_pending=False,
            sync_attempts=0,
            engine_agent_id=engine_agent.agent_id,
        )
        if await self._directory.record_sync(synced) is None:
            # Deleted while it was being made: its counterpart must go as well.
            await self._removals.add(EngineRemoval(EngineObject.AGENT, engine_agent.agent_id))
            self._directory.on_engine_removal()
        return True

    async def _give(self, agent: Agent) -> EngineAgent:
        """Make the engine's agent, or bring it up to date."""
        name, settings = f"agent_{agent.id}", engine_settings(agent, self._directory.parts_of(agent))
        known = agent.engine_agent_id
        if known is None and agent.sync_error is not None:
            # An earlier attempt may have made it, though its answer was lost.
            found = await self._engine.find_agent(name)
            known = found.agent_id if found is not None else None
        if known is not None:
            try:
                return await self._engine.update_agent(known, name, settings)
            except EngineRefusedError as error:
                if error.status != 404:
                    raise
        return await self._engine.create_agent(name, settings)

    async def _refused(self, agent: Agent, why: str, *, attempts: int) -> bool:
        """The engine does not want these settings; true when it will not be asked again."""
        given_up = attempts >= self._attempts
        log.warning("agent_refused_by_engine", agent_id=agent.id, error=why, given_up=given_up)
        refused = replace(
            agent,
            status=AgentStatus.FAILED if given_up else _waiting(agent),
            sync_error=why,
            sync_pending=not given_up,
            sync_attempts=attempts,
        )
        await self._directory.record_sync(refused)
        return given_up


def _waiting(agent: Agent) -> AgentStatus:
    """The status of an agent that is still to be accepted: an active one serves calls meanwhile."""
    return AgentStatus.ACTIVE if agent.status is AgentStatus.ACTIVE else AgentStatus.DRAFT
