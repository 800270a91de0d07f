"""A request of ours outside any dialog other than INVITE: OPTIONS, REGISTER (RFC 3261 sections 8.1 to 11)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sip.call_context import CallContext, contact_value, via_value
from sip.call_listener import Credentials
from sip.challenge import Authenticator
from sip.client_transaction import ClientTransaction
from sip.dialog import MAX_FORWARDS
from sip.flow import Flow
from sip.identifiers import new_branch, new_call_id, new_tag
from sip.in_dialog_request import FinalHandler
from sip.message import Request, Response
from sip.tls_settings import TlsClientSettings
from sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class OutOfDialogTarget:
    """Where the request goes: `host` may be a name; the URIs come without brackets and tags."""

    request_uri: str
    host: str
    port: int
    transport: str
    from_uri: str
    to_uri: str
    headers: tuple[tuple[str, str], ...] = ()
    credentials: Credentials | None = None
    tls: TlsClientSettings | None = None
    contact_user: str | None = None
    """User part of a Contact, for a request that needs one (REGISTER)."""
    flow: Flow | None = None
    """The way to take, where it is known: `host`, `port` and `transport` are then for people alone."""


@dataclass(slots=True)
class RequestSeries:
    """What requests to one registrar have in common (RFC 3261 section 10.2): Call-ID, and CSeq going on."""

    call_id: str = field(default_factory=new_call_id)
    cseq: int = 0


class OutOfDialogRequest:
    """One request and, when it is challenged, its repetition with credentials; `on_final` is called once.

    It goes on where an earlier request of the same `series` ended.
    """

    __slots__ = (
        "_abandoned",
        "_authenticator",
        "_context",
        "_flow",
        "_from_tag",
        "_method",
        "_on_final",
        "_series",
        "_target",
        "_transaction",
    )

    def __init__(
        self,
        context: CallContext,
        method: str,
        target: OutOfDialogTarget,
        on_final: FinalHandler,
        series: RequestSeries | None = None,
    ) -> None:
        """Raises ParseError when a URI of `target` is malformed."""
        for uri in (target.request_uri, target.from_uri, target.to_uri):
            SipUri.parse(uri)
        self._context = context
        self._method = method
        self._target = target
        self._on_final = on_final
        self._authenticator = Authenticator(target.credentials)
        self._from_tag = new_tag()
        self._flow: Flow | None = None
        self._transaction: ClientTransaction | None = None
        self._abandoned = False
        self._series = series or RequestSeries()

    def send(self, flow: Flow, now: float) -> None:
        """Send the request on `flow`, unless it was given up before its way was known."""
        if self._abandoned:
            return
        self._flow = flow
        self._transmit(flow, now)

    def abandon(self) -> None:
        """Nobody waits for the answer any more: it is not asked again."""
        self._abandoned = True
        if self._transaction is not None:
            self._transaction.terminate()

    def unreachable(self, now: float) -> None:
        """No way to the target exists: 503."""
        self._on_final(503, None, now)

    def on_response(self, response: Response, now: float) -> None:
        """Provisional answers say nothing here; a challenge is answered."""
        if response.status < 200:
            return
        if self._flow is not None and self._authenticator.take(response):
            self._transmit(self._flow, now)
        else:
            self._on_final(response.status, response, now)

    def on_timeout(self, now: float) -> None:
        """Timer F."""
        self._on_final(408, None, now)

    def on_transport_error(self, now: float) -> None:
        """Not sendable."""
        self._on_final(503, None, now)

    def _transmit(self, flow: Flow, now: float) -> None:
        target = self._target
        series = self._series
        series.cseq += 1
        branch = new_branch()
        contact = (
            () if target.contact_user is None else (("Contact", contact_value(flow, target.contact_user)),)
        )
        request = Request(
            self._method,
            target.request_uri,
            [
                ("Via", via_value(flow, branch)),
                ("Max-Forwards", MAX_FORWARDS),
                ("From", f"<{target.from_uri}>;tag={self._from_tag}"),
                ("To", f"<{target.to_uri}>"),
                ("Call-ID", series.call_id),
                ("CSeq", f"{series.cseq} {self._method}"),
                *contact,
                *self._context.user_agent_headers,
                *target.headers,
                *self._authenticator.headers(self._method, target.request_uri),
            ],
        )
        self._transaction = self._context.transactions.send_request(request, branch, flow, self, now)
