"""How an outbound call leaves: agent -> caller ID -> trunk -> target, and the numbers as it writes them.

Which of an agent's numbers shows is a strategy, computed from counters that are passed in: the same
counters give the same choice. Every refusal here happens before a call object is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from routing.decisions import Refusal, RefusalKind, Step
from routing.emergency import is_emergency
from routing.number_style import KEEP
from routing.numbers import is_e164
from routing.table import OutboundTarget, RoutedAgent, RoutedNumber, RoutedTrunk, RoutingTable


class Strategy(StrEnum):
    """How one of an agent's numbers is chosen when the request names none."""

    RANDOM = "random"
    ROUND_ROBIN = "round_robin"
    SEQUENTIAL = "sequential"  # the first that has room
    LEAST_BUSY = "least_busy"


@dataclass(frozen=True, slots=True)
class Counters:
    """What the choice depends on.

    `turn` counts this agent's outbound calls so far, `chance` is a random number in [0, 1), `active` holds
    the live calls by number id, `limit` the most that one number may carry (`None`: no limit).
    """

    turn: int = 0
    chance: float = 0.0
    active: Mapping[str, int] = field(default_factory=dict)
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class OutboundQuery:
    """Who calls whom. `from_number` set: this caller ID and no other."""

    organization_id: str
    agent_id: str
    to: str
    from_number: str | None = None
    allow_emergency: bool = False


@dataclass(frozen=True, slots=True)
class OutboundRoute:
    """A yes. `to_user` and `from_user` are the numbers as the trunk wants them written."""

    organization_id: str
    agent: RoutedAgent
    number: RoutedNumber
    trunk: RoutedTrunk
    target: OutboundTarget
    to: str
    to_user: str
    from_user: str
    steps: tuple[Step, ...]


OutboundDecision: TypeAlias = OutboundRoute | Refusal


def decide_outbound(
    table: RoutingTable,
    query: OutboundQuery,
    strategy: Strategy = Strategy.RANDOM,
    counters: Counters | None = None,
) -> OutboundDecision:
    """Choose number and trunk for a call, or say why it cannot be made."""
    counters = counters or Counters()
    steps: list[Step] = []
    agent = _agent(table, query, steps)
    if isinstance(agent, Refusal):
        return agent
    refusal = _check_target_number(query, steps)
    if refusal is not None:
        return refusal
    numbers = _candidates(table, query, agent, steps)
    if isinstance(numbers, Refusal):
        return numbers
    usable = _with_trunks(table, numbers, steps)
    if isinstance(usable, Refusal):
        return usable
    chosen = _choose(usable, query, strategy, counters, steps)
    if isinstance(chosen, Refusal):
        return chosen
    number, trunk, target = chosen
    style = trunk.style
    to_user = style.dialled(query.to)
    if not query.allow_emergency and style.is_emergency(query.to):
        return _emergency(query.to, to_user, steps)
    steps.append(Step(_writing(trunk), repr(query.to), f"sent as {to_user!r}", passed=True))
    return OutboundRoute(
        organization_id=query.organization_id,
        agent=agent,
        number=number,
        trunk=trunk,
        target=target,
        to=query.to,
        to_user=to_user,
        from_user=style.written(number.phone_number),
        steps=tuple(steps),
    )


def _writing(trunk: RoutedTrunk) -> str:
    plus = "" if trunk.leading_plus == KEEP else f", leading_plus {trunk.leading_plus}"
    prefix = f", tech_prefix {trunk.tech_prefix}" if trunk.tech_prefix else ""
    return f"number_format {trunk.number_rule}{plus}{prefix}"


_Usable: TypeAlias = tuple[RoutedNumber, RoutedTrunk, OutboundTarget]


