"""Client transactions: INVITE (RFC 3261 section 17.1.1 with RFC 6026 section 7.2) and non-INVITE (section
17.1.2).

A client transaction sends one request, repeats it over UDP until it is answered, and shows its user every
answer once - except the 2xx to an INVITE, which all pass up, because each asks for an ACK of the user's
own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Protocol

from sip.flow import Flow, TransportError
from sip.message import Request, Response
from sip.timers import Timer, TimerQueue, Timing

ClientKey = tuple[str, str]
"""Branch and method: what matches an answer to its transaction (RFC 3261 section 17.1.3)."""


class ClientState(Enum):
    """States of both client machines (RFC 3261 figures 5 and 6, RFC 6026 figure 8)."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    TERMINATED = auto()


class ClientTransactionUser(Protocol):
    """Who sent the request and waits for its answers."""

    def on_response(self, response: Response, now: float) -> None:
        """A provisional or final answer."""
        ...

    def on_timeout(self, now: float) -> None:
        """No final answer in time (timer B or F); to be treated as a 408."""
        ...

    def on_transport_error(self, now: float) -> None:
        """The request could not be sent; to be treated as a 503."""
        ...


class ClientTransactionOwner(Protocol):
    """What a client transaction needs of its layer."""

    timers: TimerQueue
    timing: Timing
    retransmissions: int

    def client_transaction_ended(self, transaction: ClientTransaction) -> None:
        """Forget the transaction."""
        ...


class ClientTransaction(ABC):
    """What both machines share: the request's bytes, one repetition timer and one that ends the state."""

    __slots__ = ("_data", "_interval", "_owner", "_repeat", "_timeout", "flow", "key", "state", "user")

    def __init__(
        self,
        owner: ClientTransactionOwner,
        key: ClientKey,
        flow: Flow,
        user: ClientTransactionUser,
        initial: ClientState,
    ) -> None:
        self._owner = owner
        self._data = b""
        self._interval = owner.timing.t1
        self._repeat: Timer | None = None
        self._timeout: Timer | None = None
        self.flow = flow
        self.key = key
        self.state = initial
        self.user: ClientTransactionUser | None = user

    def start(self, request: Request, now: float) -> None:
        """Send the request. A failure is reported to the user from a timer, never from inside this call."""
        owner = self._owner
        self._data = request.serialise()
        self._timeout = owner.timers.schedule(now + owner.timing.transaction_timeout, self._timed_out)
        try:
            self.flow.send(self._data, request)
        except TransportError:
            owner.timers.schedule(now, self.transport_failed)
            return
        if not self.flow.reliable:
            self._repeat = owner.timers.schedule(now + self._interval, self._retransmit)

    @abstractmethod
    def receive(self, response: Response, now: float) -> None:
        """Take an answer that matched this transaction."""

    def transport_failed(self, now: float) -> None:
        """The flow broke (RFC 3261 section 17.1.4); without effect once there is a final answer."""
        if self.state in (ClientState.CALLING, ClientState.TRYING, ClientState.PROCEEDING):
            user = self.user
            self.terminate()
            if user is not None:
                user.on_transport_error(now)

    def terminate(self) -> None:
        """End at once: no timer, no reference to the user is left behind."""
        if self.state is ClientState.TERMINATED:
            return
        self.state = ClientState.TERMINATED
        self._stop_repeating()
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        self.user = None
        self._data = b""
        self._owner.client_transaction_ended(self)

    def _linger(self, duration: float, now: float) -> None:
        """Stay for `duration` to absorb late answers, then end; a reliable transport has none."""
        self._stop_repeating()
        if self._timeout is not None:
            self._timeout.cancel()
        if duration <= 0:
            self.terminate()
        else:
            self._timeout = self._owner.timers.schedule(now + duration, self._lingered)

    def _lingered(self, _now: float) -> None:
        self.terminate()

    def _timed_out(self, now: float) -> None:
        """Timer B or F (RFC 3261 sections 17.1.1.2 and 17.1.2.2)."""
        user = self.user
        self.terminate()
        if user is not None:
            user.on_timeout(now)

    def _retransmit(self, now: float) -> None:
        """Timer A or E: send again, then wait for `_next_interval`."""
        self._owner.retransmissions += 1
        self._interval = self._next_interval()
        self._repeat = self._owner.timers.schedule(now + self._interval, self._retransmit)
        self._send_again(self._data, now)

    @abstractmethod
    def _next_interval(self) -> float:
        """Seconds until the next repetition."""

    def _send_again(self, data: bytes, now: float) -> None:
        try:
            self.flow.send(data, None)
        except TransportError:
            self.transport_failed(now)

    def _stop_repeating(self) -> None:
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None


