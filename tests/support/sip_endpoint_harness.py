"""A scripted SIP peer for sans-I/O tests: an endpoint on one side, plain messages on the other, time by
hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sip.call import Call
from sip.call_listener import CallListener, EndedBy, OutboundTarget
from sip.endpoint import Endpoint, OptionsReply
from sip.errors import ParseError
from sip.flow import Flow, TransportError
from sip.incoming_call import IncomingCall
from sip.message import Request, Response
from sip.outgoing_call import OutgoingCall
from sip.parser import parse_message
from sip.renegotiation import OfferedRequest
from sip.timers import Timing

PEER_HOST = "192.0.2.10"
PEER_PORT = 5070
OUR_AUTHORITY = "192.0.2.1:5060"

OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
)
ANSWER = (
    b"v=0\r\no=- 2 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
)


class RecordingFlow:
    """A flow that keeps what is sent, parsed back from the bytes."""

    def __init__(self, host: str = PEER_HOST, port: int = PEER_PORT, transport: str = "udp") -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.reliable = transport != "udp"
        self.alive = True
        self.accepted = transport == "tcp"
        self.local_authority = OUR_AUTHORITY
        self.broken = False
        self.sent: list[Request | Response] = []
        self.sent_raw: list[bytes] = []

    @property
    def carrier(self) -> object:
        return self

    def send(self, data: bytes, message: Request | Response | None) -> None:
        if self.broken:
            raise TransportError("broken on purpose")
        self.sent_raw.append(data)
        try:
            self.sent.append(parse_message(data))
        except ParseError:
            # The answer to something unreadable echoes what was unreadable; it is in `sent_raw`.
            return

    def take(self) -> list[Request | Response]:
        """What was sent since the last look."""
        sent, self.sent = self.sent, []
        return sent

    def take_request(self, method: str) -> Request:
        """The one message sent since the last look, which has to be this request."""
        sent = self.take()
        assert [describe(message) for message in sent] == [method]
        message = sent[0]
        assert isinstance(message, Request)
        return message

    def take_response(self, status: int) -> Response:
        """The one message sent since the last look, which has to be an answer with this status."""
        sent = self.take()
        assert [describe(message) for message in sent] == [str(status)]
        message = sent[0]
        assert isinstance(message, Response)
        return message


def describe(message: Request | Response) -> str:
    """The method, or the status as text."""
    return message.method if isinstance(message, Request) else str(message.status)


def described(flow: RecordingFlow) -> list[str]:
    """Everything sent since the last look, as methods and statuses."""
    return [describe(message) for message in flow.take()]


class RecordingListener(CallListener):
    """Keeps every event as a tuple that starts with its name; `on` runs something at an event."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.offers: list[OfferedRequest] = []
        self.actions: dict[str, Callable[..., None]] = {}

    @property
    def names(self) -> list[str]:
        return [event[0] for event in self.events]

    def on(self, name: str, action: Callable[..., None]) -> None:
        self.actions[name] = action

    def _note(self, name: str, *details: Any) -> None:
        self.events.append((name, *details))
        if name in self.actions:
            self.actions[name](*details)

    def on_progress(self, call: Call, response: Response) -> None:
        self._note("progress", response.status)

    def on_answer(self, call: Call, response: Response) -> None:
        self._note("answer", response.status)

    def on_failure(self, call: Call, status: int, reason: str, response: Response | None) -> None:
        self._note("failure", status, reason, response)

    def on_cancelled(self, call: Call, request: Request) -> None:
        self._note("cancelled", request.method)

    def on_established(self, call: Call, sdp: bytes | None) -> None:
        self._note("established", sdp)

    def on_offer(self, call: Call, request: OfferedRequest) -> None:
        self.offers.append(request)
        self._note("offer", request.offer)

    def on_info(self, call: Call, request: Request) -> None:
        self._note("info", request.body)

    def on_terminated(self, call: Call, by: EndedBy, request: Request | None) -> None:
        self._note("terminated", by)


