"""The two client state machines, by their timers and answers (RFC 3261 section 17.1, RFC 6026 section
7.2)."""

from __future__ import annotations

import pytest

from sip.client_transaction import (
    ClientState,
    ClientTransaction,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from sip.message import Request, Response
from sip.timers import TimerQueue, Timing
from tests.support.sip_endpoint_harness import RecordingFlow, described, peer_request, peer_response

REQUEST_TIMES_INVITE = [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
REQUEST_TIMES_OTHER = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


class Owner:
    """Stands for the layer."""

    def __init__(self) -> None:
        self.timers = TimerQueue()
        self.timing = Timing()
        self.retransmissions = 0
        self.ended: list[ClientTransaction] = []

    def client_transaction_ended(self, transaction: ClientTransaction) -> None:
        self.ended.append(transaction)


class User:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_response(self, response: Response, now: float) -> None:
        self.heard.append(str(response.status))

    def on_timeout(self, now: float) -> None:
        self.heard.append(f"timeout at {now:g}")

    def on_transport_error(self, now: float) -> None:
        self.heard.append("transport error")


class Bench:
    """A transaction on a recording flow with its own time."""

    def __init__(self, method: str, transport: str = "udp", broken: bool = False) -> None:
        self.owner = Owner()
        self.user = User()
        self.flow = RecordingFlow(transport=transport)
        self.flow.broken = broken
        self.request: Request = peer_request(method, headers=(("Route", "<sip:proxy;lr>"),))
        kind = InviteClientTransaction if method == "INVITE" else NonInviteClientTransaction
        self.transaction = kind(self.owner, ("branch", method), self.flow, self.user)
        self.now = 0.0
        self.transaction.start(self.request, 0.0)

    def advance(self, until: float) -> list[float]:
        """Fire timers one by one; returns the moments at which something was sent."""
        sent_at: list[float] = []
        while (deadline := self.owner.timers.next_deadline()) is not None and deadline <= until:
            before = len(self.flow.sent)
            self.now = deadline
            self.owner.timers.run(deadline)
            sent_at += [deadline] * (len(self.flow.sent) - before)
        self.now = until
        return sent_at

    def answer(self, status: int, to_tag: str = "callee") -> None:
        self.transaction.receive(peer_response(self.request, status, to_tag=to_tag), self.now)

    def assert_ended(self) -> None:
        assert self.transaction.state is ClientState.TERMINATED
        assert self.owner.ended == [self.transaction]
        assert len(self.owner.timers) == 0
        assert self.transaction.user is None


def test_unanswered_invite_is_repeated_with_doubling_gaps_until_timer_b() -> None:
    bench = Bench("INVITE")
    assert bench.advance(40) == REQUEST_TIMES_INVITE
    assert bench.user.heard == ["timeout at 32"]
    bench.assert_ended()


def test_unanswered_bye_is_repeated_with_gaps_up_to_t2_until_timer_f() -> None:
    bench = Bench("BYE")
    assert bench.advance(40) == REQUEST_TIMES_OTHER
    assert bench.user.heard == ["timeout at 32"]
    bench.assert_ended()


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_nothing_is_repeated_over_a_reliable_transport(method: str) -> None:
    bench = Bench(method, "tcp")
    assert bench.advance(40) == []
    assert bench.user.heard == ["timeout at 32"]


def test_ringing_may_last_longer_than_timer_b() -> None:
    bench = Bench("INVITE")
    bench.advance(0.2)
    bench.answer(180)
    assert bench.advance(600) == []
    assert bench.user.heard == ["180"]
    bench.answer(200)
    assert bench.user.heard == ["180", "200"]


def test_provisional_answer_slows_a_non_invite_request_to_t2_and_timer_f_still_runs() -> None:
    bench = Bench("OPTIONS")
    bench.answer(100)
    assert bench.advance(40) == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert bench.user.heard == ["100", "timeout at 32"]


def test_refused_invite_is_acknowledged_on_its_own_branch_and_path() -> None:
    bench = Bench("INVITE")
    bench.flow.take()
    bench.answer(486)
    ack = bench.flow.take_request("ACK")
    assert ack.uri == bench.request.uri
    assert ack.top_via.text == bench.request.top_via.text
    assert ack.get_all("Route") == ["<sip:proxy;lr>"]
    assert ack.get("From") == bench.request.get("From")
    assert ack.to_tag == "callee"
    assert str(ack.cseq) == "1 ACK"
    assert ack.call_id == bench.request.call_id
    assert bench.user.heard == ["486"]


def test_repeated_refusal_is_acknowledged_again_and_not_reported_again() -> None:
    bench = Bench("INVITE")
    bench.flow.take()
    bench.answer(486)
    bench.answer(486)
    assert described(bench.flow) == ["ACK", "ACK"]
    assert bench.user.heard == ["486"]
    bench.advance(31.9)
    assert bench.transaction.state is ClientState.COMPLETED
    bench.advance(32.1)
    bench.assert_ended()


def test_refused_invite_over_tcp_ends_at_once() -> None:
    bench = Bench("INVITE", "tcp")
    bench.answer(603)
    bench.assert_ended()


def test_success_is_not_acknowledged_by_the_transaction_and_every_repetition_passes_up() -> None:
    bench = Bench("INVITE")
    bench.flow.take()
    bench.answer(200, "one")
    bench.answer(200, "one")
    bench.answer(200, "two")
    assert described(bench.flow) == []
    assert bench.user.heard == ["200", "200", "200"]
    assert bench.advance(31) == []
    bench.answer(486)
    assert bench.user.heard == ["200", "200", "200"]
    bench.advance(33)
    bench.assert_ended()


def test_final_answer_to_bye_ends_repetition_and_lingers_for_t4_to_absorb_copies() -> None:
    bench = Bench("BYE")
    bench.answer(200)
    bench.answer(200)
    assert bench.user.heard == ["200"]
    assert bench.advance(4.9) == []
    assert bench.transaction.state is ClientState.COMPLETED
    bench.advance(5.1)
    bench.assert_ended()


def test_final_answer_over_tcp_leaves_no_lingering_state() -> None:
    bench = Bench("BYE", "tcp")
    bench.answer(200)
    bench.assert_ended()


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_request_that_cannot_be_sent_is_reported_from_a_timer_and_not_from_inside_start(method: str) -> None:
    bench = Bench(method, broken=True)
    assert bench.user.heard == []
    bench.advance(0.0)
    assert bench.user.heard == ["transport error"]
    bench.assert_ended()


def test_flow_that_breaks_while_repeating_fails_the_request() -> None:
    bench = Bench("BYE")
    bench.flow.broken = True
    bench.advance(1.0)
    assert bench.user.heard == ["transport error"]
    bench.assert_ended()


def test_flow_that_breaks_after_the_answer_changes_nothing() -> None:
    bench = Bench("BYE")
    bench.answer(200)
    bench.transaction.transport_failed(0.0)
    assert bench.user.heard == ["200"]
