"""What a call needs of the endpoint it lives in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from sip.dialog import Dialog
from sip.flow import Flow
from sip.timers import TimerQueue, Timing
from sip.transaction_layer import TransactionLayer

if TYPE_CHECKING:
    from sip.call import Call


class CallContext(Protocol):
    """The endpoint, seen from a call."""

    timers: TimerQueue
    timing: Timing
    transactions: TransactionLayer
    clock: Callable[[], float]
    user_agent_headers: Sequence[tuple[str, str]]
    server_headers: Sequence[tuple[str, str]]

    def flow_for(self, dialog: Dialog, current: Flow) -> Flow:
        """The way to the next hop of `dialog`; `current` is the one its last message took."""
        ...

    def flow_for_large(self, flow: Flow) -> Flow | None:
        """A congestion-controlled way to the same peer for a request too large for a datagram; None to
        stay."""
        ...

    def dialog_created(self, dialog: Dialog, call: Call) -> None:
        """From now on requests of `dialog` are the call's."""
        ...

    def dialog_ended(self, dialog: Dialog) -> None:
        """Forget the dialog."""
        ...

    def call_ended(self, call: Call) -> None:
        """Forget the call."""
        ...

    def defer(self, callback: Callable[[float], None]) -> None:
        """Call `callback(now)` soon, but not from inside the present call."""
        ...


def via_value(flow: Flow, branch: str) -> str:
    """The Via of a request of ours on `flow`, asking for symmetric answers (RFC 3581 section 3)."""
    return f"SIP/2.0/{flow.transport.upper()} {flow.local_authority};rport;branch={branch}"


def contact_value(flow: Flow, user: str) -> str:
    """Our Contact as the peer on `flow` should use it; `user` is written as it is and may be empty."""
    # RFC 7118 section 5.2: `transport=ws` stands for both kinds of WebSocket.
    name = "ws" if flow.transport == "wss" else flow.transport
    transport = "" if name == "udp" else f";transport={name}"
    return (
        f"<sip:{user}@{flow.local_authority}{transport}>"
        if user
        else f"<sip:{flow.local_authority}{transport}>"
    )
