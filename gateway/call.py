"""One call: its status, its timeline and its transcript, and the only place where they change.

The status moves by compare-and-set along the table below, and a terminal status is terminal for ever:
whoever comes late finds that the change was not made and leaves the call alone. Nothing here touches
sockets, clocks of its own or the store: time comes from `Clock`, and every change is handed to the `sink`
as an immutable record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol

from gateway.analysis.outcome import outcome_by_facts
from gateway.event_bus import EventBus
from gateway.failure_reasons import EndReason, FailureReason
from gateway.transcript import Transcript
from gateway.webhooks.event_names import EVENT_OF_STATUS
from gateway.wire_text import keepable_fields
from store.records import CallRecord, CallStatus, TimelineEvent

TRANSITIONS: dict[CallStatus, frozenset[CallStatus]] = {
    CallStatus.QUEUED: frozenset(
        {CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.CANCELLED, CallStatus.FAILED}
    ),
    CallStatus.RINGING: frozenset({CallStatus.IN_PROGRESS, CallStatus.CANCELLED, CallStatus.FAILED}),
    CallStatus.IN_PROGRESS: frozenset({CallStatus.ENDED, CallStatus.FAILED}),
    CallStatus.ENDED: frozenset(),
    CallStatus.FAILED: frozenset(),
    CallStatus.CANCELLED: frozenset(),
}

TIMELINE_LIMIT = 1_000  # steps kept for one call; what comes after is counted, not kept


Follower = Callable[[str, Mapping[str, Any]], None]
"""Is told the kind of what is announced, and its data."""


class ChangeSink(Protocol):
    """Takes a state of a call, the steps since the last one, and the names of public events that became
    true with it.
    """

    def __call__(
        self, record: CallRecord, steps: Sequence[TimelineEvent], names: Sequence[str], /
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks a call needs: the time of day for what is told, the monotonic one for what is
    measured.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = monotonic


class Call:
    """A call in the making, in progress or over. Not thread-safe: it belongs to the gateway's event loop."""

    def __init__(
        self,
        record: CallRecord,
        sink: ChangeSink,
        clock: Clock | None = None,
        price: Callable[[CallRecord], int | None] = lambda record: None,
        outcome: Callable[[CallRecord], str | None] = outcome_by_facts,
    ) -> None:
        """`price` tells what a call that is over costs, in US cents, `outcome` what came of it."""
        self._clock = clock or Clock()
        self._price = price
        self._outcome = outcome
        self._record = _keepable(record)
        self._sink = sink
        self._born = self._clock.monotonic()
        self._answered: float | None = None
        self._steps = 0
        self._unsaved: list[TimelineEvent] = []
        self._untold: list[str] = []
        self._timeline: list[TimelineEvent] = []
        self.transcript = Transcript()
        self._bus: EventBus | None = None
        self._followers: list[Follower] = []
        self.gone = False

    @classmethod
    def taken_up(
        cls,
        record: CallRecord,
        timeline: Sequence[TimelineEvent],
        sink: ChangeSink,
        clock: Clock | None = None,
        price: Callable[[CallRecord], int | None] = lambda record: None,
        outcome: Callable[[CallRecord], str | None] = outcome_by_facts,
    ) -> Call:
        """A call from the store, for what is still to be added to it."""
        call = cls(record, sink, clock, price, outcome)
        call._born -= (call._clock.now() - record.created_at).total_seconds()
        call._timeline = list(timeline)
        call._steps = timeline[-1].sequence if timeline else 0
        return call

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def record(self) -> CallRecord:
        return self._record

    @property
    def status(self) -> CallStatus:
        return self._record.status

    @property
    def transcribed(self) -> bool:
        """Whether what is said may be kept and shown as text."""
        return self._record.call_settings.get("transcription_enabled") is not False

    @property
    def terminal(self) -> bool:
        return self._record.status.terminal

    @property
    def timeline(self) -> tuple[TimelineEvent, ...]:
        return tuple(self._timeline)

    def step(self, kind: str, **detail: Any) -> None:
        """Put a step on the timeline. It is saved with the next change of status, or by `save`."""
        self._steps += 1
        if self._steps > TIMELINE_LIMIT:
            return
        if self._steps == TIMELINE_LIMIT:
            kind, detail = "timeline-full", {"limit": TIMELINE_LIMIT}
        t_ms = int((self._clock.monotonic() - self._born) * 1000)
        detail = keepable_fields(detail)
        event = TimelineEvent(self.id, self._steps, t_ms, kind, detail)
        self._timeline.append(event)
        self._unsaved.append(event)
        self.announce("timeline", sequence=event.sequence, t_ms=t_ms, step=kind, detail=detail)

    def tell(self, bus: EventBus) -> None:
        """Tell whoever watches what happens from now on, and begin with what has happened already."""
        self._bus = bus
        if bus.active:
            self.announce("status", status=str(self.status), direction=str(self._record.direction))
            for event in self._timeline:
                self.announce(
                    "timeline",
                    sequence=event.sequence,
                    t_ms=event.t_ms,
                    step=event.kind,
                    detail=event.detail,
                )

    def follow(self, follower: Follower) -> None:
        """Tell this one of everything that is announced from now on, whoever else watches."""
        self._followers.append(follower)

    def announce(self, kind: str, /, **data: Any) -> None:
        """Tell those who watch; nothing happens when nobody does."""
        for follower in self._followers:
            follower(kind, data)
        if self._bus is not None and self._bus.active:
            self._bus.publish(self._record.organization_id, self.id, kind, data)

    def update(self, **fields: Any) -> None:
        """Change fields other than the status (identifiers learnt on the way, SIP codes, results)."""
        self._record = replace(self._record, **keepable_fields(fields))

    def publish(self, name: str) -> None:
        """Tell those outside who want to know of the public event `name`, with the next `save`."""
        self._untold.append(name)

    def save(self) -> None:
        """Hand the present record and the steps and events not yet saved to the sink."""
        events, self._unsaved = self._unsaved, []
        names, self._untold = self._untold, []
        self._sink(self._record, events, names)

    def let_go(self) -> None:
        """Somebody else has the call: nothing that happens to it here is written or told any more."""
        self.gone = True
        self._sink = _nowhere

    def ring(self) -> bool:
        return self._move(CallStatus.RINGING)

    def answer(self, at: datetime | None = None) -> bool:
        """The far party and we are connected: the call is in progress from now on, or since `at`."""
        if not self._move(CallStatus.IN_PROGRESS, started_at=at or self._clock.now()):
            return False
        self._answered = self._clock.monotonic()
        return True

    def measured(self, lasted_s: float) -> None:
        """Somebody nearer to the call knows for how long it has been in progress."""
        self._answered = self._clock.monotonic() - lasted_s

    def end(self, reason: EndReason) -> bool:
        """The call was answered and ended by a deliberate act or rule."""
        return self._finish(CallStatus.ENDED, end_reason=str(reason))

    def fail(self, reason: FailureReason, **fields: Any) -> bool:
        """The call could not be connected, or was lost for a technical reason."""
        return self._finish(CallStatus.FAILED, failure_reason=str(reason), end_reason=str(reason), **fields)

    def cancel(self) -> bool:
        """Somebody on our side took the call back before it was answered."""
        return self._finish(
            CallStatus.CANCELLED, cancelled_from=str(self.status), end_reason=str(EndReason.CANCELLED)
        )

    def _finish(self, status: CallStatus, **fields: Any) -> bool:
        duration = None
        if self._answered is not None:
            duration = int((self._clock.monotonic() - self._answered) * 1000)
        return self._move(
            status,
            ended_at=self._clock.now(),
            duration_ms=duration,
            transcript=self.transcript.entries() if self.transcribed else None,
            **fields,
        )

    def _move(self, status: CallStatus, **fields: Any) -> bool:
        """Compare-and-set: true when the call moved, false when its status does not allow it."""
        if status not in TRANSITIONS[self.status]:
            self.step("status-refused", **{"from": str(self.status), "to": str(status)})
            return False
        self.step("status", **{"from": str(self.status), "to": str(status)})
        self._record = replace(self._record, status=status, **fields)
        if status.terminal:
            self._record = replace(
                self._record, cost_cents=self._price(self._record), outcome=self._outcome(self._record)
            )
        self.announce(
            "status",
            status=str(status),
            direction=str(self._record.direction),
            failure_reason=self._record.failure_reason,
            end_reason=self._record.end_reason,
        )
        self.publish(EVENT_OF_STATUS[status])
        self.save()
        return True


def _nowhere(record: CallRecord, steps: Sequence[TimelineEvent], names: Sequence[str], /) -> None:
    pass


def _keepable(record: CallRecord) -> CallRecord:
    """The record with what the far side says of itself in a form that can be kept."""
    said = {name: getattr(record, name) for name in ("phone_number", "sip_call_id", "sip_from")}
    kept = keepable_fields(said)
    return record if kept == said else replace(record, **kept)
