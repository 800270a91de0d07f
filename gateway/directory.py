"""The one owner of agents, numbers, trunks and keys.

Every change is checked, committed to the store, and then seen by routing in one step: the next
`RoutingTable` takes the place of the old one in a single assignment. A change that fails leaves both as
they were. Changes run one after the other, and a change that was begun is finished even when whoever asked
for it goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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

    # --- organisations and keys

    async def create_organization(self, name: str, *, organization_id: str | None = None) -> Organization:
        """Raises `ConflictError` when the id is taken."""
        organization = Organization(organization_id or uuid7(), name, _now())
        await self._apply(lambda: self._store.organizations.create(organization), "organization_exists")
        return organization

    async def create_key(
        self, organization_id: str, name: str, *, secret: str | None = None, key_id: str | None = None
    ) -> tuple[ApiKey, str]:
        """A new bearer key and its secret, which is shown this once. Raises `ConflictError`."""
        return await self._apply(
            lambda: self._store.keys.create(organization_id, name, secret=secret, key_id=key_id), "key_exists"
        )

    async def revoke_key(self, organization_id: str, key_id: str) -> None:
        """Good for nothing from now on. Raises `NotFoundError`."""
        found = await self._apply(lambda: self._store.keys.revoke(organization_id, key_id))
        self._keys.forget()
        if not found:
            raise NotFoundError(f"There is no API key {key_id} in force.", key_id=key_id)

    async def verify_key(self, secret: str) -> ApiKey | None:
        """The key that a bearer secret belongs to; `None` for an unknown or revoked one."""
        return await self._keys.verify(secret)

    # --- agents

    async def create_agent(
        self, organization_id: str, draft: AgentDraft, *, agent_id: str | None = None
    ) -> Agent:
        """Raises `ConflictError` when the id is taken."""
        now = _now()
        agent = Agent(
            id=agent_id or uuid7(),
            organization_id=organization_id,
            created_at=now,
            updated_at=now,
            **{item.name: getattr(draft, item.name) for item in fields(draft)},
        )

        async def change() -> Agent:
            await self._store.agents.create(agent)
            self._agents[agent.id] = agent
            return agent

        return await self._apply(change, "agent_exists")

    async def update_agent(self, organization_id: str, agent_id: str, **changes: Any) -> Agent:
        """Change some fields (names as in `store.records.Agent`). Raises `NotFoundError`."""

        async def change() -> Agent:
            agent = replace(self.get_agent(organization_id, agent_id), **changes, updated_at=_now())
            await self._store.agents.update(agent)
            self._agents[agent.id] = agent
            return agent

        return await self._apply(change)

    def get_agent(self, organization_id: str, agent_id: str) -> Agent:
        """From memory. Raises `NotFoundError`, for another organisation's agent too."""
        agent = self._agents.get(agent_id)
        if agent is None or agent.organization_id != organization_id:
            raise NotFoundError(f"There is no agent {agent_id}.", agent_id=agent_id)
        return agent

    def find_agent(self, agent_id: str) -> Agent | None:
        """From memory, whosoever it is: for calls that routing has already placed."""
        return self._agents.get(agent_id)

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

    def numbers_of(self, agent_id: str) -> AgentNumbers:
        """The numbers an agent answers and calls from."""
        return AgentNumbers(
            tuple(number for number in self._numbers.values() if number.inbound_agent_id == agent_id),
            tuple(number for number in self._numbers.values() if number.outbound_agent_id == agent_id),
        )

    # --- numbers

    async def import_number(
        self, organization_id: str, draft: NumberDraft, *, number_id: str | None = None
    ) -> PhoneNumber:
        """Take a number into service, without an agent yet.

        Raises `InvalidRequestError` when it is not E.164 or the trunk is not the organisation's,
        `ConflictError` when the number is already here.
        """
        if not is_e164(draft.phone_number):
            raise InvalidRequestError(
                f"{draft.phone_number[:64]!r} is not E.164: + and 2 to 15 digits, the country code first.",
                field="phone_number",
            )

        async def change() -> PhoneNumber:
            if draft.trunk_id is not None:
                self._own_trunk(organization_id, draft.trunk_id)
            taken = await self._store.numbers.find_by_number(draft.phone_number)
            if taken is not None:
                raise ConflictError(
                    f"The number {draft.phone_number} has been imported already.",
                    code="number_exists",
                    phone_number=draft.phone_number,
                )
            now = _now()
            number = PhoneNumber(
                id=number_id or uuid7(),
                organization_id=organization_id,
                phone_number=draft.phone_number,
                created_at=now,
                updated_at=now,
                friendly_name=draft.friendly_name,
                provider_type=draft.provider_type,
                type=draft.type,
                country=draft.country or country_of(draft.phone_number),
                trunk_id=draft.trunk_id,
            )
            await self._store.numbers.create(number)
            self._numbers[number.id] = number
            return number

        return await self._apply(change, "number_exists")

    async def assign(
        self,
        organization_id: str,
        number_id: str,
        agent_id: str,
        assignment_type: AssignmentType | None = None,
    ) -> PhoneNumber:
        """Put an agent into a number's slot, or into both when no type is named.

        A slot that another agent holds is taken over in the same step: new calls go to the new agent, live
        calls stay with the old one. Raises `NotFoundError`; `ConflictError` when the slots would hold two
        different agents and that is not allowed.
        """

        async def change() -> PhoneNumber:
            self.get_agent(organization_id, agent_id)
            number = self.get_number(organization_id, number_id)
            inbound, outbound = number.inbound_agent_id, number.outbound_agent_id
            if assignment_type is not AssignmentType.OUTBOUND:
                inbound = agent_id
            if assignment_type is not AssignmentType.INBOUND:
                outbound = agent_id
            if self._strict_one_agent and inbound and outbound and inbound != outbound:
                other = outbound if inbound == agent_id else inbound
                slot = "outbound" if inbound == agent_id else "inbound"
                raise ConflictError(
                    f"The {slot} slot of {number.phone_number} belongs to another agent, and a number serves"
                    " exactly one. Unassign it first, or assign both slots at once.",
                    code="number_has_another_agent",
                    number_id=number_id,
                    agent_id=other,
                )
            return await self._save_number(
                replace(number, inbound_agent_id=inbound, outbound_agent_id=outbound, updated_at=_now())
            )

        return await self._apply(change)

    async def unassign(
        self, organization_id: str, number_id: str, assignment_type: AssignmentType | None = None
    ) -> PhoneNumber:
        """Empty a number's slot, or both when no type is named. Raises `NotFoundError`."""

        async def change() -> PhoneNumber:
            number = self.get_number(organization_id, number_id)
            keep_inbound = assignment_type is AssignmentType.OUTBOUND
            keep_outbound = assignment_type is AssignmentType.INBOUND
            return await self._save_number(
                replace(
                    number,
                    inbound_agent_id=number.inbound_agent_id if keep_inbound else None,
                    outbound_agent_id=number.outbound_agent_id if keep_outbound else None,
                    updated_at=_now(),
                )
            )

        return await self._apply(change)

    async def bind_number(self, organization_id: str, number_id: str, trunk_id: str | None) -> PhoneNumber:
        """Bind a number to a trunk, or free it with `None`. Raises `NotFoundError`, `InvalidRequestError`."""

        async def change() -> PhoneNumber:
            number = self.get_number(organization_id, number_id)
            if trunk_id is not None:
                self._own_trunk(organization_id, trunk_id)
            return await self._save_number(replace(number, trunk_id=trunk_id, updated_at=_now()))

        return await self._apply(change)

    async def release_number(self, organization_id: str, number_id: str) -> None:
        """Take a number out of service. Raises `NotFoundError`."""

        async def change() -> None:
            self.get_number(organization_id, number_id)
            await self._store.numbers.delete(organization_id, number_id)
            del self._numbers[number_id]

        await self._apply(change)

    def get_number(self, organization_id: str, number_id: str) -> PhoneNumber:
        """From memory. Raises `NotFoundError`."""
        number = self._numbers.get(number_id)
        if number is None or number.organization_id != organization_id:
            raise NotFoundError(f"There is no phone number with id {number_id}.", number_id=number_id)
        return number

    async def list_numbers(
        self, organization_id: str, *, limit: int = 50, offset: int = 0
    ) -> Page[PhoneNumber]:
        """Newest first."""
        return await self._store.numbers.list(organization_id, limit, offset)

    # --- trunks

    async def create_trunk(
        self, organization_id: str, draft: TrunkDraft, *, trunk_id: str | None = None
    ) -> Trunk:
        """Raises `InvalidRequestError` that names the field, `ConflictError` when the id is taken."""
        draft = checked_trunk(draft)
        now = _now()
        trunk = Trunk(
            id=trunk_id or uuid7(),
            organization_id=organization_id,
            created_at=now,
            updated_at=now,
            **{item.name: getattr(draft, item.name) for item in fields(draft)},
        )

        async def change() -> Trunk:
            await self._store.trunks.create(trunk)
            self._trunks[trunk.id] = trunk
            return trunk

        return await self._apply(change, "trunk_exists")

    def get_trunk(self, organization_id: str, trunk_id: str) -> Trunk:
        """From memory. Raises `NotFoundError`."""
        trunk = self._trunks.get(trunk_id)
        if trunk is None or trunk.organization_id != organization_id:
            raise NotFoundError(f"There is no trunk {trunk_id}.", trunk_id=trunk_id)
        return trunk

    async def list_trunks(self, organization_id: str, *, limit: int = 50, offset: int = 0) -> Page[Trunk]:
        """Newest first."""
        return await self._store.trunks.list(organization_id, limit, offset)

    # --- how a change happens

    async def _apply(self, change: Callable[[], Awaitable[T]], exists: str = "conflict") -> T:
        """Run a change alone and to its end, then show routing the new state.

        The change commits to the store before it touches the dictionaries, so that a failure leaves all as
        it was.
        """

        async def alone() -> T:
            async with self._change:
                try:
                    result = await change()
                except ConstraintError as error:
                    raise ConflictError("The store refused the change: " + str(error), code=exists) from error
                self._swap()
                return result

        task = asyncio.create_task(alone())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _save_number(self, number: PhoneNumber) -> PhoneNumber:
        await self._store.numbers.update(number)
        self._numbers[number.id] = number
        return number

    def _own_trunk(self, organization_id: str, trunk_id: str) -> None:
        trunk = self._trunks.get(trunk_id)
        if trunk is None or trunk.organization_id != organization_id:
            raise InvalidRequestError(f"There is no trunk {trunk_id}.", field="trunk_id")

    def _swap(self) -> None:
        self._table = RoutingTable.build(
            map(_routed_trunk, self._trunks.values()),
            map(_routed_number, self._numbers.values()),
            map(_routed_agent, self._agents.values()),
        )


