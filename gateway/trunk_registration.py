"""Our REGISTER to one trunk (RFC 3261 section 10.2): refreshed at half of what is granted, tried again at
growing intervals when it is refused, taken back when it is no longer wanted.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from time import monotonic
from urllib.parse import quote

import structlog

from gateway.call_policy import trunk_credentials
from gateway.retry_after import retry_after_of
from gateway.target_states import TargetStates
from gateway.trunk_address import proxy_route, read_address
from gateway.trunk_targets import Candidate, TrunkTargets
from sip.errors import ParseError, SipError
from sip.grammar import parse_number
from sip.message import Response
from sip.user_agent import OutOfDialogTarget, RequestSeries, UserAgent
from store.records import Trunk, TrunkOutbound, TrunkRegistration

log = structlog.get_logger(__name__)

FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 300.0
LONGEST_ASKED_S = 3_600  # the longest Retry-After that is followed
ANSWER_TIMEOUT_S = 35.0  # a little more than SIP's own
FAREWELL_TIMEOUT_S = 1.0
SHORTEST_GRANT_S = 10
_USER = (
    "-_.!~*'()&=+$,?/"  # what a user part may hold as it is (RFC 3261 section 25.1), but for alphanumerics
)
NOT_OURS_S = 1.0  # how often a node that does not own the registrations looks again


class RegistrationState(StrEnum):
    """`elsewhere`: another node of the cluster registers."""

    WAITING = "waiting"
    REGISTERED = "registered"
    FAILED = "failed"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    """`error` is what came of the newest attempt, if it failed; times are of the newest success."""

    state: RegistrationState = RegistrationState.WAITING
    error: str | None = None
    sip_status: int | None = None
    registered_at: datetime | None = None
    expires_at: datetime | None = None


class TrunkRegistrar:
    """Keeps one trunk registered while `run` goes on."""

    def __init__(
        self,
        trunk: Trunk,
        user_agent: UserAgent,
        leading: Callable[[], bool],
        targets: TrunkTargets | None = None,
    ) -> None:
        """`trunk` has an outbound side with a registration."""
        assert trunk.outbound is not None
        assert trunk.outbound.registration is not None
        self._trunk = trunk
        self._outbound: TrunkOutbound = trunk.outbound
        self._registration: TrunkRegistration = trunk.outbound.registration
        self._user_agent = user_agent
        self._targets = targets or TrunkTargets(user_agent, TargetStates())
        self._leading = leading
        self._series = RequestSeries()
        self._asked = self._registration.expires
        self._failures = 0
        self._held_until = 0.0  # monotonic; until then the registrar may have us
        self.status = RegistrationStatus()

    async def run(self) -> None:
        """Until it is cancelled; then the registration is taken back."""
        try:
            while True:
                if not self._leading():
                    await self._take_back()
                    self._set(RegistrationStatus(RegistrationState.ELSEWHERE))
                    await asyncio.sleep(NOT_OURS_S)
                    continue
                await asyncio.sleep(await self._attempt())
        finally:
            await self._take_back()

    async def _take_back(self) -> None:
        """End what the registrar may still hold of us, or calls would come here for the rest of its time."""
        if monotonic() >= self._held_until:
            return
        self._held_until = 0.0
        with suppress(TimeoutError, SipError):
            async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                await self._ask(0)

    async def _attempt(self) -> float:
        """Seconds until the next one."""
        before = self._held_until
        # Without an answer nobody knows whether it was taken.
        self._held_until = max(before, monotonic() + self._asked)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                status, response = await self._ask(self._asked)
        except TimeoutError:
            status, response = 408, None
        except SipError as error:
            return self._failed(None, f"cannot be asked: {error}")
        if response is None:
            reason = "nobody answered" if status == 408 else "cannot be reached"
            return self._failed(None, f"{self._outbound.address} {reason}")
        if status < 300:
            return self._granted(response)
        self._held_until = before
        minimum = _number(response.get("Min-Expires"))
        if status == 423 and minimum is not None and self._asked < minimum <= 86_400:
            self._asked = minimum
            return 0.0
        wait = self._failed(status, f"{status} {response.reason}")
        return max(wait, min(retry_after_of(response) or 0.0, LONGEST_ASKED_S))

    def _granted(self, response: Response) -> float:
        seconds = max(granted_seconds(response, self._username, self._asked), SHORTEST_GRANT_S)
        now = datetime.now(UTC)
        self._failures = 0
        self._held_until = monotonic() + seconds
        self._set(
            RegistrationStatus(
                RegistrationState.REGISTERED,
                sip_status=response.status,
                registered_at=now,
                expires_at=now + timedelta(seconds=seconds),
            )
        )
        return seconds / 2

    def _failed(self, status: int | None, error: str) -> float:
        self._failures += 1
        self._set(replace(self.status, state=RegistrationState.FAILED, error=error, sip_status=status))
        return retry_after(self._failures)

    def _set(self, status: RegistrationStatus) -> None:
        before, self.status = self.status, status
        if (before.state, before.error) != (status.state, status.error):
            (log.warning if status.error else log.info)(
                "trunk_registration", trunk_id=self._trunk.id, state=str(status.state), error=status.error
            )

    @property
    def _username(self) -> str:
        return self._registration.username or self._outbound.auth_username or ""

    async def _ask(self, expires: int) -> tuple[int, Response | None]:
        outbound = self._outbound
        domain = self._registration.domain or read_address(outbound.address)[0]
        literal = f"[{domain}]" if ":" in domain else domain
        user = quote(self._username, safe=_USER)
        address = f"sip:{user}@{literal}"
        status, response = 503, None
        try:
            candidates = await self._targets.candidates(self._trunk.id, outbound)
        except OSError:
            return status, response
        for candidate in candidates:
            # One that is silent is not waited for while there is another.
            patience = None if candidate is candidates[-1] else outbound.failover.timeout
            try:
                async with asyncio.timeout(patience):
                    status, response = await self._ask_server(candidate, literal, address, user, expires)
            except TimeoutError:
                continue
            if response is not None and status != 503:
                break
        return status, response

    async def _ask_server(
        self, candidate: Candidate, literal: str, address: str, user: str, expires: int
    ) -> tuple[int, Response | None]:
        outbound, server = self._outbound, candidate.server
        return await self._user_agent.ask(
            "REGISTER",
            OutOfDialogTarget(
                request_uri=f"sip:{literal}",
                host=server.host,
                port=server.port,
                transport=server.transport,
                from_uri=address,
                to_uri=address,
                headers=(*proxy_route(outbound, server.transport), ("Expires", str(expires))),
                credentials=trunk_credentials(self._trunk),
                tls=candidate.tls,
                contact_user=user,
            ),
            self._series,
        )


def granted_seconds(response: Response, username: str, asked: int) -> int:
    """How long the registration lasts (section 10.2.4): as our Contact in the answer says, else as the answer
    does, else as we asked. Others may be registered under the same name: then the shortest time is safe.
    """
    with suppress(ParseError):  # a Contact of somebody else's that cannot be read
        granted = [
            value
            for contact in response.contacts
            if contact.uri.user_decoded == username
            and (value := _number(contact.parameters.get("expires"))) is not None
        ]
        if granted:
            return min(granted)
    value = _number(response.get("Expires"))
    return asked if value is None else value


def retry_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, with a fifth of it left to chance, so that
    many trunks do not knock at once.
    """
    delay = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures - 1, 20))
    return delay * random.uniform(0.8, 1.2)


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_number(text.strip(), "Expires")
    except ParseError:
        return None
