"""SIP messages as they are traced."""

from __future__ import annotations

from gateway.signalling.trace_ring import TracedMessage
from sip.errors import ParseError
from sip.parser import parse_message
from sip.user_agent import TraceEvent

HERE = ("192.0.2.1", 5060)
PEER = ("198.51.100.7", 5070)


def sip(
    first_line: str = "INVITE sip:+15551230000@192.0.2.1 SIP/2.0",
    *,
    call_id: str = "c1",
    from_tag: str = "theirs",
    to_tag: str | None = None,
    cseq: str = "1 INVITE",
    headers: str = "",
    body: str = "",
) -> bytes:
    to = "" if to_tag is None else f";tag={to_tag}"
    text = (
        f"{first_line}\r\nVia: SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK1\r\n"
        f"From: <sip:+15557654321@198.51.100.7>;tag={from_tag}\r\nTo: <sip:+15551230000@192.0.2.1>{to}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq}\r\nMax-Forwards: 70\r\n{headers}"
    )
    return f"{text}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def traced(
    data: bytes,
    at: float = 1_700_000_000.25,
    *,
    sent: bool = False,
    transport: str = "udp",
    peer: tuple[str, int] = PEER,
    local: tuple[str, int] = HERE,
) -> TracedMessage:
    return TracedMessage(at, sent, transport, peer, local, data, len(data))


def event(data: bytes, *, sent: bool = False, peer: tuple[str, int] = PEER) -> TraceEvent:
    """As the user agent tells it."""
    try:
        message = parse_message(data)
    except ParseError:
        message = None
    return TraceEvent("sent" if sent else "received", "udp", peer, HERE, data, message)
