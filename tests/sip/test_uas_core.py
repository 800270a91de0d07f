"""The general checks of every request (RFC 3261 section 8.2)."""

from __future__ import annotations

import pytest

from sip.message import Request
from sip.uas_core import refusal
from tests.support.sip_endpoint_harness import OFFER, peer_request


def refused(request: Request) -> int | None:
    response = refusal(request, "tag")
    return None if response is None else response.status


def test_plain_requests_pass() -> None:
    assert refused(peer_request("INVITE", body=OFFER)) is None
    assert refused(peer_request("INVITE")) is None
    assert refused(peer_request("OPTIONS")) is None
    assert refused(peer_request("INVITE", uri="tel:+15550100")) is None


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH"])
def test_known_method_that_is_not_allowed_gets_405_with_allow(method: str) -> None:
    response = refusal(peer_request(method), "tag")
    assert response is not None
    assert response.status == 405
    assert (response.get("Allow") or "").split(", ")[0] == "INVITE"


def test_unknown_method_gets_501_with_allow() -> None:
    response = refusal(peer_request("FROBNICATE"), "tag")
    assert response is not None
    assert response.status == 501
    assert response.get("Allow")


def test_unknown_scheme_gets_416() -> None:
    assert refused(peer_request("INVITE", uri="http://example.org")) == 416
    assert refused(peer_request("INVITE", uri="SIP:100@192.0.2.1")) is None


def test_spent_max_forwards_gets_483() -> None:
    for method in ("INVITE", "OPTIONS"):
        request = peer_request(method)
        request.set("Max-Forwards", "0")
        assert refused(request) == 483


def test_required_extension_we_do_not_know_gets_420_that_names_it() -> None:
    request = peer_request("INVITE", headers=(("Require", "100rel, precondition"), ("Require", "x-own")))
    response = refusal(request, "tag")
    assert response is not None
    assert response.status == 420
    assert response.get("Unsupported") == "precondition, x-own"


def test_replaces_header_without_require_is_ignored() -> None:
    assert refused(peer_request("INVITE", headers=(("Replaces", "a;to-tag=b;from-tag=c"),))) is None


def test_body_that_is_no_session_description_gets_415_with_accept() -> None:
    request = peer_request("INVITE", body=b"hello")
    request.set("Content-Type", "text/plain")
    response = refusal(request, "tag")
    assert response is not None
    assert response.status == 415
    assert "application/sdp" in (response.get("Accept") or "")
    request.add("Content-Disposition", "render;handling=optional")
    assert refused(request) is None


def test_encoded_body_gets_415_with_accept_encoding() -> None:
    request = peer_request("INVITE", body=OFFER, headers=(("Content-Encoding", "gzip"),))
    response = refusal(request, "tag")
    assert response is not None
    assert response.status == 415
    assert response.get("Accept-Encoding") == "identity"


def test_inside_a_dialog_max_forwards_and_request_uri_are_not_looked_at() -> None:
    request = peer_request("BYE", uri="x:1")
    request.set("Max-Forwards", "0")
    assert refusal(request, None) is None
