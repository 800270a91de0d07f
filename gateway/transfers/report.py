"""What the world is told of a call's transfers: steps of the timeline, public events, and the transfer on the
call object. Of each transfer one end is told, and one only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.call import Call
from gateway.timestamps import timestamp
from gateway.transfers.plan import TransferMethod, TransferPlan
from gateway.webhooks.event_names import EventName
from store.records import CallRecord

MOST_PROGRESS = 20  # steps and events of one transfer; a far side may say "ringing" for ever


class TransferReport:
    """One call's."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._state: dict[str, Any] = {}
        self._open = False
        self._told = 0

    def started(self, plan: TransferPlan, method: TransferMethod) -> None:
        self._open, self._told = True, 0
        self._state = {
            "status": "started",
            "mode": str(plan.mode),
            "method": str(method),
            "target": plan.target,
            "sip_status": None,
            "reason": None,
            "started_at": timestamp(datetime.now(UTC)),
            "ended_at": None,
        }
        self._publish(
            "transfer-started",
            EventName.TRANSFER_STARTED,
            mode=str(plan.mode),
            method=str(method),
            target=plan.target,
        )

    def progress(
        self, status: str, *, sip_status: int | None = None, reason: str = "", method: str | None = None
    ) -> None:
        """`status` is a word; `method`, when it is another from now on."""
        if not self._open or self._told >= MOST_PROGRESS:
            return
        if method is None and (status, sip_status) == (self._state["status"], self._state["sip_status"]):
            return  # rings on: what follows must have its place
        self._told += 1
        self._state["status"] = status
        self._state["sip_status"] = sip_status
        if method is not None:
            self._state["method"] = method
        detail = {"state": status, "sip_status": sip_status, "reason": reason or None, "method": method}
        self._publish(
            "transfer-progress",
            EventName.TRANSFER_PROGRESS,
            **{name: value for name, value in detail.items() if value is not None},
        )

    def completed(self, sip_status: int | None = None, reason: str = "") -> None:
        self._end("completed", EventName.TRANSFER_COMPLETED, sip_status, reason)

    def failed(self, sip_status: int | None = None, reason: str = "") -> None:
        self._end("failed", EventName.TRANSFER_FAILED, sip_status, reason)

    def _end(self, status: str, event: EventName, sip_status: int | None, reason: str) -> None:
        if not self._open:
            return
        self._open = False
        self._state |= {
            "status": status,
            "sip_status": sip_status,
            "reason": reason or None,
            "ended_at": timestamp(datetime.now(UTC)),
        }
        self._publish(
            f"transfer-{status}",
            event,
            target=self._state["target"],
            method=self._state["method"],
            sip_status=sip_status,
            reason=reason,
        )

    def _publish(self, step: str, event: EventName, **detail: Any) -> None:
        self._call.update(transfer=dict(self._state))
        self._call.step(step, **detail)
        self._call.publish(event)
        self._call.save()


def agent_left_after_ms(record: CallRecord) -> int | None:
    """How long after the answer the far party was joined with somebody else; None when the agent stayed."""
    transfer = record.transfer
    if transfer is None or record.started_at is None:
        return None
    if transfer["status"] != "completed" or transfer["method"] != TransferMethod.BRIDGE:
        return None
    joined_at = datetime.fromisoformat(transfer["ended_at"])
    return max(0, round((joined_at - record.started_at).total_seconds() * 1000))
