"""BYE and its kind: challenged, unanswered, unsendable."""

from __future__ import annotations

from sip.call_listener import Credentials
from sip.dialog import Dialog
from sip.in_dialog_request import InDialogRequest
from sip.message import Request, Response
from tests.support.sip_endpoint_harness import Harness, peer_request, peer_response

CHALLENGE = (("Proxy-Authenticate", 'Digest realm="r", nonce="n"'),)


class Bench:
    def __init__(self, credentials: Credentials | None = None) -> None:
        self.harness = Harness()
        self.outcomes: list[tuple[int, bool]] = []
        self.dialog = Dialog.from_request(peer_request("INVITE"), "our-tag")
        sender = InDialogRequest(
            self.harness.endpoint, self.dialog, self.harness.flow, credentials, self._final
        )
        sender.send("BYE", self.harness.now, (("Reason", "Q.850;cause=16"),))

    def _final(self, status: int, response: Response | None, now: float) -> None:
        self.outcomes.append((status, response is not None))

    def sent(self) -> Request:
        return self.harness.flow.take_request("BYE")


def test_final_answer_is_reported_and_provisional_ones_are_not() -> None:
    bench = Bench()
    bye = bench.sent()
    assert bye.get("Reason") == "Q.850;cause=16"
    bench.harness.receive(peer_response(bye, 100, to_tag=None))
    bench.harness.receive(peer_response(bye, 200))
    assert bench.outcomes == [(200, True)]


def test_challenge_is_answered_once_with_the_same_headers() -> None:
    bench = Bench(Credentials("u", "p"))
    bench.harness.receive(peer_response(bench.sent(), 407, headers=CHALLENGE))
    again = bench.sent()
    assert again.get("Proxy-Authorization")
    assert again.get("Reason") == "Q.850;cause=16"
    assert again.cseq.number == 2
    assert bench.outcomes == []
    bench.harness.receive(peer_response(again, 407, headers=CHALLENGE))
    assert bench.outcomes == [(407, True)]


def test_challenge_without_credentials_is_final() -> None:
    bench = Bench()
    bench.harness.receive(peer_response(bench.sent(), 407, headers=CHALLENGE))
    assert bench.outcomes == [(407, True)]


def test_no_answer_is_408_and_a_broken_flow_503() -> None:
    bench = Bench()
    bench.harness.advance(33)
    assert bench.outcomes == [(408, False)]
    broken = Bench()
    broken.harness.endpoint.transport_failed(broken.harness.flow, broken.harness.now)
    assert broken.outcomes == [(503, False)]
