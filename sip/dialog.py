"""Dialogs: the state two user agents share between requests (RFC 3261 section 12).

A dialog is known by Call-ID, local tag and remote tag, so that the early dialogs of a forked INVITE, which
differ in the To tag alone, are separate ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sip.errors import ParseError
from sip.headers import NameAddr
from sip.message import Request, Response
from sip.uri import SipUri

MAX_FORWARDS = "70"
"""What we put into every request that we start (RFC 3261 section 8.1.1.6)."""


class DialogId(NamedTuple):
    """Call-ID, local tag, remote tag. The remote tag is empty for a peer of RFC 2543 that sends none."""

    call_id: str
    local_tag: str
    remote_tag: str


class Dialog:
    """One dialog, early or confirmed.

    `local_address` and `remote_address` are From/To values, tags included; `route_set` holds raw Route
    values and `remote_target` a URI.
    """

    __slots__ = (
        "_first_route",
        "confirmed",
        "id",
        "local_address",
        "local_cseq",
        "remote_address",
        "remote_cseq",
        "remote_target",
        "route_set",
    )

    def __init__(
        self,
        dialog_id: DialogId,
        *,
        local_address: str,
        remote_address: str,
        remote_target: str,
        route_set: Sequence[str],
        local_cseq: int,
        remote_cseq: int | None,
        confirmed: bool,
    ) -> None:
        """Raises ParseError when the first route cannot be read, or the target cannot stand in a request."""
        self.id = dialog_id
        self.local_address = local_address
        self.remote_address = remote_address
        self.remote_target = _writable(remote_target)
        self.route_set: tuple[str, ...] = ()
        self._first_route: NameAddr | None = None
        self._take_route_set(route_set)
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.confirmed = confirmed

    @classmethod
    def from_request(cls, request: Request, local_tag: str) -> Dialog:
        """The dialog a UAS makes of an INVITE (RFC 3261 section 12.1.1): Record-Route in order, Contact as
        target.

        Without a Contact, which a correct peer never omits, the From URI has to do.
        """
        contact = request.contact
        return cls(
            DialogId(request.call_id, local_tag, request.from_tag or ""),
            local_address=with_tag(request.get("To") or "", local_tag),
            remote_address=request.get("From") or "",
            remote_target=request.from_.uri_text if contact is None else contact.uri_text,
            route_set=request.record_route,
            # Any start is allowed; a fixed one costs nothing and is easy to read in a trace.
            local_cseq=0,
            remote_cseq=request.cseq.number,
            confirmed=False,
        )

    @classmethod
    def from_response(cls, request: Request, response: Response) -> Dialog:
        """The dialog a UAC makes of an answer to its INVITE (section 12.1.2): Record-Route reversed.

        `confirmed` for a 2xx, early for a 1xx with a To tag.
        """
        contact = response.contact
        return cls(
            DialogId(request.call_id, request.from_tag or "", response.to_tag or ""),
            local_address=request.get("From") or "",
            remote_address=response.get("To") or "",
            remote_target=request.uri if contact is None else contact.uri_text,
            route_set=response.record_route[::-1],
            local_cseq=request.cseq.number,
            remote_cseq=None,
            confirmed=200 <= response.status < 300,
        )

    def confirm(self, response: Response) -> None:
        """A 2xx for an early dialog of ours: the route set is taken from it anew (section 13.2.2.4)."""
        self.confirmed = True
        self._take_route_set(response.record_route[::-1])
        self.refresh_target(response)

    def refresh_target(self, message: Request | Response) -> None:
        """Take the Contact of a re-INVITE or UPDATE, or of its 2xx, as remote target (section 12.2)."""
        contact = message.contact
        if contact is not None:
            self.remote_target = _writable(contact.uri_text)

    def accepts_cseq(self, number: int) -> bool:
        """Note the number of a request of the peer; False when it is out of order (section 12.2.2: answer
        500)."""
        if self.remote_cseq is not None and number < self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    @property
    def next_hop(self) -> SipUri:
        """Where requests go: the first route, strict or loose, or the remote target. Raises ParseError."""
        if self._first_route is not None:
            return self._first_route.uri
        return SipUri.parse(self.remote_target)

    def new_request(self, method: str) -> Request:
        """A request inside the dialog with the next CSeq number; Via and Contact are the sender's to add."""
        self.local_cseq += 1
        return self._build(method, self.local_cseq)

    def new_ack(self, cseq_number: int) -> Request:
        """The ACK to a 2xx: the INVITE's CSeq number, all else as any request of the dialog (section
        13.2.2.4)."""
        return self._build("ACK", cseq_number)

    def _take_route_set(self, routes: Sequence[str]) -> None:
        """Only the first route is ever looked at; finding it unreadable now beats finding it in a BYE."""
        self.route_set = tuple(routes)
        self._first_route = NameAddr.parse(routes[0]) if routes else None
        if self._first_route is not None:
            _ = self._first_route.uri

    def _build(self, method: str, number: int) -> Request:
        """RFC 3261 section 12.2.1.1."""
        request_uri = self.remote_target
        routes: Iterable[str] = self.route_set
        first = self._first_route
        if first is not None and not first.uri.is_loose_route:
            # A strict router of RFC 2543 takes the Request-URI for itself and finds the target last.
            request_uri = first.uri_text
            routes = (*self.route_set[1:], f"<{self.remote_target}>")
        headers = [("Route", route) for route in routes]
        headers += (
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self.local_address),
            ("To", self.remote_address),
            ("Call-ID", self.id.call_id),
            ("CSeq", f"{number} {method}"),
        )
        return Request(method, request_uri, headers)


def dialog_id_of_request(request: Request) -> DialogId:
    """The dialog a received request says it belongs to: our tag is in its To."""
    return DialogId(request.call_id, request.to_tag or "", request.from_tag or "")


def _writable(uri: str) -> str:
    """`uri` as it may stand in a request line. Raises ParseError; what else is odd about it is left to
    `next_hop`.
    """
    if " " in uri or "\t" in uri:
        raise ParseError("Malformed Contact")
    return uri


def with_tag(address: str, tag: str) -> str:
    """A To value as a UAS sends it back: as it came, with our tag."""
    return f"{address};tag={tag}"
