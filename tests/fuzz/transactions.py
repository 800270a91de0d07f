"""Requests and responses in any order, each with one header value of any content: the user agent raises
nothing and, when all timers have run out, keeps nothing.
"""

from __future__ import annotations

from contextlib import suppress

from sip.errors import ParseError
from sip.message import Request, Response
from tests.fuzz.choices import Choices
from tests.support.sip_endpoint_harness import OFFER, Harness, outbound_target, peer_request, peer_response

METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "PRACK",
    "UPDATE",
    "REFER",
    "NOTIFY",
    "INFO",
    "OPTIONS",
    "MESSAGE",
    "REGISTER",
    "XYZ",
)
HEADERS = (
    "Contact",
    "Record-Route",
    "Route",
    "Require",
    "Supported",
    "Session-Expires",
    "Min-SE",
    "RSeq",
    "RAck",
    "Replaces",
    "Refer-To",
    "Event",
    "Subscription-State",
    "Reason",
    "Allow",
    "WWW-Authenticate",
    "Retry-After",
    "Content-Type",
    "Content-Encoding",
    "Max-Forwards",
    "Via",
)
VALUES = (
    "100rel",
    "timer",
    "90;refresher=uas",
    "90;refresher=uac",
    "30",
    "1",
    "1 1 INVITE",
    "<sip:a@192.0.2.77;lr>",
    'Digest realm="r", nonce="n", qop="auth"',
    "refer",
    "active;expires=60",
    "terminated",
    "message/sipfrag",
    "multipart/mixed;boundary=x",
    "UPDATE",
    "<sip:a b@192.0.2.3>",
    "<nonsense>",
)
STATUSES = (180, 100, 183, 200, 401, 407, 422, 486, 487, 491, 302, 481, 408, 503, 600)
BODIES = (
    b"",
    OFFER,
    OFFER[:60],
    b"SIP/2.0 200 OK\r\n",
    b"--x\r\nContent-Type: application/sdp\r\n\r\n" + OFFER,
)
CONTACTS = (
    "<sip:callee@192.0.2.10:5070>",
    "<sip:callee@192.0.2.11;transport=tcp>",
    "<sip:a b@192.0.2.3>",
    "<nonsense>",
    None,
)
WAITS = (0.0, 0.6, 5.0, 33.0, 70.0)
LIMIT = 60  # steps


def fuzz(data: bytes) -> None:
    choices, harness = Choices(data), Harness()
    placed: list[Request] = []
    for _ in range(LIMIT):
        if not choices.left:
            break
        step(choices, harness, placed)
        assert harness.endpoint.faults == 0, "a message has raised"
    for call in list(harness.endpoint.calls):
        call.hang_up()
    harness.advance(200)
    assert harness.endpoint.faults == 0, "a timer has raised"
    harness.assert_nothing_left()


def step(choices: Choices, harness: Harness, placed: list[Request]) -> None:
    kind = choices.byte() % 8
    if kind < 3:
        receive_request(choices, harness)
    elif kind == 3:
        act(choices, harness)
    elif kind == 4:
        harness.advance(choices.one_of(WAITS))
    elif kind == 5 and len(harness.endpoint.calls) < 4:
        harness.call(outbound_target(offer=choices.one_of((OFFER, b"")) or None))
    else:
        answer_request(choices, harness, placed)
    placed += [message for message in harness.flow.take() if isinstance(message, Request)]


def receive_request(choices: Choices, harness: Harness) -> None:
    """A request of the peer, inside the newest call of either direction or outside of any."""
    method = choices.one_of(METHODS)
    shape = choices.byte()
    tag = "nobody" if shape & 1 else None
    if shape & 2 and harness.incoming:
        tag = harness.incoming[-1].local_tag
    body = choices.one_of(BODIES)
    request = peer_request(
        method,
        cseq=1 + (shape >> 2) % 8,
        branch=f"z9hG4bK-{shape >> 5}",
        to_tag=tag,
        body=body,
        headers=extra_headers(choices),
    )
    peer_sends(harness, request)


def answer_request(choices: Choices, harness: Harness, placed: list[Request]) -> None:
    """The peer answers a request of ours, and perhaps once more."""
    if not placed:
        return
    request = placed[-1 - choices.byte() % min(4, len(placed))]
    if request.method == "ACK":
        return
    response = peer_response(
        request,
        choices.one_of(STATUSES),
        to_tag=choices.one_of(("callee-tag", "fork-tag", None)),
        body=choices.one_of(BODIES),
        contact=choices.one_of(CONTACTS),
        headers=extra_headers(choices),
    )
    peer_sends(harness, response)


def peer_sends(harness: Harness, message: Request | Response) -> None:
    with suppress(ParseError):  # refused by the transport, before it gets here
        harness.receive(message)


def extra_headers(choices: Choices) -> tuple[tuple[str, str], ...]:
    headers = []
    for _ in range(choices.byte() % 4):
        name, value = choices.one_of(HEADERS), choices.byte()
        headers.append((name, VALUES[value % len(VALUES)] if value < 240 else choices.text()))
    return tuple(headers)


def act(choices: Choices, harness: Harness) -> None:
    """Do something with the newest call."""
    if not harness.incoming:
        return
    call, action = harness.incoming[-1], choices.byte() % 6
    if action == 0:
        call.ring()
    elif action == 1:
        call.answer(OFFER)
    elif action == 2:
        call.reject(486)
    elif action == 3:
        call.hang_up()
    elif harness.listener.offers:
        offer = harness.listener.offers.pop()
        offer.answer(OFFER) if action == 4 else offer.reject(488)
