"""Is anybody there, and do the credentials hold: an OPTIONS to a trunk's target, answered within seconds.

Whatever a SIP element answers proves that it is there; only a refusal of our credentials is a fault of the
trunk's settings (RFC 3261 section 11; 401 and 407 in section 22).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.call_policy import trunk_credentials
from gateway.new_trunk_outbound import tls_towards
from gateway.registrar.contact_ways import FindContacts
from gateway.trunk_address import in_uri, target_endpoint
from sip.errors import SipError
from sip.user_agent import Credentials, OutOfDialogTarget, UserAgent
from store.records import Trunk, TrunkOutbound
from store.registrar_records import ToRegistered

PROBE_TIMEOUT_S = 4.0


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


class Probe(Protocol):
    """Asks the target of `outbound`; `trunk` is whose it is, where there is a trunk already."""

    async def __call__(self, outbound: TrunkOutbound, trunk: Trunk | None = None) -> ProbeResult: ...


class TrunkProbe:
    """Sends the question from our own SIP sockets, so that the answer is about the way calls would take."""

    def __init__(
        self,
        user_agent: UserAgent,
        timeout_s: float = PROBE_TIMEOUT_S,
        registered: FindContacts | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._registered = registered
        self._timeout_s = timeout_s

    async def __call__(self, outbound: TrunkOutbound, trunk: Trunk | None = None) -> ProbeResult:
        """What the target of `outbound` makes of us; of several who have registered, the best one."""
        if outbound.to_registered is not None:
            return await self._ask_registered(outbound, trunk)
        return await self._ask(outbound, self._target(outbound), outbound.address)

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

    async def _ask(self, outbound: TrunkOutbound, target: OutOfDialogTarget, shown: str) -> ProbeResult:
        try:
            async with asyncio.timeout(self._timeout_s):
                status, response = await self._user_agent.ask("OPTIONS", target)
        except TimeoutError:
            return ProbeResult(
                ProbeOutcome.NOT_REACHABLE,
                f"{shown} did not answer OPTIONS over {target.transport} within {self._timeout_s:g} s.",
            )
        except SipError as error:
            return ProbeResult(ProbeOutcome.NOT_REACHABLE, f"{shown} cannot be asked: {error}")
        if response is None:
            return ProbeResult(
                ProbeOutcome.NOT_REACHABLE, f"{shown} cannot be reached over {target.transport}."
            )
        if outbound.auth_username is not None and status in (401, 403, 407):
            return ProbeResult(
                ProbeOutcome.CREDENTIALS_REFUSED,
                f"{shown} refused the user name and password ({status} {response.reason}).",
                status,
            )
        return ProbeResult(ProbeOutcome.REACHABLE, f"{shown} answered {status} {response.reason}.", status)

    def _target(self, outbound: TrunkOutbound) -> OutOfDialogTarget:
        host, port = target_endpoint(outbound.address, str(outbound.transport))
        literal = f"[{host}]" if ":" in host else host
        credentials = None
        if outbound.auth_username is not None and outbound.auth_password is not None:
            credentials = Credentials(outbound.auth_username, outbound.auth_password)
        return OutOfDialogTarget(
            request_uri=f"sip:{literal}:{port}",
            host=host,
            port=port,
            transport=str(outbound.transport),
            from_uri=f"sip:trunkline@{outbound.from_host or literal}",
            to_uri=f"sip:{literal}",
            headers=(("Accept", "application/sdp"),),
            credentials=credentials,
            tls=tls_towards(outbound),
        )
