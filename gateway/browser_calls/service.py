"""Calls of browsers: made with a token, joined by it, found by the secret in a session's address."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from gateway.browser_calls.credentials import Credential, call_of
from gateway.browser_calls.errors import (
    SessionUnknownError,
    TokenExpiredError,
    TokenUnknownError,
)
from gateway.browser_calls.session import BrowserServices, BrowserSession, Joined
from gateway.call import Call, ChangeSink
from gateway.cluster.limits import Limit
from gateway.directory import Directory
from gateway.engine_request import longest_ring_s
from gateway.errors import LimitExceededError, UnavailableError
from gateway.new_call import CallSettings
from store.database import Store
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus

# A page whose connection broke just before the end still learns how the call ended.
REMEMBERED_S = 60.0
MAX_REMEMBERED = 1_000
RETRY_S = 10

BRIDGED = "bridged"
"""The mark of our own calls among those of browsers, in `call_settings`; the others go on at the engine."""


def is_bridged(record: CallRecord) -> bool:
    """Whether our own media stack carries this call of a browser."""
    return record.direction is CallDirection.WEBRTC and bool(record.call_settings.get(BRIDGED))


@dataclass(frozen=True, slots=True)
class BrowserTicket:
    """A call that waits to be joined. Whoever has the token can join, once."""

    record: CallRecord
    token: str = field(repr=False)
    expires_at: datetime
    agent_name: str


class BrowserCalls:
    """All calls of browsers on this node."""

    def __init__(
        self,
        services: BrowserServices,
        *,
        directory: Directory,
        store: Store,
        save: ChangeSink,
        price: Callable[[CallRecord], int | None],
        outcome: Callable[[CallRecord], str | None],
    ) -> None:
        self._services = services
        self._directory = directory
        self._store = store
        self._save = save
        self._price = price
        self._outcome = outcome
        self._sessions: dict[str, BrowserSession] = {}
        self._over: OrderedDict[str, tuple[float, BrowserSession]] = OrderedDict()
        self._making = 0

    def __len__(self) -> int:
        """How many are waiting or in progress."""
        return len(self._sessions)

    @property
    def waiting(self) -> int:
        """How many nobody has joined yet."""
        return self._making + sum(session.waiting for session in self._sessions.values())

    async def create(
        self,
        organization_id: str,
        agent_id: str,
        *,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        test: bool = False,
        origin: str | None = None,
        limits: Sequence[Limit] = (),
        join_within_s: float | None = None,
        untrusted_variables: frozenset[str] = frozenset(),
    ) -> BrowserTicket:
        """A queued call and the token by which it is joined, from `origin` only if one is named. `limits`
        count until the call is over; `join_within_s` makes the time to join it shorter; a stranger has set
        the `untrusted_variables`.

        Raises `NotFoundError`; `InvalidRequestError` when the agent is not active; `LimitExceededError`;
        `UnavailableError` while draining.
        """
        services = self._services
        if services.draining():
            raise UnavailableError("The gateway is shutting down.", code="draining", retry_after=30)
        agent = await self._directory.get_active_agent(organization_id, agent_id)
        if self.waiting >= services.config.max_waiting:
            raise LimitExceededError(
                "Too many calls wait to be joined.", code="too_many_waiting", retry_after=RETRY_S
            )
        record = CallRecord(
            id=uuid7(),
            organization_id=organization_id,
            status=CallStatus.QUEUED,
            direction=CallDirection.WEBRTC,
            agent_id=agent.id,
            created_at=datetime.now(UTC),
            variables=dict(variables or {}),
            metadata={**(metadata or {}), **({"test": True} if test else {})},
            call_settings={BRIDGED: True},
            node_id=services.session.node_id,
        )
        self._making += 1
        try:
            await self._admit(record, limits)
        finally:
            self._making -= 1
        token, kept = Credential.issue(record.id)
        longest_s = longest_ring_s(agent, CallSettings(), services.config.join_timeout)
        join_timeout_s = longest_s if join_within_s is None else min(join_within_s, longest_s)
        call = Call(record, self._save, price=self._price, outcome=self._outcome)
        call.step("created", by="test-call" if test else "browser")
        session = BrowserSession(
            call,
            agent,
            services,
            kept,
            join_timeout_s=join_timeout_s,
            origin=origin,
            over=self._forget,
            untrusted_variables=untrusted_variables,
        )
        self._sessions[call.id] = session
        expires_at = record.created_at + timedelta(seconds=join_timeout_s)
        return BrowserTicket(call.record, token, expires_at, agent.name)

    async def _admit(self, record: CallRecord, limits: Sequence[Limit]) -> None:
        """Take the call's places and keep it. Raises `LimitExceededError`."""
        leases = self._services.session.leases
        if limits:
            reached = await leases.acquire(record.id, limits)
            if reached is not None:
                raise LimitExceededError(
                    f"As many calls are going on as may at once ({reached.limit.counted}).",
                    code="concurrency_limit",
                    limited=str(reached.limit.counted),
                    retry_after=RETRY_S,
                )
        try:
            await self._store.calls.insert(record)
        except BaseException:
            leases.release(record.id)
            raise

    async def join(self, token: str, offer: bytes, *, origin: str | None, peer_host: str) -> Joined:
        """Answer an offer. `peer_host`: where the request came from. Raises what `BrowserSession.join` does,
        and `TokenUnknownError`.
        """
        return await self.holder(token).join(offer, origin, peer_host)

    def holder(self, token: str) -> BrowserSession:
        """The call that a token is for. Raises `TokenUnknownError`, and `TokenExpiredError` when it is
        over.
        """
        call_id = call_of(token)
        session = self._find(call_id) if call_id is not None else None
        if session is None or not session.takes_token(token):
            raise TokenUnknownError("The token is unknown, or its call was over long ago.")
        if session.over:
            raise TokenExpiredError("The call is over, or nobody joined it in time.")
        return session

    def session(self, secret: str) -> BrowserSession:
        """The session that has this secret in its address, also one that was over a moment ago. Raises
        `SessionUnknownError`.
        """
        call_id = call_of(secret)
        session = self._find(call_id) if call_id is not None else None
        if session is None or not session.takes_secret(secret):
            raise SessionUnknownError("There is no such session, or it is over.")
        return session

    def live_session(self, secret: str) -> BrowserSession:
        """The same, and it is not over. Raises `SessionUnknownError`."""
        session = self.session(secret)
        if session.over:
            raise SessionUnknownError("The session is over.")
        return session

    def end_waiting(self) -> None:
        """The gateway drains: what nobody has joined will not be joined."""
        for session in tuple(self._sessions.values()):
            if session.waiting:
                session.shut_down()

    def _find(self, call_id: str) -> BrowserSession | None:
        session = self._sessions.get(call_id)
        if session is None and call_id in self._over:
            session = self._over[call_id][1]
        return session

    def _forget(self, session: BrowserSession) -> None:
        self._sessions.pop(session.call.id, None)
        now = monotonic()
        self._over[session.call.id] = (now, session)
        while self._over:
            at, _ = next(iter(self._over.values()))
            if len(self._over) <= MAX_REMEMBERED and now - at < REMEMBERED_S:
                break
            self._over.popitem(last=False)