def _agent(table: RoutingTable, query: OutboundQuery, steps: list[Step]) -> RoutedAgent | Refusal:
    looked_up = f"agent {query.agent_id}"
    agent = table.agent(query.agent_id)
    if agent is None or agent.organization_id != query.organization_id:
        steps.append(Step("agent", looked_up, "not in this organisation", passed=False))
        return Refusal(
            RefusalKind.UNKNOWN_AGENT,
            "agent_not_found",
            f"There is no agent {query.agent_id}.",
            looked_up,
            "Use the id of one of the organisation's agents.",
            404,
            "Not Found",
            tuple(steps),
        )
    if not agent.active:
        steps.append(Step("agent", looked_up, f"{agent.name!r} is {agent.status}", passed=False))
        return Refusal(
            RefusalKind.INACTIVE_AGENT,
            "agent_not_active",
            f"The agent {agent.name!r} ({agent.id}) is {agent.status}, not active.",
            looked_up,
            "Bring the agent to status active.",
            480,
            "Temporarily Unavailable",
            tuple(steps),
        )
    steps.append(Step("agent", looked_up, f"{agent.name!r}, active", passed=True))
    return agent


def _check_target_number(query: OutboundQuery, steps: list[Step]) -> Refusal | None:
    looked_up = f"number to call {query.to[:64]!r}"
    if not query.allow_emergency and is_emergency(query.to, query.to):
        return _emergency(query.to, query.to, steps)
    if not is_e164(query.to):
        steps.append(Step("number to call", looked_up, "is not E.164", passed=False))
        return Refusal(
            RefusalKind.INVALID_NUMBER,
            "invalid_number",
            f"The number to call, {query.to[:64]!r}, is not E.164.",
            looked_up,
            "Write it as + and 2 to 15 digits, the country code first.",
            404,
            "Not Found",
            tuple(steps),
        )
    steps.append(Step("number to call", looked_up, "is E.164 and no emergency number", passed=True))
    return None


def _emergency(to: str, written: str, steps: list[Step]) -> Refusal:
    as_sent = f", sent as {written!r}," if written != to else ""
    steps.append(Step("emergency numbers", f"{to!r}{as_sent}", "is an emergency number", passed=False))
    return Refusal(
        RefusalKind.EMERGENCY_NUMBER,
        "emergency_number",
        f"{to!r}{as_sent} is an emergency number, which agents do not call.",
        f"number to call {to!r}",
        "Call emergency services yourself, from a telephone.",
        403,
        "Forbidden",
        tuple(steps),
    )


def _candidates(
    table: RoutingTable, query: OutboundQuery, agent: RoutedAgent, steps: list[Step]
) -> Sequence[RoutedNumber] | Refusal:
    """The numbers that may show as caller ID."""
    held = table.outbound_numbers(agent.id)
    looked_up = f"outbound numbers of agent {agent.name!r}"
    if not held:
        steps.append(Step("caller ID", looked_up, "none", passed=False))
        return Refusal(
            RefusalKind.NO_PHONE_NUMBER,
            "no_phone_number_configured",
            f"The agent {agent.name!r} ({agent.id}) has no outbound phone number.",
            looked_up,
            "Assign a phone number to the agent for outbound calls.",
            480,
            "Temporarily Unavailable",
            tuple(steps),
        )
    if query.from_number is None:
        steps.append(Step("caller ID", looked_up, f"{len(held)} assigned", passed=True))
        return held
    asked = [number for number in held if number.phone_number == query.from_number]
    if not asked:
        found = f"{len(held)} assigned, {query.from_number!r} not among them"
        steps.append(Step("caller ID", looked_up, found, passed=False))
        return Refusal(
            RefusalKind.FROM_NUMBER_NOT_ASSIGNED,
            "from_number_not_assigned",
            f"The number {query.from_number!r} is not an outbound number of the agent {agent.name!r}.",
            looked_up,
            "Assign the number to the agent for outbound calls, or leave from_number out.",
            403,
            "Forbidden",
            tuple(steps),
        )
    steps.append(Step("caller ID", looked_up, f"{query.from_number} as asked", passed=True))
    return asked


