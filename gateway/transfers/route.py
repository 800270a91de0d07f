"""Which way a transfer's target is called: in a REFER as the call's trunk writes it, or by a leg of ours over
that trunk, or over one of the agent's numbers where the call's own trunk takes no calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.cluster.call_limits import CallLimits
from gateway.cluster.limits import Counted, Limit
from gateway.errors import ConflictError
from gateway.transfer_target import MayTransfer, dialled_numbers, transfer_anywhere, transfer_uri
from gateway.transfers.plan import ShownCaller, TransferPlan
from gateway.trunk_address import target_endpoint
from gateway.trunk_dialling import LegParties
from routing.table import RoutedNumber, RoutedTrunk, RoutingTable
from sip.uri import SipUri
from store.records import CallRecord, Trunk, TrunkOutbound
from store.target_records import TrunkTransport

UNREACHABLE = "nobody.invalid"
"""Stands for the address of a far party without SIP in a URI that is only looked at."""


@dataclass(frozen=True, slots=True)
class LegRoute:
    """How a leg of ours reaches the target. `limits` are what it counts against while it lasts."""

    trunk: Trunk
    routed: RoutedTrunk
    outbound: TrunkOutbound
    parties: LegParties
    limits: tuple[Limit, ...]


async def limit_nothing(organization_id: str, numbers: Sequence[str]) -> None:
    """Nobody is held to any number of calls."""


@dataclass(frozen=True, slots=True)
class TransferRouter:
    """Finds the ways. `may_refer` is asked before the far party calls somebody, `may_call` before we do; both
    raise what `OutboundPolicies` raises.
    """

    table: Callable[[], RoutingTable]
    trunk: Callable[[str], Trunk | None]
    may_refer: MayTransfer = transfer_anywhere
    may_call: Callable[[str, Sequence[str]], Awaitable[None]] = limit_nothing
    limits: CallLimits = field(default_factory=CallLimits)

    async def refer_uri(self, record: CallRecord, target: str, peer: str) -> str:
        """What the far party, which is at `peer`, is asked to call. Raises `InvalidRequestError` and
        `ForbiddenError` that name the field.
        """
        trunk = self._own_trunk(record)
        uri = transfer_uri(target, trunk, peer)
        await self.may_refer(record.organization_id, dialled_numbers(target, trunk))
        return uri

    async def leg(self, record: CallRecord, plan: TransferPlan) -> LegRoute:
        """How we call the target. Raises as `refer_uri` does, `LimitExceededError`, and `ConflictError` when
        there is no trunk to call over.
        """
        target = plan.target
        own = self._own_trunk(record)
        transfer_uri(target, own, UNREACHABLE)  # for what it refuses
        numbers = dialled_numbers(target, own)
        uri = SipUri.parse(target) if target.lower().startswith(("sip:", "sips:")) else None
        trunk, routed, shown = self._leaving_by(record, needs_outbound=uri is None)
        if trunk is not own:
            # What a user part stands for is said by the trunk that it leaves by.
            transfer_uri(target, trunk, UNREACHABLE)
            numbers = tuple(dict.fromkeys((*dialled_numbers(target, trunk), *numbers)))
        await self.may_call(record.organization_id, numbers)
        style = routed.style
        called = numbers[0] if numbers else target
        if uri is not None:
            outbound, to_user = _outbound_to(uri, trunk), uri.user or ""
        else:
            assert trunk.outbound is not None
            outbound, to_user = trunk.outbound, style.dialled(called)
        from_number = caller = shown.phone_number
        agent = self.table().agent(record.agent_id)
        name = None if agent is None else agent.name
        if plan.caller_id is ShownCaller.CALLER and record.phone_number is not None:
            # No number of ours, so that we sign nothing for it, and not with our agent's name.
            from_number, caller, name = record.phone_number, "", None
        parties = LegParties(
            to_user=to_user,
            from_user=style.written(from_number),
            called=called,
            caller=caller,
            agent=name,
        )
        limits = [
            limit
            for limit in self.limits.of(record.organization_id, routed, shown)
            if limit.counted is not Counted.NUMBER  # the call itself counts for the number already
        ]
        return LegRoute(trunk, routed, outbound, parties, tuple(limits))

    def has_way(self, record: CallRecord) -> bool:
        """Whether there is a number and a trunk to call from."""
        return any(routed.enabled and routed.outbound is not None for routed, _ in self._ways(record))

    def _own_trunk(self, record: CallRecord) -> Trunk | None:
        return None if record.trunk_id is None else self.trunk(record.trunk_id)

    def _leaving_by(
        self, record: CallRecord, *, needs_outbound: bool
    ) -> tuple[Trunk, RoutedTrunk, RoutedNumber]:
        """The call's own trunk and number, or else one of the agent's numbers and the trunk it leads to. An
        address is called directly, and needs no trunk that calls could be sent over.
        """
        found = [
            (trunk, routed, number)
            for routed, number in self._ways(record)
            if (trunk := self.trunk(routed.id)) is not None and routed.enabled
        ]
        for way in found:
            if way[1].outbound is not None or not needs_outbound:
                return way
        raise ConflictError(
            "There is no trunk over which the target could be called.", code="transfer_no_trunk"
        )

    def _ways(self, record: CallRecord) -> Iterator[tuple[RoutedTrunk, RoutedNumber]]:
        table = self.table()
        organization_id = record.organization_id
        own = None if record.from_number is None else table.number(record.from_number)
        if own is not None and own.organization_id != organization_id:
            own = None
        if own is not None and record.trunk_id is not None:
            trunk = table.trunk(record.trunk_id)
            if trunk is not None:
                yield trunk, own
        agents = (*table.outbound_numbers(record.agent_id), *table.inbound_numbers(record.agent_id))
        for number in agents if own is None else (own, *agents):
            bound = None if number.trunk_id is None else table.trunk(number.trunk_id)
            for trunk in table.trunks_of(organization_id) if bound is None else (bound,):
                yield trunk, number


def _outbound_to(uri: SipUri, trunk: Trunk) -> TrunkOutbound:
    """The trunk itself when the address is its own, with its credentials; else nothing of it but its ways of
    speaking, since what belongs to one host is not for another.
    """
    default = TrunkTransport.TLS if uri.scheme == "sips" else TrunkTransport.UDP
    transport = TrunkTransport(uri.transport) if uri.transport in set(TrunkTransport) else default
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    address = host if uri.port is None else f"{host}:{uri.port}"
    own = trunk.outbound
    if own is not None and target_endpoint(own.address, own.transport) == target_endpoint(address, transport):
        return own
    return TrunkOutbound(address=address, transport=transport)
