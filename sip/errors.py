"""Everything the SIP and SDP syntax layer can raise, one class per cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sip.message import Request


class SipError(Exception):
    """Base of all errors of this package."""


class ParseError(SipError):
    """What was received breaks the grammar of RFC 3261.

    `reason` is the reason phrase that names the fault and `status` the answer it deserves (400, 416, 505,
    513). `request` is the request as far as it could be read, when it can be answered: it is not an ACK and
    its topmost Via says where the answer goes. It may lack any other header; `response_to` copies what is
    there, so answer it statelessly. None when nothing can be answered: drop and count.
    """

    def __init__(self, reason: str, *, status: int = 400, request: Request | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.request = request
        self.wire = b""
        """What came, as far as whoever read it from a connection has kept it."""


class FramingError(ParseError):
    """A byte stream in which the next message cannot be found any more: its connection has to be closed.

    `earlier` holds what was read from the same bytes before the fault, in order.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int = 400,
        request: Request | None = None,
        earlier: Sequence[object] = (),
    ) -> None:
        super().__init__(reason, status=status, request=request)
        self.earlier = list(earlier)


class HeaderInjectionError(SipError):
    """A value that we were asked to write holds CR, LF or what cannot be encoded: it would forge headers."""


class DigestError(SipError):
    """The credentials asked for cannot be given: no challenge in the answer is one we support."""


class SdpError(SipError):
    """A session description that cannot be read (the answer is 400)."""


class NotAcceptableError(SipError):
    """A session description that can be read but shares nothing with what we can do (the answer is 488)."""
