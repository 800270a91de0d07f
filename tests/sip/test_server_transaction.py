"""The two server state machines (RFC 3261 section 17.2, RFC 6026 section 7.1)."""

from __future__ import annotations

from sip.message import response_to
from sip.server_transaction import (
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerState,
    ServerTransaction,
)
from sip.timers import TimerQueue, Timing
from tests.support.sip_endpoint_harness import RecordingFlow, described, peer_request


class Owner:
    """Stands for the layer."""

    def __init__(self) -> None:
        self.timers = TimerQueue()
        self.timing = Timing()
        self.retransmissions = 0
        self.unsent_responses = 0
        self.ended: list[ServerTransaction] = []

    def server_transaction_ended(self, transaction: ServerTransaction) -> None:
        self.ended.append(transaction)


class Bench:
    """A transaction on a recording flow with its own time."""

    def __init__(self, method: str, transport: str = "udp") -> None:
        self.owner = Owner()
        self.flow = RecordingFlow(transport=transport)
        self.request = peer_request(method)
        self.transaction: ServerTransaction
        if method == "INVITE":
            self.invite = InviteServerTransaction(self.owner, ("key",), None, self.request, self.flow)
            self.transaction = self.invite
        else:
            self.transaction = NonInviteServerTransaction(self.owner, ("key",), None, self.request, self.flow)
        self.now = 0.0

    def advance(self, until: float) -> list[float]:
        sent_at: list[float] = []
        while (deadline := self.owner.timers.next_deadline()) is not None and deadline <= until:
            before = len(self.flow.sent)
            self.now = deadline
            self.owner.timers.run(deadline)
            sent_at += [deadline] * (len(self.flow.sent) - before)
        self.now = until
        return sent_at

    def respond(self, status: int) -> None:
        self.transaction.respond(response_to(self.request, status, to_tag="ours"), self.now)

    def repeat(self) -> None:
        self.transaction.receive(self.request, self.now)

    def acknowledge(self) -> None:
        self.transaction.receive(peer_request("ACK"), self.now)

    def assert_ended(self) -> None:
        assert self.transaction.state is ServerState.TERMINATED
        assert self.owner.ended == [self.transaction]
        assert len(self.owner.timers) == 0
        assert self.transaction.request is None


def test_repeated_invite_gets_the_last_provisional_answer_again() -> None:
    bench = Bench("INVITE")
    bench.repeat()
    assert described(bench.flow) == []
    bench.respond(100)
    bench.repeat()
    bench.respond(180)
    bench.repeat()
    assert described(bench.flow) == ["100", "100", "180", "180"]
    assert bench.owner.retransmissions == 2


def test_refusal_is_repeated_up_to_t2_until_timer_h() -> None:
    bench = Bench("INVITE")
    bench.respond(486)
    assert bench.advance(40) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    bench.assert_ended()


def test_acknowledged_refusal_is_not_repeated_and_absorbs_copies_of_the_ack_for_t4() -> None:
    bench = Bench("INVITE")
    bench.respond(486)
    bench.flow.take()
    bench.acknowledge()
    bench.acknowledge()
    bench.repeat()
    assert bench.advance(4.9) == []
    assert described(bench.flow) == []
    assert bench.transaction.state is ServerState.CONFIRMED
    bench.advance(5.1)
    bench.assert_ended()


def test_refusal_over_tcp_is_sent_once_and_ends_with_its_ack() -> None:
    bench = Bench("INVITE", "tcp")
    bench.respond(486)
    assert bench.advance(10) == []
    bench.acknowledge()
    bench.assert_ended()


def test_refusal_over_tcp_gives_up_waiting_for_the_ack_after_timer_h() -> None:
    bench = Bench("INVITE", "tcp")
    bench.respond(486)
    bench.advance(33)
    bench.assert_ended()


def test_repeated_invite_after_success_is_absorbed_for_timer_l() -> None:
    bench = Bench("INVITE")
    bench.respond(200)
    bench.flow.take()
    bench.repeat()
    bench.advance(31.9)
    bench.repeat()
    assert described(bench.flow) == []
    assert bench.transaction.state is ServerState.ACCEPTED
    bench.advance(32.1)
    bench.assert_ended()


def test_success_is_repeated_only_when_its_owner_says_so() -> None:
    bench = Bench("INVITE")
    bench.respond(200)
    assert bench.advance(20) == []
    bench.invite.repeat_accepted()
    assert described(bench.flow) == ["200", "200"]
    bench.invite.acknowledged()
    bench.invite.repeat_accepted()
    assert described(bench.flow) == []


def test_nothing_is_sent_after_a_refusal() -> None:
    bench = Bench("INVITE")
    bench.respond(486)
    bench.respond(200)
    bench.respond(180)
    assert described(bench.flow) == ["486"]


def test_repeated_request_gets_its_final_answer_again_for_timer_j() -> None:
    bench = Bench("BYE")
    bench.repeat()
    assert described(bench.flow) == []
    bench.respond(200)
    bench.repeat()
    bench.advance(31)
    bench.repeat()
    assert described(bench.flow) == ["200", "200", "200"]
    bench.advance(33)
    bench.assert_ended()


def test_only_the_first_final_answer_counts() -> None:
    bench = Bench("OPTIONS")
    bench.respond(100)
    bench.respond(200)
    bench.respond(500)
    assert described(bench.flow) == ["100", "200"]


def test_non_invite_over_tcp_ends_with_its_answer() -> None:
    bench = Bench("BYE", "tcp")
    bench.respond(200)
    bench.assert_ended()


def test_answer_that_cannot_be_sent_is_counted_and_harms_nothing() -> None:
    bench = Bench("BYE")
    bench.flow.broken = True
    bench.respond(200)
    assert bench.owner.unsent_responses == 1
    bench.flow.broken = False
    bench.repeat()
    assert described(bench.flow) == ["200"]
