"""A REFER of the peer's and the subscription that it makes: we tell in NOTIFYs what became of it (RFC 3515
section 2.4, RFC 6665; without a subscription where the peer wants none, RFC 4488).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sip.call_listener import CallState
from sip.in_dialog_request import InDialogRequest
from sip.message import REASONS, Request, Response, response_to
from sip.refer_target import ReferTarget
from sip.referral import FRAGMENT_TYPE
from sip.server_transaction import ServerTransaction

if TYPE_CHECKING:
    from sip.call import Call

NOT_ALLOWED = 603
SUBSCRIPTION_S = 180
"""For how long we say that there may be news: longer than any call of ours rings."""


class ReceivedReferral:
    """One REFER. `accept` or `reject` it, once; after `accept` say `progress` and, once, `finish`.

    Nothing is sent any more once the dialog is over, which the peer may end as soon as it likes.
    """

    def __init__(
        self, call: Call, request: Request, transaction: ServerTransaction, target: ReferTarget
    ) -> None:
        self.request = request
        self.target = target
        self._call = call
        self._transaction: ServerTransaction | None = transaction
        self._wants_news = (request.get("Refer-Sub") or "").partition(";")[0].strip().lower() != "false"
        self._number = request.cseq.number
        self.accepted = False
        self._finished = False
        self._last_status = 0

    @property
    def running(self) -> bool:
        """Whether its end is still to be told."""
        return not self._finished

    def reject(self, status: int = NOT_ALLOWED) -> None:
        """Refuse; without effect when it has been answered."""
        transaction, self._transaction = self._transaction, None
        self._finished = True
        if transaction is not None:
            transaction.respond(response_to(self.request, status), self._call.context.clock())

    def accept(self) -> None:
        """202, and the NOTIFY that has to follow at once (RFC 6665 section 4.2.1.2)."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        headers = self._call.dialog_headers
        if not self._wants_news:
            headers = (*headers, ("Refer-Sub", "false"))
        transaction.respond(response_to(self.request, 202, headers=headers), self._call.context.clock())
        self.accepted = True
        self._notify(100, "Trying", last=False)

    def close(self) -> None:
        """The call is over: one that nobody has answered yet gets its answer, news have nowhere to go."""
        self.reject(481)

    def progress(self, status: int, reason: str) -> None:
        """The target has answered provisionally; the same status again is not told."""
        if self.running and status != self._last_status and 100 < status < 200:
            self._notify(status, reason, last=False)

    def finish(self, status: int, reason: str | None = None) -> None:
        """The target's final answer, and the end of the subscription."""
        if self.running:
            self._finished = True
            self._notify(status, reason or REASONS.get(status, ""), last=True)

    def _notify(self, status: int, reason: str, *, last: bool) -> None:
        call = self._call
        self._last_status = status
        over = call.state is CallState.ENDED
        if over or not self.accepted or not self._wants_news or call.dialog is None:
            return
        state = "terminated;reason=noresource" if last else f"active;expires={SUBSCRIPTION_S}"
        text = "".join(character for character in reason if " " <= character <= "~")[:100]
        notify = InDialogRequest(call.context, call.dialog, call.flow, call.credentials, self._told)
        notify.send(
            "NOTIFY",
            call.context.clock(),
            (
                ("Event", f"refer;id={self._number}"),
                ("Subscription-State", state),
                *call.dialog_headers,
                ("Content-Type", f"{FRAGMENT_TYPE};version=2.0"),
            ),
            f"SIP/2.0 {status} {text}\r\n".encode("ascii"),
        )

    def _told(self, status: int, response: Response | None, now: float) -> None:
        """481 to a NOTIFY ends the subscription, and not the call (RFC 5057 section 5.1)."""
        if status in (481, 489):
            self._wants_news = False
