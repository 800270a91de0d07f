"""The servers that a call over a trunk may be sent to, in the order they are tried."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from gateway.new_trunk_outbound import tls_towards
from gateway.registrar.contact_ways import ContactWay
from gateway.target_states import TargetStates
from gateway.trunk_address import in_uri, read_address
from sip.server_location import Chance, Destination, ordered
from sip.tls_settings import TlsClientSettings
from sip.user_agent import UserAgent
from store.records import TrunkOutbound
from store.target_records import TrunkTarget, TrunkTransport

MOST_ATTEMPTS = 16  # of one call


@dataclass(frozen=True, slots=True)
class Candidate:
    """One server of one target."""

    target: TrunkTarget
    server: Destination
    tls: TlsClientSettings | None
    contact: ContactWay | None = None  # who has registered, where calls go to them


def candidate_of(contact: ContactWay) -> Candidate:
    """The way to somebody who has registered."""
    flow = contact.flow
    server = Destination(flow.host, flow.port, flow.transport)
    return Candidate(TrunkTarget(in_uri(flow.host, flow.port)), server, None, contact)


def targets_of(outbound: TrunkOutbound) -> tuple[TrunkTarget, ...]:
    """Those that are in use: `address` where no others are named; none where calls go to who registers."""
    if outbound.to_registered is not None:
        return ()
    return tuple(one for one in outbound.targets if one.enabled) or (TrunkTarget(outbound.address),)


def transport_of(outbound: TrunkOutbound, target: TrunkTarget) -> str | None:
    """None: the domain chooses."""
    transport = target.transport or outbound.transport
    return None if transport is TrunkTransport.AUTO else str(transport)


class TrunkTargets:
    """Looks targets up, and puts first what has not failed lately."""

    def __init__(self, user_agent: UserAgent, states: TargetStates, chance: Chance = random.random) -> None:
        self._user_agent = user_agent
        self.states = states
        self._chance = chance

    async def servers_of(self, outbound: TrunkOutbound, target: TrunkTarget) -> tuple[Candidate, ...]:
        """Of one target: its own, or those of the proxy that takes calls for it. Raises `OSError`."""
        hop = outbound.proxy or target.address
        host, port = read_address(hop)
        found = await self._user_agent.locate(host, port, transport_of(outbound, target))
        tls = tls_towards(outbound, hop)
        return tuple(Candidate(target, one, tls if one.transport == "tls" else None) for one in found)

    async def candidates(self, trunk_id: str, outbound: TrunkOutbound) -> tuple[Candidate, ...]:
        """One at least. Those that are put aside come last: when all are, they are tried all the same.
        Raises `OSError` when nothing is found for any target.
        """
        targets = ordered(targets_of(outbound), self._chance)
        answers = await asyncio.gather(
            *(self.servers_of(outbound, one) for one in targets), return_exceptions=True
        )
        found: list[Candidate] = []
        for answer in answers:
            if isinstance(answer, tuple):
                found.extend(answer)
            elif not isinstance(answer, OSError):
                raise answer
        if not found:
            raise next(one for one in answers if isinstance(one, OSError))
        aside = [one for one in found if self.states.is_aside(trunk_id, one.target, one.server)]
        return tuple([one for one in found if one not in aside] + aside)[:MOST_ATTEMPTS]

    def note_probe(
        self,
        trunk_id: str,
        outbound: TrunkOutbound,
        target: TrunkTarget,
        servers: tuple[Destination, ...],
        error: str | None,
    ) -> None:
        """What OPTIONS found: a target without an answer is put aside until the next one, one with an answer
        is back."""
        for server in servers:
            if error is None:
                self.states.worked(trunk_id, target, server)
            else:
                aside_s = max(outbound.failover.put_aside, 2 * outbound.probe_interval)
                self.states.failed(trunk_id, target, server, aside_s, error=error)
