"""What the engine remembers: calls with their messages and events, agents and webhooks.

All of it in memory, bounded.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from local_engine.call_settings import CallSettings
from local_engine.durations import billed_seconds, format_duration, format_timestamp, utc_now
from local_engine.errors import NotFound
from local_engine.faults import CallFaults

if TYPE_CHECKING:
    from local_engine.media_session import MediaSession

MAX_MESSAGES = 2000
MAX_EVENTS = 500
MAX_CLEARS = 100
# Ended calls whose audio is kept, however short they were.
MAX_WITH_AUDIO = 200


class EndReason(StrEnum):
    """Why a call ended."""

    UNJOINED = "unjoined"
    HANGUP = "hangup"
    AGENT_HANGUP = "agent_hangup"
    TIMEOUT = "timeout"
    CONNECTION_ERROR = "connection_error"
    SYSTEM_ERROR = "system_error"


class Role(StrEnum):
    """Who said it."""

    USER = "MESSAGE_ROLE_USER"
    AGENT = "MESSAGE_ROLE_AGENT"
    TOOL_CALL = "MESSAGE_ROLE_TOOL_CALL"
    TOOL_RESULT = "MESSAGE_ROLE_TOOL_RESULT"


@dataclass(slots=True)
class HistoryMessage:
    """One entry of a call's history; `start_ms` and `end_ms` lie on the input audio's clock."""

    role: Role
    text: str
    medium: str | None = None
    tool_name: str | None = None
    invocation_id: str | None = None
    error_details: str | None = None
    start_ms: float | None = None
    end_ms: float | None = None
    stage: int = 0


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something worth telling about a call; `at_ms` after the join."""

    severity: str
    type: str
    text: str
    at_ms: float
    wall_clock: str


@dataclass(slots=True)
class Counters:
    """What the socket saw; `/inspect/calls/{id}` shows them."""

    frames_received: int = 0
    bytes_received: int = 0
    frames_sent: int = 0
    bytes_sent: int = 0
    frames_dropped: int = 0
    gaps: int = 0
    longest_gap_ms: float = 0.0
    overflow_ms_dropped: float = 0.0
    messages_received: dict[str, int] = field(default_factory=dict)
    messages_sent: dict[str, int] = field(default_factory=dict)
    clears_sent: int = 0
    cleared_at: list[float] = field(default_factory=list)
    """Unix times of the last clear messages, taken just before each was written."""
    interruptions: int = 0
    second_clients: int = 0
    close_code_received: int | None = None
    close_code_sent: int | None = None


@dataclass(slots=True)
class CallRecord:
    """A call from creation on. `body` is the request as given (with an agent's template merged in)."""

    call_id: str
    created: datetime
    settings: CallSettings
    faults: CallFaults
    body: dict[str, Any]
    join_url: str
    scenario: str
    agent_id: str | None = None
    agent_name: str | None = None
    prior_call_id: str | None = None
    client_version: str | None = None
    joined: datetime | None = None
    ended: datetime | None = None
    end_reason: EndReason | None = None
    billed_s: int | None = None
    history: list[HistoryMessage] = field(default_factory=list)
    inherited: int = 0
    """How many messages at the start of `history` come from before the call."""
    events: list[CallEvent] = field(default_factory=list)
    stage_ids: list[str] = field(default_factory=lambda: [str(uuid.uuid4())])
    counters: Counters = field(default_factory=Counters)
    session: MediaSession | None = None
    recording: bytes | None = None

    def add_message(self, message: HistoryMessage) -> None:
        """Append to the history; beyond `MAX_MESSAGES` the oldest of this call goes."""
        self.history.append(message)
        if len(self.history) > MAX_MESSAGES:
            del self.history[0]
            self.inherited = max(0, self.inherited - 1)

    def add_event(self, severity: str, kind: str, text: str) -> CallEvent:
        """Append an event; beyond `MAX_EVENTS` the oldest goes."""
        now = utc_now()
        since = (now - self.joined).total_seconds() * 1000 if self.joined else 0.0
        event = CallEvent(severity, kind, text, since, format_timestamp(now))
        self.events.append(event)
        if len(self.events) > MAX_EVENTS:
            del self.events[0]
        return event

    def begin_stage(self) -> None:
        """A tool began a new stage of the call."""
        self.stage_ids.append(str(uuid.uuid4()))

    def end(self, reason: EndReason) -> bool:
        """Mark as ended, once. Returns whether this was the end."""
        if self.ended is not None:
            return False
        self.ended = utc_now()
        self.end_reason = reason
        joined_for = (self.ended - self.joined).total_seconds() if self.joined else 0.0
        self.billed_s = 0 if reason is EndReason.SYSTEM_ERROR else billed_seconds(joined_for)
        return True

    @property
    def billing_status(self) -> str:
        """The `billingStatus` of the API."""
        if self.billed_s is None:
            return "BILLING_STATUS_PENDING"
        if self.end_reason is EndReason.SYSTEM_ERROR:
            return "BILLING_STATUS_FREE_SYSTEM_ERROR"
        return "BILLING_STATUS_BILLED" if self.billed_s else "BILLING_STATUS_FREE_ZERO_EFFECTIVE_DURATION"


