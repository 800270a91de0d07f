"""The session timer of one call, both roles (RFC 4028): who refreshes it, when, and what follows when nobody
does.

The refresher sends an UPDATE at half the interval, or a re-INVITE of the owner's where the peer knows no
UPDATE. A session that is not refreshed is ended with BYE. Every INVITE and UPDATE of the call, whoever sends
it, settles interval and refresher anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sip.call_listener import CallState
from sip.call_policy import SHORTEST_INTERVAL, CallPolicy, SessionTimers
from sip.capabilities import TIMER
from sip.errors import ParseError
from sip.extension_headers import SessionExpires
from sip.grammar import parse_number
from sip.in_dialog_request import InDialogRequest
from sip.message import Request, Response, response_to
from sip.timers import Timer

if TYPE_CHECKING:
    from sip.call import Call

LEAST_INTERVAL = 10
"""Seconds; below it a peer's interval would only make traffic."""

RETRY_AFTER = 5.0
"""Seconds until a refresh that was refused for the moment is made again."""

MAXIMUM_RAISES = 3
"""How often a 422 makes us ask again, for a longer interval."""

_PASSING = (408, 422, 480, 481, 491)
"""Refusals of an UPDATE that are none of UPDATE itself."""

Headers = Sequence[tuple[str, str]]


