"""A datagram: what it is read as, everything that is looked at in it, and the answer to it."""

from __future__ import annotations

from contextlib import suppress

from sip.body import session_description
from sip.errors import ParseError
from sip.message import Message, Request, response_to
from sip.parser import parse_message

VIEWS = (
    "call_id",
    "cseq",
    "from_",
    "to",
    "from_tag",
    "to_tag",
    "top_via",
    "vias",
    "contacts",
    "contact",
    "max_forwards",
    "route",
    "record_route",
    "content_type",
    "require",
    "supported",
    "allow",
    "expires",
)


def fuzz(data: bytes) -> None:
    try:
        message = parse_message(data)
    except ParseError as error:
        if error.request is not None:
            answer(error.request, error.status, error.reason)
        return
    again = parse_message(message.serialise())
    assert again == message, "a message changes by being written and read again"
    look_at(message)
    if isinstance(message, Request) and message.is_answerable:
        written = parse_message(answer(message, 200, None))
        for header in ("From", "Call-ID", "CSeq"):
            assert written.get_all(header) == message.get_all(header), "an echoed header has changed"


def look_at(message: Message) -> None:
    for view in VIEWS:
        with suppress(ParseError):
            getattr(message, view)
    with suppress(ParseError):
        for contact in message.contacts:
            str(contact.uri)
    if isinstance(message, Request):
        with suppress(ParseError):
            str(message.request_uri.telephone_number)
        session_description(message)


def answer(request: Request, status: int, reason: str | None) -> bytes:
    request.stamp_received("192.0.2.77", 5070)
    return response_to(request, status, reason, to_tag="ours").serialise()
