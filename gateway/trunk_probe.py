"""Is anybody there, and do the credentials hold: an OPTIONS to a trunk's target, answered within seconds.

Whatever a SIP element answers proves that it is there; only a refusal of our credentials is a fault of the
trunk's settings (RFC 3261 section 11; 401 and 407 in section 22).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from gateway.call_policy import trunk_credentials
from gateway.registrar.contact_ways import FindContacts
from gateway.target_states import TargetStates
from gateway.trunk_address import in_uri, proxy_route, read_address
from gateway.trunk_targets import Candidate, TrunkTargets, targets_of
from sip.errors import SipError
from sip.server_location import Destination
from sip.user_agent import Credentials, OutOfDialogTarget, UserAgent
from store.records import Trunk, TrunkOutbound
from store.registrar_records import ToRegistered
from store.target_records import TrunkTarget

PROBE_TIMEOUT_S = 4.0
MOST_SERVERS = 3  # of one target that are asked in turn


class ProbeOutcome(StrEnum):
    REACHABLE = "reachable"
    NOT_REACHABLE = "not-reachable"
    CREDENTIALS_REFUSED = "credentials-refused"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """`sip_status` is what was answered; `None` where nothing was. `text` is for people."""

    outcome: ProbeOutcome
    text: str
    sip_status: int | None = None
    servers: tuple[Destination, ...] = ()


class Probe(Protocol):
    """Asks a target of `outbound`, or without one the trunk as a whole; `trunk` is whose it is, where there
    is a trunk already.
    """

    async def __call__(
        self, outbound: TrunkOutbound, trunk: Trunk | None = None, target: TrunkTarget | None = None
    ) -> ProbeResult: ...


class TrunkProbe:
    """Sends the question from our own SIP sockets, so that the answer is about the way calls would take."""

    def __init__(
        self,
        user_agent: UserAgent,
        targets: TrunkTargets | None = None,
        timeout_s: float = PROBE_TIMEOUT_S,
        registered: FindContacts | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._registered = registered
        self._targets = targets or TrunkTargets(user_agent, TargetStates())
        self._timeout_s = timeout_s

    async def __call__(
        self, outbound: TrunkOutbound, trunk: Trunk | None = None, target: TrunkTarget | None = None
    ) -> ProbeResult:
        """What a target makes of us; without one the first of the trunk's that answers, else what was wrong
        with the first. Of several who have registered, the best one."""
        if outbound.to_registered is not None:
            return await self._ask_registered(outbound, trunk)
        if target is not None:
            return await self._ask_target(outbound, target)
        results = await asyncio.gather(*(self._ask_target(outbound, one) for one in targets_of(outbound)))
        good = (one for one in results if one.outcome is ProbeOutcome.REACHABLE)
        chosen = next(good, results[0])
        return replace(chosen, servers=tuple(server for one in results for server in one.servers))

    async def _ask_registered(self, outbound: TrunkOutbound, trunk: Trunk | None) -> ProbeResult:
        if trunk is None or self._registered is None:
            return ProbeResult(ProbeOutcome.NOT_REACHABLE, "Nobody is registered.")
        try:
            way = (await self._registered(trunk))[0]
        except OSError as error:
            return ProbeResult(ProbeOutcome.NOT_REACHABLE, f"{error}.")
        target = OutOfDialogTarget(
            request_uri=way.request_uri(None, ToRegistered.CONTACT),
            host=way.host,
            port=way.flow.port,
            transport=way.flow.transport,
            from_uri=f"sip:trunkline@{outbound.from_host or in_uri(way.host)}",
            to_uri=way.request_uri(None, ToRegistered.CONTACT),
            headers=(*way.routes, ("Accept", "application/sdp")),
            credentials=trunk_credentials(trunk),
            flow=way.flow,
        )
        return await self._ask(outbound, target, way.shown)

    async def _ask_target(self, outbound: TrunkOutbound, target: TrunkTarget) -> ProbeResult:
        """Its servers in turn, until one answers."""
        try:
            servers = await self._targets.servers_of(outbound, target)
        except OSError as error:
            return ProbeResult(ProbeOutcome.NOT_REACHABLE, f"{target.address} cannot be found: {error}")
        found = tuple(one.server for one in servers)
        result = ProbeResult(ProbeOutcome.NOT_REACHABLE, f"{target.address} has no server")
        for candidate in servers[:MOST_SERVERS]:
            result = replace(
                await self._ask(outbound, _request(outbound, candidate), target.address), servers=found
            )
            if result.sip_status is not None:
                break
        return result

    async def _ask(self, outbound: TrunkOutbound, target: OutOfDialogTarget, address: str) -> ProbeResult:
        try:
            async with asyncio.timeout(self._timeout_s):
                status, response = await self._user_agent.ask("OPTIONS", target)
        except TimeoutError:
            return ProbeResult(
                ProbeOutcome.NOT_REACHABLE,
                f"{address} did not answer OPTIONS over {target.transport} within {self._timeout_s:g} s.",
            )
        except SipError as error:
            return ProbeResult(ProbeOutcome.NOT_REACHABLE, f"{address} cannot be asked: {error}")
        if response is None:
            return ProbeResult(
                ProbeOutcome.NOT_REACHABLE, f"{address} cannot be reached over {target.transport}."
            )
        if outbound.auth_username is not None and status in (401, 403, 407):
            return ProbeResult(
                ProbeOutcome.CREDENTIALS_REFUSED,
                f"{address} refused the user name and password ({status} {response.reason}).",
                status,
            )
        return ProbeResult(ProbeOutcome.REACHABLE, f"{address} answered {status} {response.reason}.", status)


def _request(outbound: TrunkOutbound, candidate: Candidate) -> OutOfDialogTarget:
    host, port = read_address(candidate.target.address)
    server = candidate.server
    credentials = None
    if outbound.auth_username is not None and outbound.auth_password is not None:
        credentials = Credentials(outbound.auth_username, outbound.auth_password)
    return OutOfDialogTarget(
        request_uri=f"sip:{in_uri(host, port)}",
        host=server.host,
        port=server.port,
        transport=server.transport,
        from_uri=f"sip:trunkline@{outbound.from_host or in_uri(host)}",
        to_uri=f"sip:{in_uri(host)}",
        headers=(*proxy_route(outbound, server.transport), ("Accept", "application/sdp")),
        credentials=credentials,
        tls=candidate.tls,
    )
