"""The one owner of agents, numbers, trunks and keys.

Every change is checked, committed to the store, and then seen by routing in one step: the next
`RoutingTable` takes the place of the old one in a single assignment. A change that fails leaves both as
they were. Changes run one after the other, and a change that was begun is finished even when whoever asked
for it goes away.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from gateway.accounts import REVISION
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.new_number import NewNumber
from gateway.routed_records import routed_agent, routed_number, routed_trunk
from gateway.trunk_directory import TrunkDirectory
from routing.numbers import country_of, is_e164
from routing.table import RoutingTable
from store.database import Store
from store.identifiers import uuid7
from store.numbers import NumberFilter
from store.records import Page, PhoneNumber


class AssignmentType(StrEnum):
    """Which slot of a number."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Directory(TrunkDirectory):
    """Reads and changes what routing depends on. `load` once before use.

    `strict_one_agent`: the two slots of a number may not hold two different agents.
    """

    def __init__(self, store: Store, *, strict_one_agent: bool = True) -> None:
        super().__init__(store)
        self._strict_one_agent = strict_one_agent
        self._numbers: dict[str, PhoneNumber] = {}
        self._table = RoutingTable.build()

    @property
    def table(self) -> RoutingTable:
        """The routing table of this moment. It never changes: hold it for as long as one decision takes."""
        return self._table

    async def load(self) -> None:
        """Read everything from the store anew."""
        async with self._change:
            self._revision = await self._store.revisions.current(REVISION)
            await self._take_over()
            self._committed()

    async def refresh(self) -> bool:
        changed = await super().refresh()
        if changed:
            self.on_agent_changed()  # perhaps one for us to offer to the engine
        return changed

    async def _take_over(self) -> None:
        await super()._take_over()
        await self._load_parts()
        agents = await self._store.agents.all_agents()
        numbers = await self._store.numbers.all_numbers()
        trunks = await self._store.trunks.all_trunks()
        self._agents = {agent.id: agent for agent in agents}
        self._numbers = {number.id: number for number in numbers}
        self._trunks = {trunk.id: trunk for trunk in trunks}

    # --- agents and their numbers

    async def delete_agent(self, organization_id: str, agent_id: str) -> None:
        """Delete an agent and unassign its numbers in one step: the next call to one of them is refused, live
        calls go on with the settings they began with. Raises `NotFoundError`.
        """

        async def change() -> None:
            self._own_agent(organization_id, agent_id)
            await self._store.agents.delete(organization_id, agent_id)
            del self._agents[agent_id]
            for number in self._numbers.values():
                if agent_id in (number.inbound_agent_id, number.outbound_agent_id):
                    self._numbers[number.id] = replace(
                        number,
                        inbound_agent_id=_without(agent_id, number.inbound_agent_id),
                        outbound_agent_id=_without(agent_id, number.outbound_agent_id),
                        updated_at=_now(),
                    )

        await self._apply(change)
        self.on_engine_removal()

    def numbers_of_agent(self, agent_id: str) -> tuple[tuple[PhoneNumber, ...], tuple[PhoneNumber, ...]]:
        """The numbers an agent answers and the numbers it calls from."""
        inbound = self._table.inbound_numbers(agent_id)
        outbound = self._table.outbound_numbers(agent_id)
        return (
            tuple(self._numbers[number.id] for number in inbound),
            tuple(self._numbers[number.id] for number in outbound),
        )

    # --- numbers

    async def require_new_number(self, phone_number: str) -> None:
        """Raises `InvalidRequestError` when it is not E.164, `ConflictError` when it is here already."""
        if not is_e164(phone_number):
            raise InvalidRequestError(
                f"{phone_number[:64]!r} is not E.164: + and 2 to 15 digits, the country code first.",
                field="phone_number",
            )
        if await self._store.numbers.find_by_number(phone_number) is not None:
            raise ConflictError(
                f"The number {phone_number} has been imported already.",
                code="number_exists",
                phone_number=phone_number,
            )

    async def import_number(
        self, organization_id: str, new: NewNumber, *, number_id: str | None = None, managed: bool = False
    ) -> PhoneNumber:
        """Take a number into service, without an agent yet. A `managed` one is on the operator's trunk.

        Raises `InvalidRequestError` when it is not E.164 or the trunk is not the organisation's,
        `ConflictError` when the number is already here.
        """

        async def change() -> PhoneNumber:
            if new.trunk_id is not None and not managed:
                self._own_trunk(organization_id, new.trunk_id)
            await self.require_new_number(new.phone_number)
            now = _now()
            number = PhoneNumber(
                id=number_id or uuid7(),
                organization_id=organization_id,
                phone_number=new.phone_number,
                created_at=now,
                updated_at=now,
                friendly_name=new.friendly_name,
                provider_type=new.provider_type,
                type=new.type,
                country=new.country or country_of(new.phone_number),
                trunk_id=new.trunk_id,
                managed=managed,
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
            self._own_agent(organization_id, agent_id)
            number = self._own_number(organization_id, number_id)
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
            number = self._own_number(organization_id, number_id)
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
        """Bind a number to a trunk, or free it with `None`. Raises as `update_number`."""
        return await self.update_number(organization_id, number_id, trunk_id=trunk_id)

    async def update_number(self, organization_id: str, number_id: str, **changes: Any) -> PhoneNumber:
        """Change some fields: `friendly_name`, `type`, `trunk_id`, `precall_webhook`, `max_concurrent_calls`.

        Raises `NotFoundError`, `InvalidRequestError` for a trunk of somebody else, `ConflictError` when a
        bought number is to leave the operator's trunk.
        """

        async def change() -> PhoneNumber:
            number = self._own_number(organization_id, number_id)
            if "trunk_id" in changes and changes["trunk_id"] != number.trunk_id:
                if number.managed:
                    raise ConflictError(
                        f"{number.phone_number} was bought here and stays on the operator's trunk.",
                        code="number_is_managed",
                        number_id=number_id,
                    )
                if changes["trunk_id"] is not None:
                    self._own_trunk(organization_id, changes["trunk_id"])
            if "precall_webhook" in changes:
                changes["precall_webhook"] = _with_secret(changes["precall_webhook"], number.precall_webhook)
            return await self._save_number(replace(number, **changes, updated_at=_now()))

        return await self._apply(change)

    async def release_number(self, organization_id: str, number_id: str) -> None:
        """Take a number out of service. Raises `NotFoundError`."""

        async def change() -> None:
            self._own_number(organization_id, number_id)
            await self._store.numbers.delete(organization_id, number_id)
            del self._numbers[number_id]

        await self._apply(change)

    async def get_number(self, organization_id: str, number_id: str) -> PhoneNumber:
        """Raises `NotFoundError`."""
        return self._own_number(organization_id, number_id)

    async def list_numbers(
        self,
        organization_id: str,
        *,
        limit: int = 50,
        offset: int = 0,
        wanted: NumberFilter | None = None,
    ) -> Page[PhoneNumber]:
        """Newest first."""
        return await self._store.numbers.list(organization_id, limit, offset, wanted)

    def number_on(self, phone_number: str) -> PhoneNumber | None:
        """From memory, whosoever it is: for calls that routing has placed."""
        routed = self._table.number(phone_number)
        return None if routed is None else self._numbers.get(routed.id)

    # --- how a change happens

    def _committed(self) -> None:
        """Show routing the new state."""
        self._table = RoutingTable.build(
            map(routed_trunk, self._trunks.values()),
            map(routed_number, self._numbers.values()),
            map(routed_agent, self._agents.values()),
        )

    async def _save_number(self, number: PhoneNumber) -> PhoneNumber:
        await self._store.numbers.update(number)
        self._numbers[number.id] = number
        return number

    def _own_number(self, organization_id: str, number_id: str) -> PhoneNumber:
        number = self._numbers.get(number_id)
        if number is None or number.organization_id != organization_id:
            raise NotFoundError(f"There is no phone number with id {number_id}.", number_id=number_id)
        return number


def _without(agent_id: str, slot: str | None) -> str | None:
    return None if slot == agent_id else slot


def _with_secret(new: dict[str, Any] | None, old: dict[str, Any] | None) -> dict[str, Any] | None:
    """Secrets are never shown, so that whoever sends back what he read does not have them."""
    if new is None or "secret" in new:
        return new
    same = old is not None and old["url"] == new["url"]
    return new | {"secret": old.get("secret") if old is not None and same else None}


def _now() -> datetime:
    return datetime.now(UTC)