def _with_trunks(
    table: RoutingTable, numbers: Sequence[RoutedNumber], steps: list[Step]
) -> Sequence[_Usable] | Refusal:
    """The numbers whose trunk can take a call; if none can, the first one's trouble is the refusal."""
    usable: list[_Usable] = []
    troubles: list[tuple[RefusalKind, str, str, str]] = []
    for number in numbers:
        trunk = _trunk_for(table, number)
        if trunk is None:
            bound = f"trunk {number.trunk_id}" if number.trunk_id else "any outbound trunk"
            message = f"There is no trunk for the number {number.phone_number} ({bound} was looked for)."
            fix = "Create a trunk with an outbound side, or bind the number to one."
            troubles.append((RefusalKind.NO_TRUNK, "no_trunk", message, fix))
        elif not trunk.enabled:
            message = f"The trunk {trunk.name!r} of the number {number.phone_number} is disabled."
            troubles.append((RefusalKind.TRUNK_DISABLED, "trunk_disabled", message, "Enable the trunk."))
        elif trunk.outbound is None:
            message = f"The trunk {trunk.name!r} of the number {number.phone_number} has no outbound side."
            fix = "Set outbound.address or to_registered of the trunk, or bind the number to another one."
            troubles.append((RefusalKind.TRUNK_WITHOUT_OUTBOUND, "trunk_without_outbound", message, fix))
        else:
            usable.append((number, trunk, trunk.outbound))
            continue
        steps.append(Step("number -> trunk", number.phone_number, troubles[-1][2], passed=False))
    if usable:
        return usable
    kind, code, message, fix = troubles[0]
    looked_up = "trunks of " + ", ".join(number.phone_number for number in numbers[:8])
    return Refusal(kind, code, message, looked_up, fix, 503, "Service Unavailable", tuple(steps))


def _trunk_for(table: RoutingTable, number: RoutedNumber) -> RoutedTrunk | None:
    """The trunk a number is bound to; for an unbound one the organisation's first that can call out."""
    if number.trunk_id is not None:
        return table.trunk(number.trunk_id)
    with_outbound = [trunk for trunk in table.trunks_of(number.organization_id) if trunk.outbound is not None]
    enabled = [trunk for trunk in with_outbound if trunk.enabled]
    return next(iter(enabled or with_outbound), None)


def _choose(
    usable: Sequence[_Usable],
    query: OutboundQuery,
    strategy: Strategy,
    counters: Counters,
    steps: list[Step],
) -> _Usable | Refusal:
    limit = counters.limit
    free = [one for one in usable if limit is None or counters.active.get(one[0].id, 0) < limit]
    if not free:
        found = f"all {len(usable)} carry {limit} calls, the most that one number may"
        steps.append(Step("number -> room", f"live calls of {len(usable)} numbers", found, passed=False))
        return Refusal(
            RefusalKind.AT_CAPACITY,
            "at_capacity",
            "Every outbound number of the agent carries as many calls as it may.",
            f"live calls of {len(usable)} numbers",
            "Wait for a call to end, or assign more numbers to the agent.",
            503,
            "Service Unavailable",
            tuple(steps),
        )
    chosen = free[_index(free, strategy, counters)]
    number, trunk, target = chosen
    why = "as asked" if query.from_number is not None else f"{strategy} among {len(free)}"
    found = f"{number.phone_number} ({why}) on trunk {trunk.name!r} to {target.shown}"
    steps.append(Step("number -> trunk", f"{len(usable)} usable numbers", found, passed=True))
    return chosen


def _index(free: Sequence[_Usable], strategy: Strategy, counters: Counters) -> int:
    if strategy is Strategy.ROUND_ROBIN:
        return counters.turn % len(free)
    if strategy is Strategy.RANDOM:
        return min(int(counters.chance * len(free)), len(free) - 1)
    if strategy is Strategy.LEAST_BUSY:
        return min(range(len(free)), key=lambda i: counters.active.get(free[i][0].id, 0))
    return 0
