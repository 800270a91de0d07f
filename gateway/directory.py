"""The one owner of agents, numbers, trunks and keys.

Every change is checked, committed to the store, and then seen by routing in one step: the next `RoutingTable` takes
the place of the old one in a single assignment. A change that fails leaves both as they were. Changes run one after
the other, and a change that was begun is finished even when whoever asked for it goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from gateway.api_keys import KeyVerifier
from gateway.drafts import AgentDraft, NumberDraft, TrunkDraft
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.trunk_rules import checked_trunk
from routing.numbers import NumberRule, country_of, is_e164
from routing.table import OutboundTarget, RoutedAgent, RoutedNumber, RoutedTrunk, RoutingTable
from store import Store
from store.errors import ConstraintError
from store.identifiers import uuid7
from store.records import Agent, AgentStatus, ApiKey, Organization, Page, PhoneNumber, Trunk

T = TypeVar("T")


class AssignmentType(StrEnum):
    """Which slot of a number."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class AgentNumbers:
    """The numbers an agent answers and those it calls from."""

    inbound: tuple[PhoneNumber, ...] = ()
    outbound: tuple[PhoneNumber, ...] = ()


class Directory:
    """Reads and changes what routing depends on. `load` once before use.

    `strict_one_agent`: the two slots of a number may not hold two different agents.
    """

    def __init__(self, store: Store, *, strict_one_agent: bool = True) -> None:
        self._store = store
        self._strict_one_agent = strict_one_agent
        self._change = asyncio.Lock()
        self._agents: dict[str, Agent] = {}
        self._numbers: dict[str, PhoneNumber] = {}
        self._trunks: dict[str, Trunk] = {}
        self._table = RoutingTable.build()
        self._keys = KeyVerifier(store)
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def table(self) -> RoutingTable:
        """The routing table of this moment. It never changes: hold it for as long as one decision takes."""
        return self._table

    async def load(self) -> None:
        """Read everything from the store anew."""
        async with self._change:
            self._agents = {agent.id: agent for agent in await self._store.agents.all_agents()}
            self._numbers = {number.id: number for number in await self._store.numbers.all_numbers()}
            self._trunks = {trunk.id: trunk for trunk in await self._store.trunks.all_trunks()}
            self._swap()
