"""Voices, tools and knowledge bases, as agents refer to them: what there is, and who uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from gateway.accounts import Accounts
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.new_tool import NewTool
from store.agent_part_records import KnowledgeBase, Tool, Voice
from store.agent_parts import PartRepository, corpus_removal
from store.database import Store
from store.identifiers import uuid7
from store.records import Agent, Page

P = TypeVar("P", Voice, Tool, KnowledgeBase)


@dataclass(frozen=True, slots=True)
class AgentParts:
    """What an agent refers to, at one moment. `voice` is None when it is one of the engine's own."""

    voice: Voice | None = None
    tools: tuple[Tool, ...] = ()
    knowledge_base: KnowledgeBase | None = None


class PartDirectory(Accounts):
    """The parts of all organisations, in memory, so that a call finds those of its agent without a wait."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._agents: dict[str, Agent] = {}
        self.on_engine_removal: Callable[[], None] = nothing  # something of ours at the engine is to go
        self._voices: dict[str, Voice] = {}
        self._tools: dict[str, Tool] = {}
        self._knowledge_bases: dict[str, KnowledgeBase] = {}

    async def _load_parts(self) -> None:
        parts = self._store.agent_parts
        self._voices = {voice.id: voice for voice in await parts.voices.all()}
        self._tools = {tool.id: tool for tool in await parts.tools.all()}
        self._knowledge_bases = {base.id: base for base in await parts.knowledge_bases.all()}

    def parts_of(self, agent: Agent) -> AgentParts:
        """What an agent refers to. What was deleted behind its back is left out."""
        bases = [self._knowledge_bases.get(each) for each in agent.knowledge_bases]
        return AgentParts(
            voice=self._voices.get(agent.voice_id),
            tools=tuple(self._tools[each] for each in agent.tools if each in self._tools),
            knowledge_base=next((base for base in bases if base is not None), None),
        )

    def _check_parts(self, organization_id: str, changes: Mapping[str, Any]) -> None:
        """What an agent is to refer to exists, and its tools can be told apart. Raises
        `InvalidRequestError` that names the field.
        """
        names: set[str] = set()
        for place, tool_id in enumerate(changes.get("tools", ())):
            tool = self._tools.get(tool_id)
            if tool is None or tool.organization_id != organization_id:
                raise InvalidRequestError(f"There is no tool {tool_id}.", field=f"tools.{place}")
            if tool.model_tool_name in names:
                raise InvalidRequestError(
                    f"Two tools of an agent may not both be named {tool.model_tool_name}.",
                    field=f"tools.{place}",
                )
            names.add(tool.model_tool_name)
        for place, base_id in enumerate(changes.get("knowledge_bases", ())):
            base = self._knowledge_bases.get(base_id)
            if base is None or base.organization_id != organization_id:
                raise InvalidRequestError(
                    f"There is no knowledge base {base_id}.", field=f"knowledge_bases.{place}"
                )

    # --- voices

    async def add_voice(self, voice: Voice) -> Voice:
        """Raises `ConflictError` when the organisation has imported it already."""
        await self._add(self._store.agent_parts.voices, self._voices, voice, "voice_exists")
        return voice

    def voice(self, voice_id: str) -> Voice | None:
        """An imported voice, whosoever it is."""
        return self._voices.get(voice_id)

    async def remove_voice(self, organization_id: str, voice_id: str) -> None:
        """Raises `NotFoundError`; `ConflictError` while an agent speaks with it."""

        async def change() -> None:
            _own(self._voices, organization_id, voice_id, "voice")
            self._not_used("voice", (agent.id for agent in self._users(organization_id, voice_id)))
            await self._store.agent_parts.voices.delete(organization_id, voice_id)
            del self._voices[voice_id]

        await self._apply(change)

    # --- tools

    async def create_tool(self, organization_id: str, new: NewTool, *, tool_id: str | None = None) -> Tool:
        """Raises `ConflictError` when the id is taken."""
        tool = _tool(organization_id, tool_id or uuid7(), new, datetime.now(UTC))
        await self._add(self._store.agent_parts.tools, self._tools, tool, "tool_exists")
        return tool

    async def replace_tool(self, organization_id: str, tool_id: str, new: NewTool) -> Tool:
        """Calls from now on have the new one. Raises `NotFoundError`, and `ConflictError` when an agent that
        has it has another tool of the new name.
        """

        async def change() -> Tool:
            old = _own(self._tools, organization_id, tool_id, "tool")
            tool = replace(_tool(organization_id, tool_id, new, old.created_at), updated_at=datetime.now(UTC))
            for agent in self._users(organization_id, tool_id):
                others = (
                    self._tools[each] for each in agent.tools if each in self._tools and each != tool_id
                )
                if any(other.model_tool_name == tool.model_tool_name for other in others):
                    raise ConflictError(
                        f"An agent that has this tool has another one named {tool.model_tool_name}.",
                        code="tool_name_taken",
                        agent_id=agent.id,
                    )
            await self._store.agent_parts.tools.update(tool)
            self._tools[tool_id] = tool
            return tool

        return await self._apply(change)

    async def get_tool(self, organization_id: str, tool_id: str) -> Tool:
        """Raises `NotFoundError`."""
        return _own(self._tools, organization_id, tool_id, "tool")

    async def list_tools(
        self, organization_id: str, *, name: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Tool]:
        """Newest first."""
        return await self._store.agent_parts.tools.list(organization_id, limit, offset, name)

    async def remove_tool(self, organization_id: str, tool_id: str) -> None:
        """Raises `NotFoundError`; `ConflictError` while an agent has it."""

        async def change() -> None:
            _own(self._tools, organization_id, tool_id, "tool")
            self._not_used("tool", (agent.id for agent in self._users(organization_id, tool_id)))
            await self._store.agent_parts.tools.delete(organization_id, tool_id)
            del self._tools[tool_id]

        await self._apply(change)

    # --- knowledge bases

    async def add_knowledge_base(self, base: KnowledgeBase) -> KnowledgeBase:
        """Raises `ConflictError` when the id is taken."""
        parts = self._store.agent_parts
        await self._add(parts.knowledge_bases, self._knowledge_bases, base, "knowledge_base_exists")
        return base

    async def get_knowledge_base(self, organization_id: str, base_id: str) -> KnowledgeBase:
        """Raises `NotFoundError`."""
        return _own(self._knowledge_bases, organization_id, base_id, "knowledge base")

    async def list_knowledge_bases(
        self, organization_id: str, *, name: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[KnowledgeBase]:
        """Newest first."""
        return await self._store.agent_parts.knowledge_bases.list(organization_id, limit, offset, name)

    async def remove_knowledge_base(self, organization_id: str, base_id: str) -> None:
        """Its documents at the engine go too. Raises `NotFoundError`; `ConflictError` while an agent has
        it.
        """

        async def change() -> None:
            base = _own(self._knowledge_bases, organization_id, base_id, "knowledge base")
            self._not_used("knowledge base", (agent.id for agent in self._users(organization_id, base_id)))
            await self._store.agent_parts.knowledge_bases.delete(
                organization_id, base_id, corpus_removal(base)
            )
            del self._knowledge_bases[base_id]

        await self._apply(change)
        self.on_engine_removal()

    # --- inside

    async def _add(self, repository: PartRepository[P], held: dict[str, P], part: P, exists: str) -> None:
        async def change() -> None:
            await repository.create(part)
            held[part.id] = part

        await self._apply(change, exists)

    def _users(self, organization_id: str, part_id: str) -> Iterator[Agent]:
        """The agents that refer to a part."""
        for agent in self._agents.values():
            if agent.organization_id == organization_id and (
                part_id == agent.voice_id or part_id in agent.tools or part_id in agent.knowledge_bases
            ):
                yield agent

    def _not_used(self, kind: str, users: Iterator[str]) -> None:
        agent_ids = list(users)
        if agent_ids:
            raise ConflictError(
                f"The {kind} is used by {len(agent_ids)} agents; change them first.",
                code=f"{kind.replace(' ', '_')}_in_use",
                agent_ids=agent_ids[:10],
            )


def _tool(organization_id: str, tool_id: str, new: NewTool, created_at: datetime) -> Tool:
    settings = {item.name: getattr(new, item.name) for item in fields(new)}
    return Tool(
        id=tool_id,
        organization_id=organization_id,
        created_at=created_at,
        updated_at=created_at,
        **settings,
    )


def nothing() -> None:
    """Nobody wants to be told."""


def _own(held: Mapping[str, P], organization_id: str, part_id: str, kind: str) -> P:
    part = held.get(part_id)
    if part is None or part.organization_id != organization_id:
        raise NotFoundError(f"There is no {kind} {part_id}.", id=part_id)
    return part
