"""Calls as the API sees them: place, read, list, hang up, cancel.

A live call is read from memory, everything else from the store; what the writer still holds is written
first, so that a reader never sees a status go back.
"""

from __future__ import annotations

import builtins
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from gateway.call import Call, ChangeSink
from gateway.call_quality import CONTACT_LEG, CallQuality, LegQuality
from gateway.cluster.limits import Counted
from gateway.dial_queue import DialQueue
from gateway.errors import (
    ConflictError,
    ForbiddenError,
    GatewayError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
)
from gateway.live_calls import LiveCalls
from gateway.new_call import NewCall
from gateway.new_trunk_identity import check_sip_headers
from gateway.outbound import MayRing, OutboundServices, OutboundSession
from gateway.outbound_policy import OutboundPolicies
from gateway.session import Session, as_dict
from gateway.web_calls import WebCalls
from routing.decisions import Refusal, RefusalKind
from routing.outbound import Counters, OutboundQuery, OutboundRoute, Strategy, decide_outbound
from routing.table import RoutingTable
from store.database import Store
from store.identifiers import uuid7
from store.records import (
    Agent,
    CallDirection,
    CallFilter,
    CallRecord,
    CallStatus,
    Page,
    TimelineEvent,
)
from store.writer import CallWriter

CONCURRENCY_RETRY_S = 5
SETTLE_TIMEOUT_S = 2.0  # how long hang-up and cancel wait for the far side before they answer