@dataclass(slots=True)
class AgentRecord:
    """An agent: `template` is its callTemplate as given."""

    agent_id: str
    name: str
    created: datetime
    template: dict[str, Any]
    revision_id: str
    calls: int = 0


@dataclass(slots=True)
class WebhookRecord:
    """A webhook of the account, or of one agent."""

    webhook_id: str
    created: datetime
    url: str
    events: tuple[str, ...]
    secrets: tuple[str, ...]
    agent_id: str | None = None
    unhealthy: bool = False
    last_change: datetime | None = None
    failures: list[tuple[str, str]] = field(default_factory=list)


class CallBook:
    """All calls: those alive and the last `keep` that ended; the audio of ended ones up to
    `keep_audio_bytes`.
    """

    def __init__(self, keep: int = 10_000, keep_audio_bytes: int = 64 * 1024 * 1024) -> None:
        self._calls: OrderedDict[str, CallRecord] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._with_audio: OrderedDict[str, int] = OrderedDict()
        self._keep = keep
        self._keep_audio_bytes = keep_audio_bytes
        self.created = 0
        self.alive = 0
        self.joined = 0
        self.listeners: list[Callable[[str, CallRecord], None]] = []
        """Called with `call.started`, `call.joined`, `call.ended` and `call.billed`."""

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(self._calls.values())

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, call_id: str) -> CallRecord:
        """Raises `NotFound`."""
        record = self._calls.get(call_id)
        if record is None:
            raise NotFound("No Call matches the given query.")
        return record

    def find(self, call_id: str) -> CallRecord | None:
        """The call, or `None`."""
        return self._calls.get(call_id)

    def add(self, record: CallRecord) -> None:
        """A call was created."""
        self._calls[record.call_id] = record
        self.created += 1
        self.alive += 1
        self._tell("call.started", record)

    def join(self, record: CallRecord) -> None:
        """Its client has connected."""
        record.joined = utc_now()
        self.joined += 1
        self._tell("call.joined", record)

    def end(self, record: CallRecord, reason: EndReason) -> None:
        """The call is over, for the first time or again (then nothing happens)."""
        if not record.end(reason):
            return
        self.alive -= 1
        if record.joined is not None:
            self.joined -= 1
            self._keep_audio_of(record)
        self._tell("call.ended", record)
        self._tell("call.billed", record)
        self._ended[record.call_id] = None
        while len(self._ended) > self._keep:
            oldest, _ = self._ended.popitem(last=False)
            self._calls.pop(oldest, None)

    def delete(self, call_id: str) -> None:
        """Forget a call that has ended. Raises `NotFound`."""
        self.get(call_id)
        self._calls.pop(call_id, None)
        self._ended.pop(call_id, None)
        self._with_audio.pop(call_id, None)

    @property
    def _audio_bytes(self) -> int:
        return sum(self._with_audio.values())

    def _keep_audio_of(self, record: CallRecord) -> None:
        if record.session is None:
            return
        if record.session.recorder is None:
            record.session = None
            return
        self._with_audio[record.call_id] = record.session.recorder.kept_bytes
        while len(self._with_audio) > MAX_WITH_AUDIO or self._audio_bytes > self._keep_audio_bytes:
            oldest, _ = self._with_audio.popitem(last=False)
            forgotten = self._calls.get(oldest)
            if forgotten is not None:
                forgotten.session = None

    def _tell(self, event: str, record: CallRecord) -> None:
        for listener in self.listeners:
            listener(event, record)


def billed_duration(record: CallRecord) -> str | None:
    """The `billedDuration` of the API."""
    return None if record.billed_s is None else format_duration(record.billed_s)
