"""Server transactions: INVITE (RFC 3261 section 17.2.1 with RFC 6026 section 7.1) and non-INVITE (section
17.2.2).

A server transaction shows its user a request once and answers its repetitions by itself. After its final
answer it keeps only the bytes it may have to repeat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Protocol

from sip.flow import Flow, TransportError
from sip.message import Request, Response
from sip.timers import Timer, TimerQueue, Timing

ServerKey = tuple[str, ...]
"""What matches a repeated request to its transaction (RFC 3261 section 17.2.3)."""


class ServerState(Enum):
    """States of both server machines (RFC 3261 figures 7 and 8, RFC 6026 figure 5)."""

    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class ServerTransactionOwner(Protocol):
    """What a server transaction needs of its layer."""

    timers: TimerQueue
    timing: Timing
    retransmissions: int
    unsent_responses: int

    def server_transaction_ended(self, transaction: ServerTransaction) -> None:
        """Forget the transaction."""
        ...


class InviteServerUser(Protocol):
    """Who answers an INVITE, as far as the transaction must reach it."""

    @property
    def local_tag(self) -> str:
        """The To tag of the INVITE's answers."""
        ...

    def on_cancel(self, request: Request, now: float) -> None:
        """A CANCEL for the still unanswered INVITE arrived and has got its 200 (RFC 3261 section 9.2)."""
        ...


