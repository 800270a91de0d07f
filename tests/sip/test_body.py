"""Finding the session description in a body."""

from __future__ import annotations

import pytest

from sip.body import session_description
from sip.message import Request
from tests.support.sip_endpoint_harness import OFFER


def message(content_type: str | None, body: bytes) -> Request:
    request = Request("INVITE", "sip:1@example.org", body=body)
    if content_type is not None:
        request.add("Content-Type", content_type)
    return request


def multipart(*parts: tuple[str, bytes]) -> bytes:
    lines = [b"--B\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body + b"\r\n" for kind, body in parts]
    return b"".join(lines) + b"--B--\r\n"


def test_plain_session_description() -> None:
    assert session_description(message("application/sdp", OFFER)) == OFFER
    assert session_description(message("Application/SDP; charset=utf-8", OFFER)) == OFFER
    assert session_description(message(None, OFFER)) == OFFER


def test_no_body_and_other_bodies_hold_none() -> None:
    assert session_description(message("application/sdp", b"")) is None
    assert session_description(message("text/plain", b"v=0")) is None


@pytest.mark.parametrize("boundary", ["boundary=B", 'boundary="B"'])
def test_session_description_among_isup_parts(boundary: str) -> None:
    body = multipart(("application/isup;version=itu-t92+", b"\x01\x02\r\n\r\n"), ("application/sdp", OFFER))
    assert session_description(message(f"multipart/mixed;{boundary}", body)) == OFFER


def test_multipart_without_boundary_or_session_description_holds_none() -> None:
    assert session_description(message("multipart/mixed", multipart(("application/sdp", OFFER)))) is None
    assert session_description(message("multipart/mixed;boundary=B", multipart(("text/plain", b"x")))) is None
    assert session_description(message("multipart/mixed;boundary=B", b"--B" * 100_000)) is None
