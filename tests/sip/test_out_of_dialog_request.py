"""OPTIONS and its kind: answered, challenged, unanswered, unsendable."""

from __future__ import annotations

import pytest

from sip.call_listener import Credentials
from sip.errors import ParseError
from sip.message import Request, Response
from sip.out_of_dialog_request import OutOfDialogRequest, OutOfDialogTarget, RequestSeries
from tests.support.sip_endpoint_harness import PEER_HOST, PEER_PORT, Harness, peer_response

CHALLENGE = (("WWW-Authenticate", 'Digest realm="r", nonce="n"'),)


def target(credentials: Credentials | None = None, request_uri: str = "sip:192.0.2.10") -> OutOfDialogTarget:
    return OutOfDialogTarget(
        request_uri=request_uri,
        host=PEER_HOST,
        port=PEER_PORT,
        transport="udp",
        from_uri="sip:192.0.2.1",
        to_uri="sip:192.0.2.10",
        headers=(("Accept", "application/sdp"),),
        credentials=credentials,
    )


class Bench:
    def __init__(self, credentials: Credentials | None = None) -> None:
        self.harness = Harness()
        self.outcomes: list[tuple[int, bool]] = []
        self.request = OutOfDialogRequest(
            self.harness.endpoint,
            "OPTIONS",
            target(credentials),
            self._final,
            RequestSeries("series", 4),
        )
        self.request.send(self.harness.flow, self.harness.now)

    def _final(self, status: int, response: Response | None, now: float) -> None:
        self.outcomes.append((status, response is not None))

    def sent(self) -> Request:
        return self.harness.flow.take_request("OPTIONS")


def test_request_is_whole_and_its_final_answer_is_told_once() -> None:
    bench = Bench()
    options = bench.sent()
    assert options.uri == "sip:192.0.2.10"
    assert options.call_id == "series"
    assert options.cseq.number == 5
    assert options.get("Accept") == "application/sdp"
    assert options.to_tag is None
    bench.harness.receive(peer_response(options, 100, to_tag=None))
    bench.harness.receive(peer_response(options, 404))
    bench.harness.receive(peer_response(options, 404))
    assert bench.outcomes == [(404, True)]


def test_challenge_is_answered_and_refused_credentials_are_final() -> None:
    bench = Bench(Credentials("u", "p"))
    first = bench.sent()
    bench.harness.receive(peer_response(first, 401, headers=CHALLENGE))
    again = bench.sent()
    assert again.get("Authorization")
    assert again.cseq.number == first.cseq.number + 1
    assert again.from_tag == first.from_tag
    bench.harness.receive(peer_response(again, 401, headers=CHALLENGE))
    assert bench.outcomes == [(401, True)]


def test_no_answer_is_408_and_a_broken_flow_503() -> None:
    silent = Bench()
    silent.harness.advance(33)
    assert silent.outcomes == [(408, False)]
    broken = Bench()
    broken.harness.endpoint.transport_failed(broken.harness.flow, broken.harness.now)
    assert broken.outcomes == [(503, False)]


def test_an_abandoned_request_is_not_repeated() -> None:
    bench = Bench()
    bench.sent()
    bench.request.abandon()
    bench.harness.advance(33)
    assert bench.harness.flow.take() == []
    assert bench.outcomes == []
    assert bench.harness.endpoint.transactions.client_transactions == 0


def test_malformed_uri_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ParseError):
        OutOfDialogRequest(Harness().endpoint, "OPTIONS", target(request_uri="nonsense"), lambda *_: None)


def test_a_request_given_up_before_its_way_is_known_is_not_sent() -> None:
    harness = Harness()
    outcomes: list[int] = []
    request = OutOfDialogRequest(
        harness.endpoint, "OPTIONS", target(), lambda status, response, now: outcomes.append(status)
    )
    request.abandon()
    request.send(harness.flow, harness.now)
    assert harness.flow.sent == []
    assert outcomes == []