class InviteClientTransaction(ClientTransaction):
    """RFC 3261 section 17.1.1 as amended by RFC 6026."""

    __slots__ = ("_ack", "_request")

    def __init__(
        self, owner: ClientTransactionOwner, key: ClientKey, flow: Flow, user: ClientTransactionUser
    ) -> None:
        super().__init__(owner, key, flow, user, ClientState.CALLING)
        self._request: Request | None = None
        self._ack: bytes | None = None

    def start(self, request: Request, now: float) -> None:
        """Send the INVITE and keep it: the ACK to a refusal is made from it."""
        self._request = request
        super().start(request, now)

    def terminate(self) -> None:
        """End at once."""
        self._request = None
        super().terminate()

    def receive(self, response: Response, now: float) -> None:
        """Take an answer, by state."""
        state = self.state
        if state is ClientState.CALLING or state is ClientState.PROCEEDING:
            self._receive_while_open(response, now)
        elif state is ClientState.ACCEPTED:
            self._receive_when_accepted(response, now)
        elif state is ClientState.COMPLETED:
            self._receive_when_completed(response)

    def _receive_while_open(self, response: Response, now: float) -> None:
        """Calling and Proceeding: a provisional stops timers A and B - ringing may last as long as it
        likes."""
        status = response.status
        user = self.user
        if status < 200:
            self.state = ClientState.PROCEEDING
            self._stop_repeating()
            if self._timeout is not None:
                self._timeout.cancel()
                self._timeout = None
        elif status < 300:
            # RFC 6026 section 7.2: stay for 64*T1 (timer M) so that forked and repeated 2xx reach the user.
            self.state = ClientState.ACCEPTED
            self._request = None
            self._data = b""
            self._linger(self._owner.timing.transaction_timeout, now)
        else:
            self.state = ClientState.COMPLETED
            self._acknowledge(response)
            self._data = b""
            self._request = None
            self.user = None
            self._linger(0 if self.flow.reliable else self._owner.timing.timer_d, now)
        if user is not None:
            user.on_response(response, now)

    def _receive_when_accepted(self, response: Response, now: float) -> None:
        """Accepted: every 2xx passes up, all else is dropped (RFC 6026 section 7.2)."""
        if 200 <= response.status < 300 and self.user is not None:
            self.user.on_response(response, now)

    def _receive_when_completed(self, response: Response) -> None:
        """Completed: a repeated refusal gets the same ACK again (RFC 3261 section 17.1.1.2)."""
        if response.status >= 300 and self._ack is not None:
            self._owner.retransmissions += 1
            try:
                self.flow.send(self._ack, None)
            except TransportError:
                # The peer repeats its answer; the next one gets another try.
                return

    def _acknowledge(self, response: Response) -> None:
        """ACK a 3xx-6xx on the INVITE's own path and branch (RFC 3261 section 17.1.1.3)."""
        invite = self._request
        if invite is None:
            return
        ack = Request("ACK", invite.uri)
        via = invite.get("Via")
        if via is not None:
            ack.add("Via", via)
        for route in invite.get_all("Route"):
            ack.add("Route", route)
        ack.add("Max-Forwards", "70")
        for name, source in (("From", invite), ("To", response), ("Call-ID", invite)):
            value = source.get(name)
            if value is not None:
                ack.add(name, value)
        ack.add("CSeq", f"{invite.cseq.number} ACK")
        self._ack = ack.serialise()
        try:
            self.flow.send(self._ack, ack)
        except TransportError:
            # As above: the repeated answer asks again.
            return

    def _next_interval(self) -> float:
        """Timer A doubles without a ceiling (RFC 3261 section 17.1.1.2); timer B ends it."""
        return self._interval * 2


class NonInviteClientTransaction(ClientTransaction):
    """RFC 3261 section 17.1.2."""

    __slots__ = ()

    def __init__(
        self, owner: ClientTransactionOwner, key: ClientKey, flow: Flow, user: ClientTransactionUser
    ) -> None:
        super().__init__(owner, key, flow, user, ClientState.TRYING)

    def receive(self, response: Response, now: float) -> None:
        """Take an answer: Trying and Proceeding pass it up, Completed absorbs it."""
        if self.state is not ClientState.TRYING and self.state is not ClientState.PROCEEDING:
            return
        user = self.user
        if response.status < 200:
            self.state = ClientState.PROCEEDING
        else:
            self.state = ClientState.COMPLETED
            self.user = None
            self._data = b""
            self._linger(0 if self.flow.reliable else self._owner.timing.t4, now)
        if user is not None:
            user.on_response(response, now)

    def _next_interval(self) -> float:
        """Timer E: doubles up to T2, and is T2 once Proceeding (RFC 3261 section 17.1.2.2)."""
        t2 = self._owner.timing.t2
        return t2 if self.state is ClientState.PROCEEDING else min(self._interval * 2, t2)
