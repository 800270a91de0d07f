"""Q.850 causes in Reason headers (RFC 3326), and those that fit a SIP status (RFC 3398 section 8.2.6.1)."""

from __future__ import annotations

from sip.errors import ParseError
from sip.extension_headers import Reason
from sip.grammar import quote
from sip.headers import split_comma
from sip.message import Request, Response

NORMAL_CLEARING = 16
TEMPORARY_FAILURE = 41
INTERWORKING = 127  # the highest there is: something else

_OF_STATUS = {
    400: 41,
    401: 21,
    403: 21,
    404: 1,
    405: 63,
    406: 79,
    407: 21,
    408: 102,
    410: 22,
    415: 79,
    480: 18,
    483: 25,
    484: 28,
    485: 1,
    486: 17,
    487: NORMAL_CLEARING,
    500: 41,
    501: 79,
    502: 38,
    503: 41,
    504: 102,
    580: 47,
    600: 17,
    603: 21,
    604: 1,
    607: 21,
    608: 21,
}


def q850_cause(message: Request | Response) -> int | None:
    """The first Q.850 cause that the message gives; what cannot be read gives none."""
    for value in message.get_all("Reason"):
        for part in split_comma(value):
            try:
                reason = Reason.parse(part)
            except ParseError:
                continue
            cause = reason.cause
            if reason.protocol.upper() == "Q.850" and cause is not None and cause <= INTERWORKING:
                return cause
    return None


def cause_of_status(status: int) -> int:
    """The cause that a final answer with this status means."""
    return _OF_STATUS.get(status, INTERWORKING)


def reason_of_status(status: int, text: str | None = None) -> str:
    """The Reason header of a final answer: the Q.850 cause, behind the SIP status in words where there are
    some.
    """
    cause = f"Q.850;cause={cause_of_status(status)}"
    return cause if text is None else f"SIP;cause={status};text={quote(text)}, {cause}"
