"""The cold transfer of one call: the far party is asked to call somebody else (REFER), and we learn whether
it got through.

What becomes of it is told exactly once: completed, and the call is over, or failed, and the far party is back
with the agent, who is told so. While it is tried both hear nothing of each other.
"""

from __future__ import annotations

from typing import Any, Protocol

from gateway.call import Call
from gateway.errors import ConflictError
from gateway.webhooks.event_names import EventName
from sip.referral import ReferralNews, ReferralState
from sip.user_agent import Call as SipCall


class TransferringSession(Protocol):
    """What a transfer does to its call."""

    def part(self) -> None:
        """The far party waits: silence or music for it, silence for the agent."""
        ...

    def rejoin(self) -> None:
        """The end of that."""
        ...

    def tell_agent(self, text: str) -> None:
        """As if the caller had written it."""
        ...

    def transferred(self) -> None:
        """The far party speaks to somebody else: our part is over."""
        ...


class CallTransfer:
    """One call's transfers, one at a time."""

    def __init__(self, call: Call, session: TransferringSession) -> None:
        self._call = call
        self._session = session
        self._target: str | None = None
        self._parted = False

    @property
    def running(self) -> bool:
        """Whether one is under way."""
        return self._target is not None

    def start(self, sip: SipCall, uri: str, timeout_s: float) -> None:
        """Ask the far party to call `uri`. Raises `ConflictError`."""
        if self.running:
            raise ConflictError(
                "a transfer of this call is under way",
                code="transfer_running",
                status=str(self._call.status),
            )
        if not sip.refer(uri, self, timeout_s):
            raise ConflictError(
                "the call cannot be transferred now",
                code="transfer_not_possible",
                status=str(self._call.status),
            )
        self._target = uri
        self._parted = False
        self._publish("transfer-started", EventName.TRANSFER_STARTED, mode="cold", method="refer", target=uri)

    def on_referral(self, call: SipCall, news: ReferralNews) -> None:
        """What the far party says of it."""
        if not self.running:
            return
        match news.state:
            case ReferralState.ACCEPTED:
                # Only now: a far party that refuses at once never notices.
                self._parted = True
                self._session.part()
                self._call.step("transfer-progress", state="accepted")
            case ReferralState.PROGRESS:
                self._call.step("transfer-progress", sip_status=news.status, reason=news.reason)
            case ReferralState.COMPLETED:
                self._end("transfer-completed", EventName.TRANSFER_COMPLETED, news)
                self._session.transferred()
            case ReferralState.FAILED:
                self._end("transfer-failed", EventName.TRANSFER_FAILED, news)
                if self._parted:
                    self._session.rejoin()
                self._session.tell_agent(_told(news))

    def close(self) -> None:
        """The call is over; a transfer that was still open has not succeeded as far as anybody knows."""
        if self.running:
            self._end(
                "transfer-failed",
                EventName.TRANSFER_FAILED,
                ReferralNews(ReferralState.FAILED, None, "the call ended first"),
            )

    def _end(self, step: str, event: EventName, news: ReferralNews) -> None:
        target, self._target = self._target, None
        self._publish(step, event, target=target, sip_status=news.status, reason=news.reason)

    def _publish(self, step: str, event: EventName, **detail: Any) -> None:
        self._call.step(step, **detail)
        self._call.publish(event)
        self._call.save()


def _told(news: ReferralNews) -> str:
    """For the agent, who then speaks to the caller."""
    if news.status is None:
        why = "nobody said whether it went through"
    else:
        why = " ".join(filter(None, (str(news.status), news.reason)))
    return (
        f"(From the telephone system: the transfer did not succeed: {why}. The caller is back with you. Tell"
        " them so, and ask how they would like to go on.)"
    )
