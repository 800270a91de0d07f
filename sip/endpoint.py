"""The sans-I/O heart of the user agent: messages and the time in, messages out through flows, calls to
their owner.

Decides what a request is - of a dialog, a new call, a question about our health - and sees to it that each
gets exactly one final answer (RFC 3261 sections 8.2, 11 and 12.2.2). A fault in handling one message ends
at that message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import structlog

from sip.addresses import is_address
from sip.admission import Answered, Dropped, Gate, stateless_tag
from sip.call import Call
from sip.call_listener import CallListener, Credentials, OutboundTarget
from sip.call_policy import CallPolicy
from sip.capabilities import OPTIONS_HEADERS
from sip.dialog import Dialog, DialogId, dialog_id_of_request
from sip.dialog_snapshot import DialogSnapshot, SnapshotError
from sip.errors import ParseError, SipError
from sip.flow import Flow, FlowFactory, TransportError
from sip.identifiers import new_tag
from sip.incoming_call import IncomingCall
from sip.message import Request, Response, response_to
from sip.outgoing_call import OutgoingCall
from sip.registrations import Registrations
from sip.replacement import replaced_call
from sip.restored_call import RestoredCall
from sip.server_location import default_port
from sip.server_transaction import InviteServerTransaction, ServerTransaction
from sip.timers import TimerQueue, Timing
from sip.transaction_layer import TransactionLayer
from sip.uas_core import refusal

log = structlog.get_logger(__name__)

_UNUSABLE_HOSTS = frozenset(("", "0.0.0.0", "::"))
_PRIVATE_PREFIXES = ("10.", "172.", "192.168.", "100.")


@dataclass(frozen=True, slots=True)
class OptionsReply:
    """Our health as OPTIONS shows it: 200, or 503 with the seconds after which to ask again."""

    status: int
    retry_after: int | None = None


def _behind_nat(contact_host: str, seen_host: str) -> bool:
    """Whether the peer names a private address (RFC 1918, RFC 6598) although its messages come from a
    public one.

    Such a Contact cannot be reached from here; what comes back through the NAT's own mapping can.
    """
    if not contact_host.startswith(_PRIVATE_PREFIXES):
        return False
    try:
        return not ip_address(contact_host).is_global and ip_address(seen_host).is_global
    except ValueError:
        return False


class Endpoint:
    """One user agent without its sockets. `clock` gives seconds on the same scale as every `now`."""

    def __init__(
        self,
        *,
        timing: Timing,
        max_transactions: int,
        clock: Callable[[], float],
        flow_factory: FlowFactory,
        on_invite: Callable[[IncomingCall], None],
        on_options: Callable[[], OptionsReply],
        product: str = "Trunkline",
        on_refused: Callable[[Request, tuple[str, int], int, str], None] | None = None,
        gate: Gate | None = None,
        registrations: Registrations | None = None,
    ) -> None:
        """`on_refused` hears of each INVITE that was refused here, before it became a call: the request, its
        source, and the status and reason phrase. `gate` is asked before a request makes any state.
        """
        self.timers = TimerQueue()
        self.timing = timing
        self.clock = clock
        self.transactions = TransactionLayer(self, self.timers, timing, limit=max_transactions)
        self.faults = 0
        self._flow_factory = flow_factory
        self._on_invite = on_invite
        self._on_options = on_options
        self._on_refused = on_refused
        self._dialogs: dict[DialogId, tuple[Dialog, Call]] = {}
        self._calls: set[Call] = set()
        self._gate = gate
        self._registrations = registrations
        self._source = ("", 0)
        self._identity: str | None = None
        self.user_agent_headers: Sequence[tuple[str, str]] = (("User-Agent", product),) if product else ()
        self.server_headers: Sequence[tuple[str, str]] = (("Server", product),) if product else ()

    @property
    def calls(self) -> frozenset[Call]:
        """The calls that are not over."""
        return frozenset(self._calls)

    @property
    def call_count(self) -> int:
        """How many calls are not over."""
        return len(self._calls)

    @property
    def dialog_count(self) -> int:
        """How many dialogs there are, early ones and those that wait for the answer to a BYE included."""
        return len(self._dialogs)

    # From the transports

    def receive(self, message: Request | Response, flow: Flow, source: tuple[str, int], now: float) -> None:
        """Take a message that came from `source`; for a request `flow` is the way its answers go."""
        try:
            if isinstance(message, Request):
                self._source = source
                self.transactions.receive_request(message, flow, now)
            else:
                self.transactions.receive_response(message, now)
        except Exception:
            self.faults += 1
            log.exception("sip.message_failed", source=source, start_line=message.start_line())

    def receive_invalid(self, error: ParseError, flow: Flow) -> bool:
        """Answer a request that could not be read, without keeping state, unless its source is one that the
        gate leaves without a word; False when it cannot be answered."""
        request = error.request
        if request is None:
            return False
        try:
            if self._leaves_unanswered(request, flow):
                return True
            response = response_to(request, error.status, error.reason, to_tag=new_tag())
            flow.send(response.serialise(), response)
        except (TransportError, SipError):
            return False
        return True

    def _leaves_unanswered(self, request: Request, flow: Flow) -> bool:
        """Whoever is banned, or is not to learn that we are here, must not learn it by a fault either."""
        if self._gate is None:
            return False
        try:
            return isinstance(self._gate(request, (flow.host, flow.port)), Dropped)
        except ParseError:
            return False

    def transport_failed(self, flow: Flow, now: float) -> None:
        """What was sent on `flow` may not have arrived: its requests fail."""
        self.transactions.transport_failed(flow, now)
        if self._registrations is not None:
            self._registrations.flow_lost(flow)

    def run_timers(self, now: float) -> None:
        """Fire what is due."""
        while True:
            try:
                self.timers.run(now)
            except Exception:
                self.faults += 1
                log.exception("sip.timer_failed")
            else:
                return

    # From the owner

    def prepare_call(self, target: OutboundTarget, flow: Flow, listener: CallListener) -> OutgoingCall:
        """A call that is not sent yet. Raises SipError when a URI or header of `target` is malformed."""
        call = OutgoingCall(self, target, flow, listener)
        self._calls.add(call)
        return call

    def restore_call(
        self,
        snapshot: DialogSnapshot,
        flow: Flow,
        listener: CallListener,
        credentials: Credentials | None = None,
        policy: CallPolicy = CallPolicy(),  # noqa: B008 - frozen
    ) -> RestoredCall:
        """Go on with an established call. Raises `SnapshotError`, also when the call is here already."""
        if (snapshot.call_id, snapshot.local_tag, snapshot.remote_tag) in self._dialogs:
            raise SnapshotError("the call goes on here already")
        call = RestoredCall(self, snapshot, flow, listener, credentials, policy)
        self._calls.add(call)
        return call

    # From the transaction layer

    def new_local_tag(self) -> str:
        """A To tag for an answer outside of any call."""
        return new_tag()

    def admit(self, request: Request, flow: Flow) -> bool:
        """Ask the gate, but not for requests of our dialogs, whose identifiers only their peers know."""
        self._identity = None
        if self._gate is None:
            return True
        try:
            if request.to_tag is not None and dialog_id_of_request(request) in self._dialogs:
                return True
            verdict = self._gate(request, self._source)
            if isinstance(verdict, Dropped):
                return False
            if isinstance(verdict, Answered):
                headers = (*verdict.headers, *self.server_headers)
                tag = stateless_tag(request)
                answer = response_to(request, verdict.status, verdict.reason, to_tag=tag, headers=headers)
                flow.send(answer.serialise(), answer)
                return False
        except ParseError:
            return True  # it is answered where all such faults are
        except TransportError:
            return False
        self._identity = verdict.identity
        return True

    def on_ack(self, request: Request, now: float) -> None:
        """An ACK to a 2xx; one that belongs to nothing is ignored."""
        entry = self._dialogs.get(dialog_id_of_request(request))
        if entry is not None:
            entry[1].receive_ack(request, now)

    def on_request(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """A new request: answered now or, an INVITE or offer, by its call later."""
        try:
            if request.to_tag is None:
                self._receive_outside(request, transaction, now)
            else:
                self._receive_inside(request, transaction, now)
        except ParseError as error:
            self._answer_fault(request, transaction, error.status, error.reason, now)
        except Exception:
            self.faults += 1
            log.exception("sip.request_failed", method=request.method, call_id=request.call_id)
            self._answer_fault(request, transaction, 500, None, now)

    # From calls

    def flow_for(self, dialog: Dialog, current: Flow) -> Flow:
        """The way to the dialog's next hop (section 12.2.1.1).

        A connection that the peer opened is kept while it lives: the peer may not be listening where its
        Contact says. A next hop that makes no sense, or asks for a transport we do not have, is taken to be
        where the last message went.
        """
        if current.accepted and current.alive:
            return current
        try:
            uri = dialog.next_hop
        except ParseError:
            return current
        transport = "tls" if uri.scheme == "sips" else uri.transport or current.transport
        if uri.host in _UNUSABLE_HOSTS or transport not in ("udp", "tcp", "tls"):
            return current
        if _behind_nat(uri.host, current.host) and not dialog.route_set:
            return current
        if (
            uri.host == current.host
            and (uri.port or default_port(transport)) == current.port
            and transport == current.transport
            and current.alive
        ):
            return current
        port = uri.port
        if port is None and is_address(uri.host):
            port = default_port(transport)
        return self._flow_factory.next_hop(uri.host, port, transport, current)

    def flow_for_large(self, flow: Flow) -> Flow | None:
        """See `FlowFactory`; None too for a peer that can be reached in one way alone."""
        return None if flow.accepted else self._flow_factory.flow_for_large(flow)

    def dialog_created(self, dialog: Dialog, call: Call) -> None:
        """Requests of this dialog go to `call`."""
        self._dialogs[dialog.id] = (dialog, call)

    def dialog_ended(self, dialog: Dialog) -> None:
        """Forget the dialog."""
        self._dialogs.pop(dialog.id, None)

    def call_ended(self, call: Call) -> None:
        """Forget the call."""
        self._calls.discard(call)

    def defer(self, callback: Callable[[float], None]) -> None:
        """Fire at the next opportunity."""
        self.timers.schedule(self.clock(), callback)

    def _receive_outside(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        if request.method == "REGISTER" and self._take_registration(request, transaction, now):
            return
        tag = None if request.method == "INVITE" else new_tag()
        refused = refusal(request, tag or new_tag())
        if refused is not None:
            transaction.respond(refused, now)
            self._tell_refused(request, refused.status, refused.reason)
        elif isinstance(transaction, InviteServerTransaction):
            self._receive_call(request, transaction, now)
        elif request.method == "OPTIONS":
            transaction.respond(self._options_response(request, tag), now)
        elif request.method == "NOTIFY":
            # We have subscribed to nothing.
            transaction.respond(response_to(request, 489, to_tag=tag), now)
        else:
            # BYE, INFO, PRACK and UPDATE exist in dialogs alone.
            transaction.respond(response_to(request, 481, to_tag=tag), now)

    def _receive_inside(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        entry = self._dialogs.get(dialog_id_of_request(request))
        if entry is None:
            transaction.respond(response_to(request, 481), now)
            return
        dialog, call = entry
        if not dialog.accepts_cseq(request.cseq.number):
            transaction.respond(response_to(request, 500, "CSeq Out Of Order"), now)
            return
        if not call.flow.alive:
            # The peer has connected anew, and may be reachable in no other way.
            call.flow = transaction.flow
        refused = refusal(request, None)
        if refused is not None:
            transaction.respond(refused, now)
        elif request.method == "OPTIONS":
            transaction.respond(
                response_to(request, 200, headers=(*OPTIONS_HEADERS, *self.server_headers)), now
            )
        else:
            call.receive_request(request, transaction, now)

    def _take_registration(self, request: Request, transaction: ServerTransaction, now: float) -> bool:
        """False where nobody may register: it is then a method like others that we do not have."""
        if self._registrations is None:
            return False
        way = self._flow_factory.flow_back(transaction.flow, self._source)
        response = self._registrations.register(request, self._identity, way, self._source)
        if response is None:
            return False
        for name, value in self.server_headers:
            response.add(name, value)
        transaction.respond(response, now)
        return True

    def _receive_call(self, request: Request, transaction: InviteServerTransaction, now: float) -> None:
        replaces = replaced_call(request, self._dialogs)
        call = IncomingCall(
            self, request, transaction, self._source, identity=self._identity, replaces=replaces
        )
        self._calls.add(call)
        call.guard(self._on_invite, call)
        if call.is_answering:
            call.trying(now)

    def _options_response(self, request: Request, tag: str | None) -> Response:
        reply = self._on_options()
        headers = (*OPTIONS_HEADERS, *self.server_headers)
        if reply.retry_after is not None:
            headers = (*headers, ("Retry-After", str(reply.retry_after)))
        return response_to(request, reply.status, to_tag=tag, headers=headers)

    def _answer_fault(
        self, request: Request, transaction: ServerTransaction, status: int, reason: str | None, now: float
    ) -> None:
        if not transaction.answered:
            response = response_to(request, status, reason, to_tag=new_tag())
            transaction.respond(response, now)
            self._tell_refused(request, status, response.reason)

    def _tell_refused(self, request: Request, status: int, reason: str) -> None:
        if self._on_refused is None or request.method != "INVITE":
            return
        try:
            self._on_refused(request, self._source, status, reason)
        except Exception:
            self.faults += 1
            log.exception("sip.listener_failed", call_id=request.get("Call-ID"))
