"""Is anybody there, and do the credentials hold: an OPTIONS to a trunk's target, answered within seconds.

Whatever a SIP element answers proves that it is there; only a refusal of our credentials is a fault of the
trunk's settings (RFC 3261 section 11; 401 and 407 in section 22).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.new_trunk_outbound import tls_towards
from gateway.trunk_address import target_endpoint
from sip.errors import SipError
from sip.user_agent import Credentials, OutOfDialogTarget, UserAgent
from store.records import TrunkOutbound

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


Probe = Callable[[TrunkOutbound], Awaitable[ProbeResult]]


class TrunkProbe:
    """Sends the question from our own SIP sockets, so that the answer is about the way calls would take."""

    def __init__(self, user_agent: UserAgent, timeout_s: float = PROBE_TIMEOUT_S) -> None:
        self._user_agent = user_agent
        self._timeout_s = timeout_s

    async def __call__(self, outbound: TrunkOutbound) -> ProbeResult:
        """What the target of `outbound` makes of us."""
        try:
            async with asyncio.timeout(self._timeout_s):
                status, response = await self._user_agent.ask("OPTIONS", self._target(outbound))
        except TimeoutError:
            return ProbeResult(
                ProbeOutcome.NOT_REACHABLE,
                f"{outbound.address} did not answer OPTIONS over {outbound.transport} within"
                f" {self._timeout_s:g} s.",
            )
        except SipError as error:
            return ProbeResult(ProbeOutcome.NOT_REACHABLE, f"{outbound.address} cannot be asked: {error}")
        if response is None:
            return ProbeResult(
                ProbeOutcome.NOT_REACHABLE, f"{outbound.address} cannot be reached over {outbound.transport}."
            )
        if outbound.auth_username is not None and status in (401, 403, 407):
            return ProbeResult(
                ProbeOutcome.CREDENTIALS_REFUSED,
                f"{outbound.address} refused the user name and password ({status} {response.reason}).",
                status,
            )
        return ProbeResult(
            ProbeOutcome.REACHABLE, f"{outbound.address} answered {status} {response.reason}.", status
        )

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