class CallService:
    """What the control API may do with calls."""

    def __init__(
        self,
        store: Store,
        writer: CallWriter,
        save: ChangeSink,
        price: Callable[[CallRecord], int | None],
        outcome: Callable[[CallRecord], str | None],
        live: LiveCalls,
        queue: DialQueue,
        outbound: OutboundServices,
        table: Callable[[], RoutingTable],
        agent: Callable[[str], Agent | None],
        draining: Callable[[], bool],
        policies: OutboundPolicies,
    ) -> None:
        self._store = store
        self._writer = writer
        self._save = save
        self._price = price
        self._outcome = outcome
        self._live = live
        self._queue = queue
        self._outbound = outbound
        self._table = table
        self._agent = agent
        self._draining = draining
        self._policies = policies
        self._random = random.SystemRandom()
        self.web_calls: WebCalls | None = None

    async def create(
        self,
        organization_id: str,
        request: NewCall,
        *,
        call_id: str | None = None,
        may_ring: MayRing | None = None,
    ) -> CallRecord:
        """Check everything, keep the call as `queued`, and dial without waiting.

        `call_id` is for whoever has written the id down before, and `may_ring` is asked right before the
        INVITE leaves: the call is cancelled when it says no.

        Raises `NotFoundError`, `InvalidRequestError`, `ForbiddenError` (never called from here),
        `LimitExceededError` (the queue is full, or a limit of calls at once, in a minute or of their cost is
        reached) or `UnavailableError` (draining).
        """
        if self._draining():
            raise UnavailableError("the gateway is shutting down", code="draining", retry_after=30)
        agent = self._agent(request.agent_id)
        if agent is None or agent.organization_id != organization_id:
            raise NotFoundError(f"no agent {request.agent_id}", agent_id=request.agent_id)
        if self._queue.full:
            raise LimitExceededError("the dial queue is full", code="queue_full", retry_after=10)
        check_sip_headers(request.settings.sip_headers or {}, "sip_headers")
        call_id = call_id or uuid7()
        async with self._policies.admit(organization_id, request.phone_number):
            decision = await self._place(call_id, organization_id, request)
            record = CallRecord(
                id=call_id,
                organization_id=organization_id,
                status=CallStatus.QUEUED,
                direction=CallDirection.OUTBOUND,
                agent_id=agent.id,
                created_at=datetime.now(UTC),
                phone_number=decision.to,
                from_number=decision.number.phone_number,
                trunk_id=decision.trunk.id,
                variables=dict(request.variables),
                metadata=dict(request.metadata),
                call_settings={
                    key: value for key, value in asdict(request.settings).items() if value is not None
                },
                node_id=self._outbound.session.node_id,
            )
            try:
                await self._store.calls.insert(record)
            except BaseException:
                self._outbound.session.leases.release(call_id)
                raise
        call = Call(record, self._save, price=self._price, outcome=self._outcome)
        call.step("created", by="api" if may_ring is None else "campaign")
        call.step("routed", trunk_id=record.trunk_id, from_number=record.from_number)
        session = OutboundSession(call, decision, agent, request.settings, self._outbound, may_ring)
        session.enqueue(self._queue)
        return call.record

    async def _place(self, call_id: str, organization_id: str, request: NewCall) -> OutboundRoute:
        """Number and trunk, with a place on each that is limited. A number without one is passed over for
        another of the agent's, unless it was asked for.
        """
        services = self._outbound.session
        query = OutboundQuery(organization_id, request.agent_id, request.phone_number, request.from_number)
        full: dict[str, int] = {}
        while True:
            counters = Counters(chance=self._random.random(), active=full, limit=1 if full else None)
            decision = decide_outbound(self._table(), query, Strategy.RANDOM, counters)
            if isinstance(decision, Refusal):
                if decision.kind is RefusalKind.AT_CAPACITY:
                    raise _limit_exceeded(Counted.NUMBER)
                raise _refused(decision, request.agent_id, request)
            limits = services.limits.of(organization_id, decision.trunk, decision.number)
            reached = await services.leases.acquire(call_id, limits) if limits else None
            if reached is None:
                return decision
            if reached.limit.counted is not Counted.NUMBER or request.from_number is not None:
                raise _limit_exceeded(reached.limit.counted)
            full[decision.number.id] = 1

    async def get(self, organization_id: str, call_id: str) -> CallRecord:
        session = self._live.get(call_id)
        if session is not None:
            return _owned(session, organization_id).call.record
        return await self._stored(organization_id, call_id)

    async def list(
        self, organization_id: str, filter: CallFilter, limit: int, offset: int
    ) -> Page[CallRecord]:
        await self._writer.catch_up()
        return await self._store.calls.list(organization_id, filter, limit, offset)

    async def pages(
        self, organization_id: str, filter: CallFilter
    ) -> AsyncIterator[builtins.list[CallRecord]]:
        """All calls that fit, newest first, some at a time."""
        await self._writer.catch_up()
        async for page in self._store.calls.pages(organization_id, filter):
            yield page

    async def timeline(self, organization_id: str, call_id: str) -> Sequence[TimelineEvent]:
        session = self._live.get(call_id)
        if session is not None:
            return _owned(session, organization_id).call.timeline
        await self._stored(organization_id, call_id)
        return await self._store.calls.timeline(call_id)

    async def quality(self, organization_id: str, call_id: str) -> CallQuality:
        """The figures of a call's legs: as they stand while it is up, the last ones afterwards."""
        session = self._live.get(call_id)
        if session is not None:
            record = _owned(session, organization_id).call.record
            statistics = await session.statistics() if record.statistics is None else None
            if statistics is None and session.over:
                # The leg is closed and its last figures are on their way.
                await session.wait_settled(SETTLE_TIMEOUT_S)
            figures = as_dict(statistics) if statistics is not None else session.call.record.statistics
            live = statistics is not None
        else:
            record = await self._stored(organization_id, call_id)
            figures, live = record.statistics, False
        legs = () if figures is None else (LegQuality(CONTACT_LEG, figures),)
        return CallQuality(call_id, live, record.answered_by, legs)

    async def hang_up(self, organization_id: str, call_id: str) -> CallRecord:
        """End a call in progress. Raises `ConflictError` when it is not, or no longer."""
        web = self._web_call(organization_id, call_id)
        if web is not None and web.status is CallStatus.IN_PROGRESS:
            return await self._end_web_call(call_id)
        session = await self.in_progress(organization_id, call_id)
        session.hang_up()
        await session.wait_settled(SETTLE_TIMEOUT_S)
        return session.call.record

    async def cancel(self, organization_id: str, call_id: str) -> CallRecord:
        """Take a queued or ringing outbound call back; waits a moment for the far side to confirm."""
        web = self._web_call(organization_id, call_id)
        if web is not None and web.status is CallStatus.QUEUED:
            return await self._end_web_call(call_id)
        session = await self._session(organization_id, call_id)
        if session.call.status is CallStatus.IN_PROGRESS or not session.cancellable:
            raise ConflictError(
                "only an outbound or a browser's call that was not answered yet can be cancelled",
                code="call_not_cancellable",
                status=str(session.call.status),
            )
        session.cancel()
        await session.wait_settled(SETTLE_TIMEOUT_S)
        return session.call.record

    async def in_progress(self, organization_id: str, call_id: str) -> Session:
        """The session of an answered call. Raises `NotFoundError`, and `ConflictError` when the call is not
        in progress, or no longer.
        """
        session = await self._session(organization_id, call_id)
        if session.call.status is not CallStatus.IN_PROGRESS:
            raise ConflictError(
                f"the call is {session.call.status}, not in progress yet; it can be cancelled",
                code="call_not_in_progress",
                status=str(session.call.status),
            )
        return session

    def live_session(self, call_id: str) -> Session | None:
        """The session of a call that is in progress, whoever owns it."""
        session = self._live.get(call_id)
        if session is None or session.over or session.call.status is not CallStatus.IN_PROGRESS:
            return None
        return session

    async def _session(self, organization_id: str, call_id: str) -> Session:
        session = self._live.get(call_id)
        if session is not None:
            _owned(session, organization_id)
            if not session.over and not session.call.terminal:
                return session
            # The end has begun: the answer tells how it ended.
            await session.wait_settled(SETTLE_TIMEOUT_S)
            record = session.call.record
        else:
            record = await self._stored(organization_id, call_id)
        raise ConflictError(
            f"the call is over: {record.status}", code="call_already_terminal", status=str(record.status)
        )

    def _web_call(self, organization_id: str, call_id: str) -> CallRecord | None:
        """A test call that is not over, of this organisation."""
        record = self.web_calls.record(call_id) if self.web_calls is not None else None
        return record if record is not None and record.organization_id == organization_id else None

    async def _end_web_call(self, call_id: str) -> CallRecord:
        assert self.web_calls is not None
        return await self.web_calls.hang_up(call_id)

    async def _stored(self, organization_id: str, call_id: str) -> CallRecord:
        if self._writer.waiting:
            await self._writer.catch_up()
        record = await self._store.calls.get(organization_id, call_id)
        if record is None:
            raise NotFoundError(f"no call {call_id}", call_id=call_id)
        return record


def _limit_exceeded(counted: Counted) -> LimitExceededError:
    return LimitExceededError(
        f"As many calls are going on as may at once ({counted}).",
        code="concurrency_limit",
        limited=str(counted),
        retry_after=CONCURRENCY_RETRY_S,
    )


def _refused(refusal: Refusal, agent_id: str, request: NewCall) -> GatewayError:
    """A routing refusal in the API's terms, naming the field that would have to change."""
    field = _FIELD_AT_FAULT.get(refusal.kind, "agent_id")
    error = ForbiddenError if refusal.kind is RefusalKind.EMERGENCY_NUMBER else InvalidRequestError
    return error(
        refusal.message,
        code=refusal.code,
        field=field,
        agent_id=agent_id,
        from_number=request.from_number,
        fix=refusal.fix,
    )


_FIELD_AT_FAULT = {
    RefusalKind.INVALID_NUMBER: "phone_number",
    RefusalKind.EMERGENCY_NUMBER: "phone_number",
    RefusalKind.FROM_NUMBER_NOT_ASSIGNED: "from_number",
}


def _owned(session: Session, organization_id: str) -> Session:
    record = session.call.record
    if record.organization_id != organization_id:
        raise NotFoundError(f"no call {record.id}", call_id=record.id)
    return session