class SessionTimer:
    """`active` while both sides count on refreshes."""

    def __init__(self, call: Call, policy: CallPolicy) -> None:
        self._call = call
        self.policy = policy
        self._interval: int | None = None
        self._ours = False
        self._minimum = policy.min_session_expires
        self._asked: int | None = None
        self._raises = 0
        self._update_refused = False
        self._refresh: Timer | None = None
        self._expiry: Timer | None = None
        self._updating = False

    @property
    def active(self) -> bool:
        """Whether the session has an interval."""
        return self._interval is not None

    @property
    def interval(self) -> int | None:
        """Seconds, while active."""
        return self._interval

    @property
    def refreshes(self) -> bool:
        """Whether the refreshes are ours."""
        return self._ours

    def resume(self, interval: int, ours: bool, now: float) -> None:
        """Go on with what was agreed before the call was restored."""
        if not self._off:
            self._arm(interval, ours, now)

    @property
    def _off(self) -> bool:
        return self.policy.session_timers is SessionTimers.OFF

    # Requests of ours

    def request_headers(self) -> Headers:
        """What an INVITE or UPDATE of ours says of the timer (section 7.1)."""
        if self._off:
            return ()
        headers: list[tuple[str, str]] = []
        if self._interval is not None:
            self._asked = max(self._interval, self._minimum)
            refresher = "uac" if self._ours else "uas"
            headers.append(("Session-Expires", f"{self._asked};refresher={refresher}"))
        elif self.policy.session_timers is SessionTimers.ALWAYS or self._raises:
            # Without a refresher the peer chooses, and one that knows no timers does not mind.
            self._asked = max(self.policy.session_expires, self._minimum)
            headers.append(("Session-Expires", str(self._asked)))
        else:
            self._asked = None
        if self._minimum > SHORTEST_INTERVAL:
            headers.append(("Min-SE", str(self._minimum)))
        return headers

    def raised(self, response: Response) -> bool:
        """Note the least interval that a 422 names; True when the request is worth another attempt (section
        7.3)."""
        if response.status != 422 or self._off or self._raises >= MAXIMUM_RAISES:
            return False
        minimum = _minimum_of(response)
        if minimum is None or (self._asked is not None and minimum <= self._asked):
            return False
        self._raises += 1
        self._minimum = max(self._minimum, minimum)
        return True

    def agreed(self, response: Response, now: float) -> None:
        """A 2xx to an INVITE or UPDATE of ours (section 7.2). A peer that says nothing of the timer that we
        asked for knows none: then the refreshes are ours alone.
        """
        if self._off:
            return
        answered = _interval_of(response)
        if answered is not None:
            self._arm(answered.seconds, answered.refresher != "uas", now)
        elif self._asked is not None:
            self._arm(self._asked, True, now)
        else:
            self._disarm()

    # Requests of the peer

    def refusal(self, request: Request) -> Response | None:
        """422 for an interval below ours, to a peer that can raise it (section 9)."""
        asked = _interval_of(request)
        if self._off or asked is None or asked.seconds >= self.policy.min_session_expires:
            return None
        if not _supports(request):
            return None
        headers = (("Min-SE", str(self.policy.min_session_expires)),)
        return response_to(request, 422, to_tag=self._call.local_tag_for_answers, headers=headers)

    def answer_headers(self, request: Request, now: float) -> Headers:
        """What our 2xx to an INVITE or UPDATE says of the timer, which runs from now on (section 9, table
        2)."""
        if self._off:
            return ()
        supports = _supports(request)
        asked = _interval_of(request)
        least = max(_minimum_of(request) or 0, SHORTEST_INTERVAL)
        always = self.policy.session_timers is SessionTimers.ALWAYS
        if asked is not None:
            interval = asked.seconds
            if always:
                interval = max(min(interval, self.policy.session_expires), min(least, interval))
        elif self._interval is not None:
            interval = max(self._interval, least)
        elif always:
            interval = max(self.policy.session_expires, least)
        else:
            self._disarm()
            return ()
        refresher = "uas"
        if supports and asked is not None and asked.refresher is not None:
            refresher = asked.refresher
        elif supports and self._interval is not None and not self._ours:
            refresher = "uac"
        self._arm(interval, refresher == "uas", now)
        headers = [("Session-Expires", f"{interval};refresher={refresher}")]
        if supports:
            headers.append(("Require", TIMER))
        return headers

    def close(self) -> None:
        """The call is over."""
        self._disarm()

    # The clock

    def _arm(self, interval: int, ours: bool, now: float) -> None:
        self._disarm()
        self._interval = interval = max(interval, LEAST_INTERVAL)
        self._ours = ours
        timers = self._call.context.timers
        if ours:
            self._refresh = timers.schedule(now + interval / 2, self._refresh_due)
            self._expiry = timers.schedule(now + interval, self._expired)
        else:
            # Section 10: a little before the end, so that the peer still knows the dialog.
            self._expiry = timers.schedule(now + interval - min(32.0, interval / 3), self._expired)

    def _disarm(self) -> None:
        self._interval = None
        for timer in (self._refresh, self._expiry):
            if timer is not None:
                timer.cancel()
        self._refresh = self._expiry = None

    def _expired(self, now: float) -> None:
        self._expiry = None
        self._disarm()
        self._call.session_expired(now)

    def _refresh_due(self, now: float) -> None:
        self._refresh = None
        call = self._call
        if call.state is not CallState.ESTABLISHED or call.dialog is None:
            # A 200 that still waits for its ACK has timers of its own.
            self._retry(now)
        elif call.peer_updates and not self._update_refused:
            self._send_update(now)
        else:
            self._retry(now)  # in case nothing comes of it
            call.notify_refresh_due()

    def _send_update(self, now: float) -> None:
        call = self._call
        if self._updating:
            return
        self._updating = True
        update = InDialogRequest(
            call.context, call.established_dialog, call.flow, call.credentials, self._updated
        )
        update.send("UPDATE", now, (*call.dialog_headers, *self.policy.supported, *self.request_headers()))

    def _updated(self, status: int, response: Response | None, now: float) -> None:
        self._updating = False
        call = self._call
        if call.state is not CallState.ESTABLISHED or self._interval is None:
            return
        if response is not None and status < 300:
            call.established_dialog.refresh_target(response)
            self.agreed(response, now)
        elif response is not None and self.raised(response):
            self._send_update(now)
        elif status == 501 or (400 <= status < 500 and status not in _PASSING):
            # Not only 405: a peer that does not want an UPDATE may still take a re-INVITE.
            self._update_refused = True
            self._refresh_due(now)
        elif status in (408, 481):
            # Section 10 and RFC 3261 section 12.2.1.2: the dialog is gone.
            call.lost("timeout" if response is None else "remote", now)
        else:
            self._retry(now)

    def _retry(self, now: float) -> None:
        if self._interval is not None and self._refresh is None:
            self._refresh = self._call.context.timers.schedule(now + RETRY_AFTER, self._refresh_due)


def _supports(request: Request) -> bool:
    return TIMER in request.supported or TIMER in request.require


def _interval_of(message: Request | Response) -> SessionExpires | None:
    """Session-Expires; one that cannot be read counts as absent."""
    text = message.get("Session-Expires")
    if text is None:
        return None
    try:
        return SessionExpires.parse(text)
    except ParseError:
        return None


def _minimum_of(message: Request | Response) -> int | None:
    text = message.get("Min-SE")
    if text is None:
        return None
    try:
        return parse_number(text.partition(";")[0].strip(), "Min-SE")
    except ParseError:
        return None