def _routed_trunk(trunk: Trunk) -> RoutedTrunk:
    outbound = trunk.outbound
    return RoutedTrunk(
        id=trunk.id,
        organization_id=trunk.organization_id,
        name=trunk.name,
        enabled=trunk.enabled,
        allowed_addresses=() if trunk.inbound is None else trunk.inbound.allowed_addresses,
        outbound=None
        if outbound is None
        else OutboundTarget(
            address=outbound.address,
            transport=outbound.transport.value,
            auth_username=outbound.auth_username,
            auth_password=outbound.auth_password,
            from_host=outbound.from_host,
        ),
        number_rule=NumberRule(trunk.number_format.value),
        default_country=trunk.default_country,
        codecs=trunk.codecs,
    )


def _routed_number(number: PhoneNumber) -> RoutedNumber:
    return RoutedNumber(
        id=number.id,
        organization_id=number.organization_id,
        phone_number=number.phone_number,
        trunk_id=number.trunk_id,
        inbound_agent_id=number.inbound_agent_id,
        outbound_agent_id=number.outbound_agent_id,
    )


def _routed_agent(agent: Agent) -> RoutedAgent:
    return RoutedAgent(agent.id, agent.organization_id, agent.name, agent.status.value)


def _now() -> datetime:
    return datetime.now(UTC)
