"""The ladder of a call or of a Call-ID: its messages in order, each with what can be read of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.signalling.trace_ring import Address, CallLeg, Conversation, TracedMessage
from sip.addresses import authority
from sip.errors import SipError
from sip.message import Request, Response
from sip.parser import parse_message


@dataclass(frozen=True, slots=True)
class Step:
    """One message. `method` is that of the request, or of the one that a response answers; None where it
    cannot be read. `leg` names the leg of the call.
    """

    message: TracedMessage
    sip_call_id: str
    leg: str | None
    label: str
    method: str | None
    status: int | None
    reason: str | None
    cseq: str | None
    sdp: bool
    repeated: bool

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.message.at, UTC)

    @property
    def time(self) -> str:
        """ISO 8601, to the microsecond."""
        return self.at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    @property
    def source(self) -> str:
        return authority(*(self.message.local if self.message.sent else self.message.peer))

    @property
    def destination(self) -> str:
        return authority(*(self.message.peer if self.message.sent else self.message.local))

    @property
    def text(self) -> str:
        return self.message.data.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Ladder:
    """`kept` tells where the steps were found; `dropped` messages of these conversations had no room."""

    call_id: str | None
    kept: str
    steps: tuple[Step, ...] = ()
    dropped: int = 0

    @property
    def participants(self) -> tuple[tuple[str, str], ...]:
        """Address and name, in the order of their first word, but ourselves before the peers we call."""
        found: dict[str, str] = {}
        for step in self.steps:
            names = ("gateway", "peer") if step.message.sent else ("peer", "gateway")
            found.setdefault(step.source, names[0])
            found.setdefault(step.destination, names[1])
        return tuple(found.items())


def parsed(data: bytes) -> Request | Response | None:
    """What was traced, read again; None when it cannot be."""
    try:
        return parse_message(data)
    except SipError:
        return None


def steps_of(
    messages: Iterable[tuple[str, str | None, TracedMessage]],
) -> tuple[Step, ...]:
    """From (Call-ID, leg, message), in any order."""
    seen: set[tuple[bool, Address, bytes]] = set()
    steps = []
    for sip_call_id, leg, message in sorted(messages, key=lambda entry: entry[2].at):
        same = (message.sent, message.peer, message.data)
        steps.append(_step(sip_call_id, leg, message, same in seen))
        seen.add(same)
    return tuple(steps)


def of_leg(messages: Sequence[TracedMessage], leg: CallLeg) -> list[TracedMessage]:
    """What of a conversation belongs to the leg."""
    return [message for message in messages if _is_of(message, leg)]


def of_strangers(conversation: Conversation) -> list[TracedMessage]:
    """What of a conversation belongs to no call."""
    return [
        message
        for message in conversation.messages()
        if not any(_is_of(message, leg) for leg in conversation.legs)
    ]


def _is_of(message: TracedMessage, leg: CallLeg) -> bool:
    read = parsed(message.data)
    if read is None:
        return False
    try:
        from_tag, to_tag = read.from_tag, read.to_tag
    except SipError:
        return False
    if leg.local_tag in (from_tag, to_tag):
        return True
    return (
        to_tag is None and leg.source == message.peer and from_tag is not None and from_tag == leg.remote_tag
    )


def _step(sip_call_id: str, leg: str | None, message: TracedMessage, repeated: bool) -> Step:
    read = parsed(message.data)
    if read is None:
        first = message.data[:80].partition(b"\r\n")[0].decode("utf-8", "replace")
        return Step(
            message, sip_call_id, leg, f"unreadable: {first}", None, None, None, None, False, repeated
        )
    cseq = read.get("CSeq")
    sdp = b"m=audio" in read.body
    if isinstance(read, Request):
        label = f"{read.method} {read.uri}"
        return Step(message, sip_call_id, leg, label, read.method, None, None, cseq, sdp, repeated)
    method = (cseq or "").rpartition(" ")[2] or None
    label = f"{read.status} {read.reason} ({method})"
    return Step(message, sip_call_id, leg, label, method, read.status, read.reason, cseq, sdp, repeated)
