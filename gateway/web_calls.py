"""Direct calls: calls that a browser joins at the engine itself, as the agent's `browser_mode` has it.

The engine carries the audio, so that all we do is to follow: it tells us by webhook what becomes of the call,
and we ask now and then, in case it cannot. Either way a call goes `queued` -> `in-progress` -> `ended`, and
`failed` with `no-answer` when nobody joins. Calls of an earlier run are followed again after a start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from gateway.background_task import BackgroundTask
from gateway.call import Call, ChangeSink
from gateway.directory import Directory
from gateway.engine_request import engine_settings, longest_call_s, longest_ring_s
from gateway.errors import EngineError, LimitExceededError, UnavailableError
from gateway.failure_reasons import EndReason, FailureReason
from gateway.new_call import CallSettings
from media.ultravox.agent_settings import AgentSettingsError
from media.ultravox.call_request import CallRequestError, EngineCallback, EngineCallRequest
from media.ultravox.errors import EngineApiError, EngineRefusedError
from media.ultravox.protocol import HangUp
from media.ultravox.rest import EngineCallStatus, EngineTranscriptMessage, UltravoxClient
from sip.audio_codecs import NARROW_BAND_HZ
from store.database import Store
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus

log = structlog.get_logger(__name__)

MAX_LIVE = 200
POLLS_AT_ONCE = 8
JOIN_TIMEOUT_S = 120.0  # a person has to open the link first
LONGEST_CALL_MS = 86_400_000
MARGIN = timedelta(minutes=10)  # a call that the engine knows nothing of is given up so long after its time

_ROLES = {"MESSAGE_ROLE_AGENT": "agent", "MESSAGE_ROLE_USER": "user"}
_ENDS = {
    "hangup": EndReason.CONTACT_HANGUP,
    "agent_hangup": EndReason.AGENT_HANGUP,
    "timeout": EndReason.MAX_DURATION,
}


@dataclass(frozen=True, slots=True)
class StartedCall:
    """A call and the link by which it is joined at the engine. Whoever has the link can join."""

    record: CallRecord
    join_url: str = field(repr=False)


@dataclass(slots=True)
class _Followed:
    call: Call
    engine_call_id: str
    give_up_at: datetime
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # webhook and look may come together


class WebCalls(BackgroundTask):
    """Starts test calls and follows them to their end."""

    def __init__(
        self,
        *,
        directory: Directory,
        engine: UltravoxClient,
        store: Store,
        save: ChangeSink,
        price: Callable[[CallRecord], int | None],
        outcome: Callable[[CallRecord], str | None],
        callback: EngineCallback | None,
        poll_interval_s: float,
        max_duration_s: float,
        draining: Callable[[], bool],
    ) -> None:
        super().__init__("web-calls")
        self._directory = directory
        self._engine = engine
        self._store = store
        self._save = save
        self._price = price
        self._outcome = outcome
        self._callback = callback
        self._poll_interval_s = poll_interval_s
        self._default_max_duration_s = max_duration_s
        self._draining = draining
        self._followed: dict[str, _Followed] = {}

    def __len__(self) -> int:
        """How many are queued or in progress."""
        return len(self._followed)

    async def start_call(
        self,
        organization_id: str,
        agent_id: str,
        *,
        variables: Mapping[str, Any] | None = None,
        test: bool = True,
    ) -> StartedCall:
        """Raises `NotFoundError`; `InvalidRequestError` when the agent is not active; `EngineError`;
        `LimitExceededError`, `UnavailableError`.
        """
        if self._draining():
            raise UnavailableError("The gateway is shutting down.", code="draining", retry_after=30)
        agent = await self._directory.get_active_agent(organization_id, agent_id)
        if len(self._followed) >= MAX_LIVE:
            raise LimitExceededError(
                "Too many test calls at once.", code="too_many_test_calls", retry_after=30
            )
        longest_s = longest_call_s(agent, CallSettings(), self._default_max_duration_s)
        join_s = longest_ring_s(agent, CallSettings(), JOIN_TIMEOUT_S)
        record = CallRecord(
            id=uuid7(),
            organization_id=organization_id,
            status=CallStatus.QUEUED,
            direction=CallDirection.WEBRTC,
            agent_id=agent.id,
            created_at=datetime.now(UTC),
            variables=dict(variables or {}),
            metadata={"test": True} if test else {},
        )
        try:
            # No tool of ours: what the engine asks its client goes to the browser, not to us.
            settings = engine_settings(
                agent, self._directory.parts_of(agent), max_duration_s=longest_s, tools_of_ours=False
            )
            made = await self._engine.create_call(
                EngineCallRequest(
                    agent=settings,
                    sample_rate=NARROW_BAND_HZ,
                    metadata={"call_id": record.id, "direction": str(CallDirection.WEBRTC)},
                    variables=record.variables,
                    join_timeout_ms=int(join_s * 1000),
                    callback=self._callback,
                    web_rtc=True,
                )
            )
        except (EngineApiError, AgentSettingsError, CallRequestError) as error:
            raise EngineError(f"The voice engine did not make the call: {error}") from error
        call = Call(record, self._save, price=self._price, outcome=self._outcome)
        call.update(engine_call_id=made.call_id)
        call.step("created", by="test-call" if test else "browser")
        call.step("engine-created", engine_call_id=made.call_id)
        await self._store.calls.insert(call.record)
        self._follow(call, made.call_id, self._longest(agent.id))
        call.save()
        return StartedCall(call.record, made.join_url)

    async def resume(self, records: Sequence[CallRecord]) -> None:
        """Follow calls of an earlier run again."""
        for record in records:
            timeline = await self._store.calls.timeline(record.id)
            call = Call.taken_up(record, timeline, self._save, price=self._price, outcome=self._outcome)
            call.step("followed-again")
            if record.started_at is not None:
                call.measured((datetime.now(UTC) - record.started_at).total_seconds())
            self._follow(call, record.engine_call_id or "", self._longest(record.agent_id))

    def _longest(self, agent_id: str) -> timedelta:
        """From making a test call to its end, as the agent now is; of one that is gone nobody knows more than
        how long a call may last at all.
        """
        agent = self._directory.agent(agent_id)
        if agent is None:
            return timedelta(milliseconds=LONGEST_CALL_MS)
        settings = CallSettings()
        longest_s = longest_call_s(agent, settings, self._default_max_duration_s)
        return timedelta(seconds=longest_s + longest_ring_s(agent, settings, JOIN_TIMEOUT_S))

    async def told(self, call_id: str, status: EngineCallStatus) -> None:
        """The engine says how a call stands; calls that are not followed here are none of ours."""
        followed = self._followed.get(call_id)
        if followed is not None and followed.engine_call_id == status.call_id:
            await self._apply(followed, status)

    def record(self, call_id: str) -> CallRecord | None:
        """A call that is followed here."""
        followed = self._followed.get(call_id)
        return None if followed is None else followed.call.record

    async def hang_up(self, call_id: str) -> CallRecord:
        """Have the engine end a call in progress, or forget one that nobody has joined. Raises
        `EngineError`.
        """
        followed = self._followed[call_id]
        call = followed.call
        try:
            if call.status is CallStatus.QUEUED:
                await self._engine.delete_call(followed.engine_call_id)
            else:
                await self._engine.send_data_message(followed.engine_call_id, HangUp())
        except EngineApiError as error:
            raise EngineError(f"The voice engine did not end the call: {error}") from error
        async with followed.turn:
            if call.status is CallStatus.QUEUED:
                call.step("cancel-requested")
                call.cancel()
                self._forget(call)
        return call.record

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._poll_interval_s)
            await self.look()

    async def look(self) -> None:
        """Ask the engine about every call once."""
        places = asyncio.Semaphore(POLLS_AT_ONCE)

        async def look_at(followed: _Followed) -> None:
            async with places:
                try:
                    await self._look_at(followed)
                except Exception:
                    log.exception("web_call_not_looked_at", call_id=followed.call.id)

        await asyncio.gather(*(look_at(followed) for followed in tuple(self._followed.values())))

    async def _look_at(self, followed: _Followed) -> None:
        try:
            status = await self._engine.get_call(followed.engine_call_id)
        except EngineRefusedError as error:
            if error.status == 404:
                await self._lose(followed, "the engine does not know the call")
        except EngineApiError as error:
            log.info("web_call_not_seen", call_id=followed.call.id, error=str(error))
        else:
            await self._apply(followed, status)
        if datetime.now(UTC) > followed.give_up_at:
            await self._lose(followed, "the engine did not say that the call was over")

    async def _apply(self, followed: _Followed, status: EngineCallStatus) -> None:
        async with followed.turn:
            call = followed.call
            joined, ended = _moment(status.joined), _moment(status.ended)
            if joined is not None and call.status is CallStatus.QUEUED:
                call.step("joined")
                call.answer(joined)
            if ended is None or call.terminal:
                return
            if joined is None:
                call.fail(FailureReason.NO_ANSWER)
            else:
                await self._hear(followed)
                call.measured(max(0.0, (ended - joined).total_seconds()))
                reason = _ENDS.get(status.end_reason or "")
                if reason is not None:
                    call.end(reason)
                else:
                    call.fail(FailureReason.AGENT_ERROR)
            self._forget(call)

    async def _hear(self, followed: _Followed) -> None:
        """The transcript, from the engine's own history; without it the call ends all the same."""
        try:
            messages = await self._engine.list_messages(followed.engine_call_id)
        except EngineApiError as error:
            followed.call.step("transcript-missing", error=str(error))
            return
        for ordinal, message in enumerate(messages):
            if message.role in _ROLES:
                followed.call.transcript.add(
                    _ROLES[message.role],
                    ordinal,
                    text=message.text,
                    delta=None,
                    final=True,
                    media_ms=_start_ms(message),
                )

    async def _lose(self, followed: _Followed, why: str) -> None:
        async with followed.turn:
            if not followed.call.terminal:
                followed.call.step("engine-lost", error=why)
                followed.call.fail(FailureReason.AGENT_ERROR)
                self._forget(followed.call)

    def _follow(self, call: Call, engine_call_id: str, longest: timedelta) -> None:
        give_up_at = datetime.now(UTC) + longest + MARGIN
        self._followed[call.id] = _Followed(call, engine_call_id, give_up_at)

    def _forget(self, call: Call) -> None:
        self._followed.pop(call.id, None)
        log.info(
            "call_ended",
            call_id=call.id,
            direction=str(CallDirection.WEBRTC),
            status=str(call.status),
            reason=call.record.failure_reason or call.record.end_reason,
            duration_ms=call.record.duration_ms,
        )


def _moment(text: str | None) -> datetime | None:
    """A time of the engine's; None when it has not come, or cannot be read."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _start_ms(message: EngineTranscriptMessage) -> int:
    text = message.timespan.start if message.timespan is not None else None
    try:
        return int(float((text or "0").removesuffix("s")) * 1000)
    except ValueError:
        return 0
