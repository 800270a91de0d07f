"""PRACKs of ours: each reliable provisional answer is acknowledged once, in order (RFC 3262 section 4)."""

from __future__ import annotations

from sip.call_context import CallContext
from sip.call_listener import Credentials
from sip.capabilities import RELIABLE
from sip.dialog import Dialog
from sip.errors import ParseError
from sip.extension_headers import RAck
from sip.flow import Flow
from sip.grammar import parse_number
from sip.in_dialog_request import InDialogRequest
from sip.message import Response


class ProvisionalAcknowledger:
    """Those of one INVITE, with all its branches."""

    __slots__ = ("_context", "_credentials", "_numbers")

    def __init__(self, context: CallContext, credentials: Credentials | None) -> None:
        self._context = context
        self._credentials = credentials
        self._numbers: dict[str, int] = {}

    def is_due(self, response: Response) -> bool | None:
        """Whether `response` is to be acknowledged; None when it is a repetition or out of order, and nothing
        must come of it.
        """
        number = _sequence_of(response)
        if number is None:
            return False
        last = self._numbers.get(response.to_tag or "")
        if last is not None and number != last + 1:
            return None
        return True

    def acknowledge(self, response: Response, dialog: Dialog, flow: Flow, now: float) -> None:
        """Send the PRACK for a `response` that is due."""
        number = _sequence_of(response)
        if number is None:
            return
        self._numbers[response.to_tag or ""] = number
        cseq = response.cseq
        prack = InDialogRequest(self._context, dialog, flow, self._credentials, _ignore_outcome)
        prack.send("PRACK", now, (("RAck", str(RAck(number, cseq.number, cseq.method))),))


def _sequence_of(response: Response) -> int | None:
    """The RSeq of a reliable provisional answer; one that cannot be read makes it an ordinary one."""
    text = response.get("RSeq")
    if text is None or response.status == 100 or RELIABLE not in response.require:
        return None
    try:
        return parse_number(text, "RSeq")
    except ParseError:
        return None


def _ignore_outcome(_status: int, _response: Response | None, _now: float) -> None:
    """What the peer says to a PRACK changes nothing: its final answer is what counts."""
