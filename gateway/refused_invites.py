"""What is told of an INVITE that does not become a call: to the metrics, the log and the list of recent
refusals. The far side hears no more than a status.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from gateway.metrics import GatewayMetrics
from gateway.rejections import Rejection, Rejections, short
from sip.addresses import authority
from sip.errors import SipError
from sip.message import Request

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an INVITE did not become a call; `explanation` is for the log, `owner` the organisation that it
    concerns where that is known. A status of 0: the far side heard nothing.
    """

    kind: str
    message: str
    status: int
    looked_up: str | None = None
    fix: str | None = None
    explanation: str | None = None
    owner: str | None = None


class RefusedInvites:
    """Tells of each."""

    def __init__(self, metrics: GatewayMetrics, rejections: Rejections) -> None:
        self._metrics = metrics
        self._rejections = rejections

    def note(self, refused: Refused, request: Request, source: tuple[str, int]) -> None:
        self._metrics.rejections_total.labels(refused.kind).inc()
        address = authority(*source)
        call_id = request.get("Call-ID") or ""
        log.warning(
            "invite_refused",
            kind=refused.kind,
            reason=refused.message,
            source=address,
            sip_call_id=call_id,
            explanation=refused.explanation,
        )
        self._rejections.add(
            Rejection(
                at=datetime.now(UTC),
                rule=refused.kind,
                sip_status=refused.status,
                message=refused.message,
                looked_up=short(refused.looked_up),
                fix=refused.fix,
                source=address,
                called=short(_user_of(lambda: request.request_uri.user_decoded)),
                caller=short(_user_of(lambda: request.from_.uri.user_decoded)),
                sip_call_id=short(call_id),
                user_agent=short(request.get("User-Agent")),
            ),
            source[0],
            refused.owner,
        )


def _user_of(read: Callable[[], str | None]) -> str | None:
    """A user part, or None where the header that holds it cannot be read."""
    try:
        return read()
    except SipError:
        return None