class ServerTransaction(ABC):
    """What both machines share: the request, the last answer's bytes and the way back."""

    __slots__ = ("_owner", "_response", "_timer", "flow", "key", "merge_key", "request", "state")

    def __init__(
        self,
        owner: ServerTransactionOwner,
        key: ServerKey,
        merge_key: ServerKey | None,
        request: Request,
        flow: Flow,
        initial: ServerState,
    ) -> None:
        self._owner = owner
        self._response: bytes | None = None
        self._timer: Timer | None = None
        self.flow = flow
        self.key = key
        self.merge_key = merge_key
        self.request: Request | None = request
        self.state = initial

    @property
    def answered(self) -> bool:
        """Whether a final answer has been given."""
        return self.state is not ServerState.TRYING and self.state is not ServerState.PROCEEDING

    @abstractmethod
    def receive(self, request: Request, now: float) -> None:
        """Take a repetition of the request (or, for INVITE, the ACK to a refusal)."""

    @abstractmethod
    def respond(self, response: Response, now: float) -> None:
        """Send an answer; a second final answer is ignored, except a repeated 2xx to an INVITE."""

    def terminate(self) -> None:
        """End at once: no timer and no message is left behind."""
        if self.state is ServerState.TERMINATED:
            return
        self.state = ServerState.TERMINATED
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.request = None
        self._response = None
        self._owner.server_transaction_ended(self)

    def _send(self, response: Response) -> None:
        data = response.serialise()
        self._response = data
        self._transmit(data, response)

    def _repeat_response(self) -> None:
        if self._response is not None:
            self._owner.retransmissions += 1
            self._transmit(self._response, None)

    def _transmit(self, data: bytes, response: Response | None) -> None:
        try:
            self.flow.send(data, response)
        except TransportError:
            # The peer's own timers are the remedy (RFC 3261 section 17.2.4); all we can do is count.
            self._owner.unsent_responses += 1

    def _end_after(self, duration: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if duration <= 0:
            self.terminate()
        else:
            self._timer = self._owner.timers.schedule(now + duration, self._expired)

    def _expired(self, _now: float) -> None:
        self.terminate()


class InviteServerTransaction(ServerTransaction):
    """RFC 3261 section 17.2.1 as amended by RFC 6026."""

    __slots__ = ("_give_up", "_interval", "user")

    def __init__(
        self,
        owner: ServerTransactionOwner,
        key: ServerKey,
        merge_key: ServerKey | None,
        request: Request,
        flow: Flow,
    ) -> None:
        super().__init__(owner, key, merge_key, request, flow, ServerState.PROCEEDING)
        self._interval = owner.timing.t1
        self._give_up: Timer | None = None
        self.user: InviteServerUser | None = None

    @property
    def accepted(self) -> bool:
        """Whether a 2xx was sent: an ACK is then the user's, whatever its branch."""
        return self.state is ServerState.ACCEPTED

    def receive(self, request: Request, now: float) -> None:
        """Take a repeated INVITE or the ACK to our refusal, by state."""
        state = self.state
        if request.method == "ACK":
            if state is ServerState.COMPLETED:
                self._confirm(now)
        elif state is ServerState.PROCEEDING or state is ServerState.COMPLETED:
            # In Accepted a repeated INVITE is absorbed in silence: the 2xx is repeated by the user (RFC
            # 6026 7.1).
            self._repeat_response()

    def respond(self, response: Response, now: float) -> None:
        """Send an answer (RFC 3261 figure 7, RFC 6026 figure 5)."""
        status = response.status
        if self.state is ServerState.PROCEEDING:
            if status < 200:
                self._send(response)
            elif status < 300:
                self._accept(response, now)
            else:
                self._refuse(response, now)
        elif self.state is ServerState.ACCEPTED and 200 <= status < 300:
            self._transmit(response.serialise(), response)

    def repeat_accepted(self) -> None:
        """Send the 2xx again for the user, who owns its repetition (RFC 3261 section 13.3.1.4)."""
        if self.state is ServerState.ACCEPTED:
            self._repeat_response()

    def acknowledged(self) -> None:
        """The 2xx was acknowledged: its bytes are no longer needed, only the absorbing state is."""
        if self.state is ServerState.ACCEPTED:
            self._response = None

    def terminate(self) -> None:
        """End at once."""
        if self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None
        self.user = None
        super().terminate()

    def _accept(self, response: Response, now: float) -> None:
        """To Accepted, which absorbs repetitions of the INVITE for timer L (64*T1)."""
        self.state = ServerState.ACCEPTED
        self._send(response)
        self.request = None
        self.user = None
        self._end_after(self._owner.timing.transaction_timeout, now)

    def _refuse(self, response: Response, now: float) -> None:
        """To Completed: repeat the refusal (timer G, UDP only) until the ACK or timer H."""
        self.state = ServerState.COMPLETED
        self._send(response)
        self.request = None
        self.user = None
        owner = self._owner
        self._give_up = owner.timers.schedule(now + owner.timing.transaction_timeout, self._expired)
        if not self.flow.reliable:
            self._timer = owner.timers.schedule(now + self._interval, self._retransmit)

    def _retransmit(self, now: float) -> None:
        """Timer G: doubles up to T2."""
        self._interval = min(self._interval * 2, self._owner.timing.t2)
        self._timer = self._owner.timers.schedule(now + self._interval, self._retransmit)
        self._repeat_response()

    def _confirm(self, now: float) -> None:
        """To Confirmed, which absorbs repeated ACKs for timer I (T4; none over a reliable transport)."""
        self.state = ServerState.CONFIRMED
        self._response = None
        if self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None
        self._end_after(0 if self.flow.reliable else self._owner.timing.t4, now)


class NonInviteServerTransaction(ServerTransaction):
    """RFC 3261 section 17.2.2."""

    __slots__ = ()

    def __init__(
        self,
        owner: ServerTransactionOwner,
        key: ServerKey,
        merge_key: ServerKey | None,
        request: Request,
        flow: Flow,
    ) -> None:
        super().__init__(owner, key, merge_key, request, flow, ServerState.TRYING)

    def receive(self, request: Request, now: float) -> None:
        """A repetition: nothing in Trying, the last answer again in Proceeding and Completed."""
        self._repeat_response()

    def respond(self, response: Response, now: float) -> None:
        """Send an answer; the final one is kept for timer J (64*T1; none over a reliable transport)."""
        if self.answered:
            return
        if response.status < 200:
            self.state = ServerState.PROCEEDING
            self._send(response)
            return
        self.state = ServerState.COMPLETED
        self._send(response)
        self.request = None
        self._end_after(0 if self.flow.reliable else self._owner.timing.transaction_timeout, now)