class Harness:
    """One endpoint, one peer. `flow` is where requests of the peer come from and answers go."""

    def __init__(
        self, *, transport: str = "udp", timing: Timing | None = None, max_transactions: int = 1000
    ) -> None:
        self.now = 1000.0
        self.flow = RecordingFlow(transport=transport)
        self.flows: dict[tuple[str, int, str], RecordingFlow] = {}
        self.incoming: list[IncomingCall] = []
        self.listener = RecordingListener()
        self.at_invite: Callable[[IncomingCall], None] | None = None
        self.options = OptionsReply(200)
        self.endpoint = Endpoint(
            timing=timing or Timing(),
            max_transactions=max_transactions,
            clock=lambda: self.now,
            flow_factory=self,
            on_invite=self._on_invite,
            on_options=lambda: self.options,
        )

    def _on_invite(self, call: IncomingCall) -> None:
        call.listener = self.listener
        self.incoming.append(call)
        if self.at_invite is not None:
            self.at_invite(call)

    def flow_for_large(self, flow: Flow) -> Flow | None:
        """TCP to the same peer when the test says that it listens there."""
        return self.flows.get((flow.host, flow.port, "tcp"))

    def next_hop(self, host: str, port: int, transport: str, fallback: Flow) -> RecordingFlow:
        """Flows the endpoint asked for, by target."""
        return self.flows.setdefault((host, port, transport), RecordingFlow(host, port, transport))

    def receive(self, message: str | bytes | Request | Response) -> None:
        """The peer sends `message`."""
        if isinstance(message, str):
            message = message.encode()
        if isinstance(message, Request | Response):
            message = message.serialise()
        parsed = parse_message(message)
        self.endpoint.receive(parsed, self.flow, (self.flow.host, self.flow.port), self.now)

    def advance(self, seconds: float) -> None:
        """Let time pass, firing every timer at its own moment."""
        end = self.now + seconds
        while True:
            deadline = self.endpoint.timers.next_deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.endpoint.run_timers(self.now)
        self.now = end

    def call(self, target: OutboundTarget | None = None) -> OutgoingCall:
        """Place a call to the peer."""
        call = self.endpoint.prepare_call(target or outbound_target(), self.flow, self.listener)
        call.start(self.now)
        return call

    def assert_nothing_left(self) -> None:
        """After all lingering states have timed out no transaction, dialog, call or timer remains."""
        self.advance(200)
        transactions = self.endpoint.transactions
        assert transactions.client_transactions == 0
        assert transactions.server_transactions == 0
        assert self.endpoint.dialog_count == 0
        assert self.endpoint.call_count == 0
        assert len(self.endpoint.timers) == 0


def outbound_target(**changes: Any) -> OutboundTarget:
    """A call to the scripted peer."""
    values: dict[str, Any] = {
        "request_uri": f"sip:+15550100@{PEER_HOST}:{PEER_PORT}",
        "host": PEER_HOST,
        "port": PEER_PORT,
        "transport": "udp",
        "from_uri": "sip:+15550199@example.org",
        "from_display": None,
        "to_uri": f"sip:+15550100@{PEER_HOST}",
        "offer": OFFER,
    }
    return OutboundTarget(**{**values, **changes})


def peer_request(
    method: str,
    *,
    cseq: int = 1,
    branch: str = "z9hG4bK-1",
    to_tag: str | None = None,
    body: bytes = b"",
    headers: tuple[tuple[str, str], ...] = (),
    uri: str = "sip:+15550100@192.0.2.1",
    call_id: str = "call-1@peer",
    from_tag: str = "peer-tag",
    transport: str = "UDP",
) -> Request:
    """A request of the peer; one of a dialog when `to_tag` is given."""
    request = Request(method, uri, body=body)
    request.add("Via", f"SIP/2.0/{transport} {PEER_HOST}:{PEER_PORT};branch={branch};rport={PEER_PORT}")
    request.add("Max-Forwards", "70")
    request.add("From", f'"Caller" <sip:+15550199@{PEER_HOST}>;tag={from_tag}')
    request.add("To", "<sip:+15550100@192.0.2.1>" + (f";tag={to_tag}" if to_tag else ""))
    request.add("Call-ID", call_id)
    request.add("CSeq", f"{cseq} {method}")
    if not any(name == "Contact" for name, _ in headers):
        request.add("Contact", f"<sip:caller@{PEER_HOST}:{PEER_PORT}>")
    for name, value in headers:
        request.add(name, value)
    if body:
        request.add("Content-Type", "application/sdp")
    return request


def peer_response(
    request: Request,
    status: int,
    *,
    to_tag: str | None = "callee-tag",
    body: bytes = b"",
    contact: str | None = f"<sip:callee@{PEER_HOST}:{PEER_PORT}>",
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    """The peer's answer to a request of ours."""
    response = Response(status, "Answer", body=body)
    for via in request.get_all("Via"):
        response.add("Via", via)
    response.add("From", request.get("From") or "")
    to = request.get("To") or ""
    response.add("To", to if ";tag=" in to or to_tag is None else f"{to};tag={to_tag}")
    response.add("Call-ID", request.call_id)
    response.add("CSeq", str(request.cseq))
    if contact is not None:
        response.add("Contact", contact)
    for name, value in headers:
        response.add(name, value)
    if body:
        response.add("Content-Type", "application/sdp")
    return response
