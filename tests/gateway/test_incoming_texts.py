"""What of a MESSAGE reaches the agent, and what is refused."""

from __future__ import annotations

import pytest

from gateway.incoming_texts import LONGEST_BYTES, MOST_IN_WINDOW, WINDOW_S, IncomingTexts, RefusedText
from sip.message import Request


def message(body: bytes, content_type: str | None = "text/plain;charset=UTF-8") -> Request:
    request = Request("MESSAGE", "sip:a@192.0.2.1", body=body)
    if content_type is not None:
        request.add("Content-Type", content_type)
    return request


def test_the_text_without_what_is_no_text() -> None:
    assert IncomingTexts().read(message("Grüße\x00\x1b[2J\r\nbis bald\n".encode())) == "Grüße[2J\nbis bald"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (message(b"<b>hello</b>", "text/html"), 415),
        (message(b"x" * (LONGEST_BYTES + 1)), 413),
        (message(b"\xff\xfe"), 400),
        (message(b" \r\n"), 400),
    ],
)
def test_what_cannot_be_told_is_refused(request_: Request, status: int) -> None:
    with pytest.raises(RefusedText) as caught:
        IncomingTexts().read(request_)
    assert caught.value.status == status


def test_a_flood_is_refused_until_it_is_over() -> None:
    now = [0.0]
    texts = IncomingTexts(lambda: now[0])
    for _ in range(MOST_IN_WINDOW):
        texts.read(message(b"hello"))
    with pytest.raises(RefusedText) as caught:
        texts.read(message(b"hello"))
    assert caught.value.status == 503
    now[0] = WINDOW_S
    assert texts.read(message(b"hello")) == "hello"
