"""Our REFER in a call and what becomes of it (RFC 3515, RFC 5589 section 6).

202 says no more than that the peer will try. The truth comes in NOTIFYs whose bodies are pieces of the
answers that the peer gets (RFC 3420); the last of them, or the end of the subscription, is the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sip.errors import ParseError
from sip.extension_headers import SubscriptionState
from sip.in_dialog_request import InDialogRequest
from sip.message import Request, Response
from sip.timers import Timer

if TYPE_CHECKING:
    from sip.call import Call

FRAGMENT_TYPE = "message/sipfrag"
_LONGEST_REASON = 100


class ReferralState(StrEnum):
    """`accepted` and `progress` may still come to anything; the others are the end."""

    ACCEPTED = "accepted"
    PROGRESS = "progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReferralNews:
    """`status` and `reason` are the peer's answer to the REFER, or what it has got from the target; without
    them the peer has said nothing. `refused`: the peer itself has said no, so that it calls nobody.
    """

    state: ReferralState
    status: int | None = None
    reason: str = ""
    refused: bool = False


class ReferralListener(Protocol):
    """Who asked for it."""

    def on_referral(self, call: Call, news: ReferralNews) -> None:
        """Exactly one COMPLETED or FAILED, at the end; nothing when the call ends first."""
        ...


class Referral:
    """One REFER of ours. It keeps itself until its end is known, `timeout` seconds at most."""

    def __init__(self, call: Call, listener: ReferralListener, timeout: float) -> None:
        self._call = call
        self._listener: ReferralListener | None = listener
        self._timeout = timeout
        self._accepted = False
        self._last: ReferralNews | None = None
        self._timer: Timer | None = None
        self._number = 0

    @property
    def running(self) -> bool:
        """Whether its end is still open."""
        return self._listener is not None

    def send(
        self, target: str, referred_by: str, now: float, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Ask the peer to call `target`, a URI."""
        call = self._call
        refer = InDialogRequest(
            call.context, call.established_dialog, call.flow, call.credentials, self._answered
        )
        self._timer = call.context.timers.schedule(now + self._timeout, self._timed_out)
        refer.send(
            "REFER",
            now,
            (("Refer-To", f"<{target}>"), ("Referred-By", referred_by), *call.dialog_headers, *headers),
        )
        self._number = call.established_dialog.local_cseq

    def receive_notify(self, request: Request) -> None:
        """A NOTIFY of the subscription that the REFER has made."""
        if not self.running or self._is_of_an_earlier_one(request):
            return
        # It may overtake the 202.
        self._accept()
        fragment = _fragment(request)
        state = _subscription(request)
        if fragment is not None:
            status, reason = fragment
            if status >= 200:
                outcome = ReferralState.COMPLETED if status < 300 else ReferralState.FAILED
                self._finish(ReferralNews(outcome, status, reason))
                return
            news = ReferralNews(ReferralState.PROGRESS, status, reason)
            if news != self._last:
                self._last = news
                self._tell(news)
        if state is not None and state.state == "terminated":
            # Over without a final answer: nobody knows, so it has not succeeded.
            self._finish(ReferralNews(ReferralState.FAILED, None, state.reason or ""))

    def _is_of_an_earlier_one(self, request: Request) -> bool:
        """A REFER before ours in this dialog, which we have given up, may still have news: `id` is the CSeq
        number of its REFER (RFC 3515 section 2.4.6).
        """
        _, *parameters = (request.get("Event") or "").split(";")
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            number = value.strip()
            if name.strip().lower() == "id" and number.isascii() and number.isdigit():
                return len(number) < 11 and int(number) < self._number
        return False

    def close(self) -> None:
        """The call is over."""
        self._listener = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _answered(self, status: int, response: Response | None, now: float) -> None:
        if not self.running:
            return
        if status < 300:
            self._accept()
            return
        reason = response.reason if response is not None else "No answer"
        refused = response is not None and not self._accepted
        self._finish(ReferralNews(ReferralState.FAILED, status, reason, refused))
        if status == 481 and response is not None:
            self._call.lost("remote", now)

    def _accept(self) -> None:
        if not self._accepted:
            self._accepted = True
            self._tell(ReferralNews(ReferralState.ACCEPTED))

    def _timed_out(self, _now: float) -> None:
        self._timer = None
        self._finish(ReferralNews(ReferralState.FAILED, None, "timeout"))

    def _finish(self, news: ReferralNews) -> None:
        listener = self._listener
        self.close()
        if listener is not None:
            self._call.guard(listener.on_referral, self._call, news)

    def _tell(self, news: ReferralNews) -> None:
        if self._listener is not None:
            self._call.guard(self._listener.on_referral, self._call, news)


def is_of_referral(request: Request) -> bool:
    """Whether a NOTIFY is about a REFER."""
    return (request.get("Event") or "").partition(";")[0].strip().lower() == "refer"


def _fragment(request: Request) -> tuple[int, str] | None:
    """Status and reason phrase in the body of a NOTIFY; None when there is none that can be read."""
    if request.content_type != FRAGMENT_TYPE:
        return None
    line = request.body.lstrip().split(b"\n", 1)[0].strip().decode("utf-8", "replace")
    version, _, rest = line.partition(" ")
    status, _, reason = rest.strip().partition(" ")
    if version.upper() != "SIP/2.0" or len(status) != 3 or not (status.isascii() and status.isdigit()):
        return None
    number = int(status)
    if not 100 <= number <= 699:
        return None
    return number, "".join(c for c in reason if c.isprintable())[:_LONGEST_REASON]


def _subscription(request: Request) -> SubscriptionState | None:
    text = request.get("Subscription-State")
    if text is None:
        return None
    try:
        return SubscriptionState.parse(text)
    except ParseError:
        return None
