"""A conversation that notes what its parts do to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.call import Call
from gateway.failure_reasons import EndReason, FailureReason
from store.records import CallDirection, CallRecord, CallStatus


@dataclass
class ControlLog:
    """A `ConversationControl`."""

    told: list[dict[str, Any]] = field(default_factory=list)
    muted: list[tuple[bool, bool]] = field(default_factory=list)
    ended: list[EndReason] = field(default_factory=list)
    asked_to_end: list[tuple[EndReason, str]] = field(default_factory=list)
    engine_reasons: list[EndReason] = field(default_factory=list)
    lost: list[FailureReason] = field(default_factory=list)

    def tell_engine(self, **message: Any) -> None:
        self.told.append(message)

    def mute(self, *, caller: bool, agent: bool) -> None:
        self.muted.append((caller, agent))

    def end_after_playout(self, reason: EndReason) -> None:
        self.ended.append(reason)

    def ask_engine_to_end(self, reason: EndReason, farewell: str) -> None:
        self.asked_to_end.append((reason, farewell))

    def engine_ends(self, reason: EndReason) -> None:
        self.engine_reasons.append(reason)

    def lose(self, reason: FailureReason, detail: str) -> None:
        self.lost.append(reason)


def outbound_call() -> Call:
    """A call in progress that saves nowhere."""
    record = CallRecord(
        id="c1",
        organization_id="o",
        status=CallStatus.IN_PROGRESS,
        direction=CallDirection.OUTBOUND,
        agent_id="a",
        created_at=datetime.now(UTC),
    )
    return Call(record, lambda record, steps, names: None)
