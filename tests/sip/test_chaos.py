"""A thousand calls over a network that loses, doubles and reorders, in virtual time; both sides change the
session in the middle, often at once."""

from __future__ import annotations

from collections import Counter
from random import Random, seed

import pytest

from sip.call import Call
from sip.call_listener import CallListener, CallState, EndedBy, OutboundTarget
from sip.endpoint import Endpoint
from sip.incoming_call import IncomingCall
from sip.message import Request, Response
from sip.renegotiation import OfferedRequest
from tests.support.sip_endpoint_harness import ANSWER, OFFER
from tests.support.sip_network import Network

CALLS = 1000
SHARE = 0.05
CALLER = ("198.51.100.1", 5060)
CALLEE = ("198.51.100.2", 5060)
ANOTHER = OFFER.replace(b"RTP/AVP 0", b"RTP/AVP 8")


class Side(CallListener):
    """One side of all calls: takes every change, and counts what became of its own."""

    def __init__(self) -> None:
        self.answered = 0
        self.established: set[str] = set()
        self.failed: list[int] = []
        self.terminated: list[tuple[str, EndedBy]] = []
        self.changes: list[int] = []
        self.offered = 0

    def on_answer(self, call: Call, response: Response) -> None:
        self.answered += 1

    def on_established(self, call: Call, sdp: bytes | None) -> None:
        self.established.add(call.call_id)

    def on_failure(self, call: Call, status: int, reason: str, response: Response | None) -> None:
        self.failed.append(status)

    def on_offer(self, call: Call, request: OfferedRequest) -> None:
        self.offered += 1
        request.answer(ANSWER)

    def on_terminated(self, call: Call, by: EndedBy, request: Request | None) -> None:
        self.terminated.append((call.call_id, by))

    def change(self, call: Call, network: Network) -> None:
        if call.state is CallState.ESTABLISHED:
            call.re_invite(ANOTHER, lambda status, _: self.changes.append(status))
        elif call.state is not CallState.ENDED:
            # Its 200 or ACK was lost more than once.
            network.at(network.now + 0.5, lambda: self.change(call, network))


class Chaos:
    """Each call is answered after 1.5 s, changed by both sides from 4 s on, and hung up 40 s later."""

    def __init__(self, *, changes: bool, hangs_up: str) -> None:
        seed(3261)  # the waits after glare, so that runs repeat
        self.network = Network(loss=SHARE, duplicates=SHARE, late=SHARE, seed=8866)
        self.random = Random(7)
        self.ours, self.theirs = Side(), Side()
        self.changes = changes
        self.hangs_up = hangs_up
        self.incoming: list[IncomingCall] = []
        self.caller = self.network.add(CALLER[0], self._unexpected)
        self.callee = self.network.add(CALLEE[0], self._take)

    def run(self) -> None:
        for number in range(CALLS):
            self.network.at(number * 0.01, self._place)
        self.network.run(until=400)

    def _unexpected(self, call: IncomingCall) -> None:
        raise AssertionError("nobody calls the caller")

    def _take(self, call: IncomingCall) -> None:
        self.incoming.append(call)
        call.listener = self.theirs
        now = self.network.now
        self.network.at(now + 0.3, call.ring)
        self.network.at(now + 1.5, lambda: call.answer(ANSWER))
        if self.changes:
            self.network.at(
                now + 4 + self.random.random() * 0.1, lambda: self.theirs.change(call, self.network)
            )
        if self.hangs_up == "callee":
            self.network.at(now + 45, call.hang_up)

    def _place(self) -> None:
        uri = f"sip:100@{CALLEE[0]}"
        target = OutboundTarget(uri, *CALLEE, "udp", f"sip:200@{CALLER[0]}", None, uri, offer=OFFER)
        call = self.caller.prepare_call(target, self.network.flow(CALLER, CALLEE), self.ours)
        call.start(self.network.now)
        if self.changes:
            self.network.at(
                self.network.now + 4 + self.random.random() * 0.1,
                lambda: self.ours.change(call, self.network),
            )
        if self.hangs_up == "caller":
            self.network.at(self.network.now + 45, call.hang_up)

    def assert_all_went_well(self) -> None:
        assert len(self.incoming) == CALLS, "a repeated INVITE is no second call"
        assert self.ours.failed == self.theirs.failed == []
        assert self.ours.answered == len(self.theirs.established) == CALLS
        for side in (self.ours, self.theirs):
            assert len(side.terminated) == len({call_id for call_id, _ in side.terminated}) == CALLS
            assert {by for _, by in side.terminated} == {
                "local" if side is (self.ours if self.hangs_up == "caller" else self.theirs) else "remote"
            }
        for endpoint in (self.caller, self.callee):
            assert_empty(endpoint)
        network = self.network
        for happened in (network.lost, network.duplicated, network.delayed):
            assert happened > 0.8 * SHARE * network.carried


def assert_empty(endpoint: Endpoint) -> None:
    assert endpoint.transactions.client_transactions == 0
    assert endpoint.transactions.server_transactions == 0
    assert endpoint.dialog_count == 0
    assert endpoint.call_count == 0
    assert len(endpoint.timers) == 0
    assert endpoint.faults == 0


@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
def test_calls_over_a_network_that_loses_doubles_and_reorders_all_succeed_and_leave_nothing(
    hangs_up: str,
) -> None:
    chaos = Chaos(changes=False, hangs_up=hangs_up)
    chaos.run()
    chaos.assert_all_went_well()


@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
def test_changes_of_both_sides_at_once_all_come_about_in_the_end(hangs_up: str) -> None:
    chaos = Chaos(changes=True, hangs_up=hangs_up)
    chaos.run()
    chaos.assert_all_went_well()
    assert Counter(chaos.ours.changes) == Counter(chaos.theirs.changes) == {200: CALLS}
    assert min(chaos.ours.offered, chaos.theirs.offered) >= CALLS
    counters = chaos.caller.transactions.counters
    assert counters.merged == counters.refused_by_overload == 0
