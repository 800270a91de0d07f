"""What a call and its owner say to each other: the listener, its events and the parameters of a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

from sip.call_policy import CallPolicy
from sip.flow import Flow
from sip.message import Request, Response
from sip.tls_settings import TlsClientSettings

if TYPE_CHECKING:
    from sip.call import Call
    from sip.received_referral import ReceivedReferral
    from sip.renegotiation import OfferedRequest

EndedBy = Literal["remote", "local", "timeout", "transport", "expired"]
"""Who or what ended an established call; `expired`: its session timer, which nobody refreshed."""


class CallState(Enum):
    """Where a call is. ANSWERED is an incoming call whose 200 has not been acknowledged yet."""

    EARLY = "early"
    ANSWERED = "answered"
    ESTABLISHED = "established"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Peer:
    """Where the messages of a call come from and go to."""

    transport: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a digest challenge is answered with."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutboundTarget:
    """An INVITE to be sent. `host` may be a name; `from_uri` and `to_uri` come without brackets and tags."""

    request_uri: str
    host: str
    port: int
    transport: str
    from_uri: str
    from_display: str | None
    to_uri: str
    headers: tuple[tuple[str, str], ...] = ()
    offer: bytes | None = None
    credentials: Credentials | None = None
    policy: CallPolicy = field(default_factory=CallPolicy)
    tls: TlsClientSettings | None = None
    flow: Flow | None = None
    """The way to take, where it is known: `host`, `port` and `transport` are then for people alone."""


class CallListener(Protocol):
    """The owner of a call. Everything is called on the event loop and must not raise.

    An exception is logged and ends that call alone. Subclass it to get what is not of interest ignored.
    """

    def on_progress(self, call: Call, response: Response) -> None:
        """Outgoing: a provisional answer, 100 included."""
        return

    def on_answer(self, call: Call, response: Response) -> None:
        """A 2xx to our INVITE or re-INVITE; its ACK has been sent."""
        return

    def on_failure(self, call: Call, status: int, reason: str, response: Response | None) -> None:
        """Outgoing: the call was not established.

        `response` is the final answer, or None for what was found out here: 408 no answer at all, 503 not
        sendable, 487 cancelled without a 487 of the peer. Incoming: 504, a reliable provisional answer of
        ours was never acknowledged, and the INVITE has been refused with that.
        """
        return

    def on_cancelled(self, call: Call, request: Request) -> None:
        """Incoming: the caller gave up before our answer; 487 has been sent. `request` is the CANCEL or
        BYE."""
        return

    def on_established(self, call: Call, sdp: bytes | None) -> None:
        """Incoming: the ACK arrived. `sdp` is its body, the answer when our 200 carried the offer."""
        return

    def on_offer(self, call: Call, request: OfferedRequest) -> None:
        """A re-INVITE, or an UPDATE with a session description, waits for its answer."""
        return

    def on_info(self, call: Call, request: Request) -> None:
        """An INFO, already answered with 200."""
        return

    def on_refer(self, call: Call, referral: ReceivedReferral) -> None:
        """The peer asks us to call somebody else in its place; only where the call's policy accepts it."""
        referral.reject()

    def on_message(self, call: Call, request: Request) -> int:
        """A MESSAGE, and the status to answer it with; only where the call's policy accepts it."""
        return 405

    def on_refresh_due(self, call: Call) -> None:
        """The session timer wants a re-INVITE that changes nothing (`Call.re_invite`): the peer knows no
        UPDATE.
        """
        return

    def on_terminated(self, call: Call, by: EndedBy, request: Request | None) -> None:
        """An answered call is over; once per call. `request` is the peer's BYE."""
        return


class IgnoringListener(CallListener):
    """Hears nothing; what a call has before its owner sets one."""
