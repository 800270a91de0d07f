"""UserAgent: the asyncio shell around the SIP core, and all that its owner needs to import.

Binds the sockets, keeps one loop timer armed for the earliest deadline, and is otherwise out of the way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from sip.admission import Gate
from sip.binding import Binding
from sip.call import Call
from sip.call_listener import (
    CallListener,
    CallState,
    Credentials,
    EndedBy,
    OutboundTarget,
    Peer,
)
from sip.call_policy import CallPolicy
from sip.dialog_snapshot import DialogSnapshot, SnapshotError, way_port
from sip.endpoint import Endpoint, OptionsReply
from sip.flow import Flow, TransportError
from sip.incoming_call import IncomingCall
from sip.message import Request, Response
from sip.out_of_dialog_request import OutOfDialogRequest, OutOfDialogTarget, RequestSeries
from sip.outgoing_call import OutgoingCall
from sip.registrations import Registrations
from sip.renegotiation import OfferedRequest
from sip.restored_call import RestoredCall
from sip.server_location import Destination
from sip.server_lookup import ServerLookup
from sip.timers import Timing
from sip.tls_settings import TlsClientSettings, TlsServerSettings
from sip.transport import Listen, TraceEvent, TransportLayer
from sip.transport_udp import UdpFlow
from sip.transport_websocket import WebSocketConnection, WebSocketWriter

__all__ = [
    "Call",
    "CallListener",
    "CallState",
    "Credentials",
    "EndedBy",
    "IncomingCall",
    "Listen",
    "OfferedRequest",
    "OptionsReply",
    "OutOfDialogTarget",
    "OutboundTarget",
    "OutgoingCall",
    "Peer",
    "RequestSeries",
    "TraceEvent",
    "UserAgent",
    "UserAgentConfig",
    "UserAgentStatistics",
]

TIMER_GRANULARITY = 0.005
"""Seconds between two looks at the timers at most: one wake-up then serves all that have come due."""


@dataclass(frozen=True, slots=True)
class UserAgentConfig:
    """`public_host` is what peers are told to use when it is not the local address (NAT); times are seconds.

    `dns_servers` are name servers to ask instead of the system's. `max_transactions` bounds the server and
    the client transactions, each; a request beyond it gets 503. Finished transactions count for 32 s, so the
    default allows some 1,000 calls per second.
    """

    listen: tuple[Listen, ...]
    public_host: str | None = None
    product: str = "Trunkline"
    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    max_transactions: int = 100_000
    tls: TlsServerSettings | None = None
    dns_servers: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class UserAgentStatistics:
    """Sizes now (transactions, dialogs, calls, connections, timers) and counts since the start (all else)."""

    client_transactions: int
    server_transactions: int
    dialogs: int
    calls: int
    connections: int
    timers: int
    datagrams_received: int
    parse_errors: int
    dropped: int
    retransmissions: int
    stray_responses: int
    merged_requests: int
    refused_by_overload: int
    unsent_responses: int
    faults: int


class UserAgent:
    """One SIP user agent on its own sockets. All calls to it must come from the loop it was started on."""

    def __init__(
        self,
        config: UserAgentConfig,
        *,
        on_invite: Callable[[IncomingCall], None],
        on_options: Callable[[], OptionsReply],
        observer: Callable[[TraceEvent], None] | None = None,
        on_refused: Callable[[Request, tuple[str, int], int, str], None] | None = None,
        gate: Gate | None = None,
        registrations: Registrations | None = None,
    ) -> None:
        self.config = config
        self.addresses: tuple[Listen, ...] = ()
        self._clock = time.monotonic
        self._endpoint = Endpoint(
            timing=Timing(config.t1, config.t2, config.t4),
            max_transactions=config.max_transactions,
            clock=self._clock,
            flow_factory=self,
            on_invite=on_invite,
            on_options=on_options,
            product=config.product,
            on_refused=on_refused,
            gate=gate,
            registrations=registrations,
        )
        self._transports = TransportLayer(
            self._endpoint,
            clock=self._clock,
            public_host=config.public_host,
            observer=observer,
            tls=config.tls,
            lookup=ServerLookup(config.dns_servers),
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")

    async def start(self) -> None:
        """Bind and begin to serve. Raises OSError when an address cannot be bound, TlsSettingsError when the
        certificate cannot be used."""
        self._loop = asyncio.get_running_loop()
        self.addresses = await self._transports.start(self.config.listen)
        self._endpoint.timers.on_earlier = self._arm
        self._arm()

    async def close(self) -> None:
        """Hang every call up (one BYE or CANCEL each, without waiting for answers) and close the sockets."""
        for call in self._endpoint.calls:
            call.hang_up()
        self._endpoint.run_timers(self._clock())
        self._endpoint.timers.on_earlier = None
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        await self._transports.close()

    def call(self, target: OutboundTarget, listener: CallListener) -> OutgoingCall:
        """Send an INVITE; a host name is looked up first. Raises SipError for a malformed URI or header.

        Everything that happens later, a failure to send included, is told to `listener` and never from
        inside this.
        """
        call = self._endpoint.prepare_call(target, _NoFlow(target), listener)

        def found(flow: Flow | None) -> None:
            if flow is None:
                self._endpoint.defer(call.unreachable)
            else:
                call.take_flow(flow)
                call.start(self._clock())

        self._find(target, found)
        return call

    def restore(
        self,
        snapshot: DialogSnapshot,
        listener: CallListener,
        credentials: Credentials | None = None,
        policy: CallPolicy = CallPolicy(),  # noqa: B008 - frozen
        tls: TlsClientSettings | None = None,
    ) -> RestoredCall:
        """Go on with a call that another user agent had established; a re-INVITE is the caller's to send.

        Raises `SnapshotError` for one that cannot be read, and where there is no way to its peer.
        """
        try:
            flow = self._transports.flow_to(snapshot.host, way_port(snapshot), snapshot.transport, tls)
        except TransportError as error:
            raise SnapshotError(f"there is no way to the peer: {error}") from error
        return self._endpoint.restore_call(snapshot, flow, listener, credentials, policy)

    async def ask(
        self, method: str, target: OutOfDialogTarget, series: RequestSeries | None = None
    ) -> tuple[int, Response | None]:
        """Send a request outside any dialog, such as OPTIONS, and wait for its final status and answer; the
        answer is None where the status was found out here: 408 nobody answered, 503 not sendable.

        Raises ParseError when a URI of `target` is malformed.
        """
        done: asyncio.Future[tuple[int, Response | None]] = asyncio.get_running_loop().create_future()

        def answered(status: int, response: Response | None, _now: float) -> None:
            if not done.done():
                done.set_result((status, response))

        request = OutOfDialogRequest(self._endpoint, method, target, answered, series)

        def found(flow: Flow | None) -> None:
            if flow is None:
                self._endpoint.defer(request.unreachable)
            else:
                request.send(flow, self._clock())

        self._find(target, found)
        try:
            return await done
        except asyncio.CancelledError:
            request.abandon()
            raise

    async def locate(self, host: str, port: int | None, transport: str | None) -> tuple[Destination, ...]:
        """The servers behind a name in the order to be tried (RFC 3263), one at least; no `transport`: as the
        domain likes best. Raises OSError."""
        return await self._transports.locate(host, port, transport)

    def way_to(self, binding: Binding) -> Flow | None:
        """How requests to a registered Contact go: over its connection, or over UDP back to where the
        REGISTER came from. None while it cannot be reached."""
        flow = binding.flow
        if flow is None:
            flow = self._transports.restored_flow(binding.transport, binding.source, binding.local_port)
        if isinstance(flow, UdpFlow) and binding.behind_nat:
            return flow.alone()
        return flow if flow is not None and flow.alive else None

    def accept_web_socket(
        self, writer: WebSocketWriter, *, peer: tuple[str, int], local: tuple[str, int], secure: bool
    ) -> WebSocketConnection | None:
        """A WebSocket that `peer` has opened (RFC 7118); None when there are too many. Whoever holds the
        socket hands its messages over and says when it is lost."""
        return self._transports.web_sockets.accept(writer, peer=peer, local=local, secure=secure)

    def local_host_for(self, peer_host: str) -> str:
        """Our address as `peer_host` should use it, for SDP: the public host, or the local one that reaches
        it."""
        bound = next((address.host for address in self.addresses), "")
        return self._transports.advertised_host(peer_host, bound)

    @property
    def statistics(self) -> UserAgentStatistics:
        """A snapshot."""
        endpoint, transports = self._endpoint, self._transports
        transactions = endpoint.transactions
        return UserAgentStatistics(
            client_transactions=transactions.client_transactions,
            server_transactions=transactions.server_transactions,
            dialogs=endpoint.dialog_count,
            calls=endpoint.call_count,
            connections=transports.connections,
            timers=len(endpoint.timers),
            datagrams_received=transports.datagrams_received,
            parse_errors=transports.parse_errors,
            dropped=transports.dropped,
            retransmissions=transactions.retransmissions,
            stray_responses=transactions.counters.stray_responses,
            merged_requests=transactions.counters.merged,
            refused_by_overload=transactions.counters.refused_by_overload,
            unsent_responses=transactions.unsent_responses,
            faults=endpoint.faults,
        )

    def flow_for_large(self, flow: Flow) -> Flow | None:
        """For the endpoint (see `FlowFactory`)."""
        return self._transports.flow_for_large(flow)

    def flow_back(self, flow: Flow, source: tuple[str, int]) -> Flow:
        """For the endpoint (see `FlowFactory`)."""
        return self._transports.flow_back(flow, source)

    def next_hop(self, host: str, port: int | None, transport: str, fallback: Flow) -> Flow:
        """For the endpoint (see `FlowFactory`)."""
        return self._transports.next_hop(host, port, transport, fallback)

    def _find(self, target: OutboundTarget | OutOfDialogTarget, found: Callable[[Flow | None], None]) -> None:
        if target.flow is not None:
            found(target.flow if target.flow.alive else None)
        else:
            self._transports.resolve(target.host, target.port, target.transport, found, target.tls)

    def _arm(self) -> None:
        """See to it that the loop wakes us for the earliest deadline, at most every `TIMER_GRANULARITY`."""
        deadline = self._endpoint.timers.next_deadline()
        if self._loop is None or deadline is None or deadline >= self._armed_for:
            return
        if self._armed is not None:
            self._armed.cancel()
        self._armed_for = deadline
        delay = max(deadline - self._clock(), TIMER_GRANULARITY)
        self._armed = self._loop.call_later(delay, self._run_timers)

    def _run_timers(self) -> None:
        self._armed = None
        # Nothing may arm a timer while they run: the look at the heap afterwards is enough.
        self._armed_for = float("-inf")
        try:
            self._endpoint.run_timers(self._clock())
        finally:
            self._armed_for = float("inf")
            self._arm()


class _NoFlow:
    """The flow of a call whose target is still being looked up; nothing can be sent on it."""

    reliable = False
    alive = False
    accepted = False
    local_authority = ""

    def __init__(self, target: OutboundTarget) -> None:
        self.transport = target.transport
        self.host = target.host
        self.port = target.port

    @property
    def carrier(self) -> object:
        """Nothing but itself."""
        return self

    def send(self, data: bytes, message: object) -> None:
        """Never called: a call does not start before its flow is known."""
        raise RuntimeError("the call has no flow yet")
