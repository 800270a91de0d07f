"""Whole calls between two endpoints over a network that loses packets, in virtual time."""

from __future__ import annotations

import gc
import tracemalloc
from random import Random

import pytest

from sip.call import Call
from sip.call_listener import CallListener, EndedBy, OutboundTarget
from sip.endpoint import Endpoint
from sip.incoming_call import IncomingCall
from sip.message import Request, Response
from tests.support.sip_endpoint_harness import ANSWER, OFFER
from tests.support.sip_network import Network

CALLS = 1000
CALLER = ("198.51.100.1", 5060)
CALLEE = ("198.51.100.2", 5060)


class Outcomes(CallListener):
    """Counts what became of the calls on one side."""

    def __init__(self) -> None:
        self.answered = 0
        self.established = 0
        self.failed: list[int] = []
        self.terminated: list[EndedBy] = []

    def on_answer(self, call: Call, response: Response) -> None:
        self.answered += 1

    def on_established(self, call: Call, sdp: bytes | None) -> None:
        self.established += 1

    def on_failure(self, call: Call, status: int, reason: str, response: Response | None) -> None:
        self.failed.append(status)

    def on_terminated(self, call: Call, by: EndedBy, request: Request | None) -> None:
        self.terminated.append(by)


class Scenario:
    """A caller and a callee; each call rings, is answered and after 10 s hung up by `hangs_up`."""

    def __init__(self, loss: float, hangs_up: str) -> None:
        self.network = Network(loss=loss, seed=3261)
        self.caller_heard = Outcomes()
        self.callee_heard = Outcomes()
        self.hangs_up = hangs_up
        self.caller = self.network.add(CALLER[0], self._unexpected)
        self.callee = self.network.add(CALLEE[0], self._take)
        self.incoming = 0

    def place(self, calls: int) -> None:
        random = Random(17)
        start = self.network.now
        for number in range(calls):
            self.network.at(start + number * 0.005 + random.random(), self._place)

    def assert_empty(self, endpoint: Endpoint) -> None:
        assert endpoint.transactions.client_transactions == 0
        assert endpoint.transactions.server_transactions == 0
        assert endpoint.dialog_count == 0
        assert endpoint.call_count == 0
        assert len(endpoint.timers) == 0
        assert endpoint.faults == 0

    def _unexpected(self, call: IncomingCall) -> None:
        raise AssertionError("nobody calls the caller")

    def _take(self, call: IncomingCall) -> None:
        self.incoming += 1
        call.listener = self.callee_heard
        now = self.network.now
        self.network.at(now + 0.3, call.ring)
        self.network.at(now + 1.5, lambda: call.answer(ANSWER))
        if self.hangs_up == "callee":
            self.network.at(now + 11.5, call.hang_up)

    def _place(self) -> None:
        target = OutboundTarget(
            request_uri=f"sip:100@{CALLEE[0]}",
            host=CALLEE[0],
            port=CALLEE[1],
            transport="udp",
            from_uri=f"sip:200@{CALLER[0]}",
            from_display=None,
            to_uri=f"sip:100@{CALLEE[0]}",
            offer=OFFER,
        )
        call = self.caller.prepare_call(target, self.network.flow(CALLER, CALLEE), self.caller_heard)
        call.start(self.network.now)
        if self.hangs_up == "caller":
            self.network.at(self.network.now + 11.5, call.hang_up)


@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
def test_thousand_calls_with_three_percent_loss_each_way_all_succeed_and_leave_nothing(hangs_up: str) -> None:
    scenario = Scenario(0.03, hangs_up)
    scenario.place(CALLS)
    scenario.network.run(until=300)

    assert scenario.network.lost > 0.02 * scenario.network.carried
    assert scenario.incoming == CALLS
    assert scenario.caller_heard.failed == []
    assert scenario.caller_heard.answered == CALLS
    assert scenario.callee_heard.established == CALLS
    assert len(scenario.caller_heard.terminated) == CALLS
    assert len(scenario.callee_heard.terminated) == CALLS
    assert set(scenario.caller_heard.terminated + scenario.callee_heard.terminated) == {"local", "remote"}
    scenario.assert_empty(scenario.caller)
    scenario.assert_empty(scenario.callee)


def test_memory_is_back_where_it_was_after_calls_with_loss() -> None:
    scenario = Scenario(0.03, "caller")
    tracemalloc.start()
    try:
        scenario.place(300)
        scenario.network.run(until=200)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        scenario.place(300)
        scenario.network.run(until=400)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # Less than 100 bytes per call: nothing of a call can stay, only the free space of tables.
    assert grown < 30_000, f"{grown} bytes kept for 300 finished calls"


def test_heavy_loss_never_leaves_anything_behind_even_when_calls_fail() -> None:
    scenario = Scenario(0.6, "caller")
    scenario.place(200)
    scenario.network.run(until=400)
    # 408 is no answer at all in 32 s, 487 the caller's own hanging up after 11.5 s.
    assert set(scenario.caller_heard.failed) <= {408, 487}
    assert scenario.caller_heard.failed
    assert len(scenario.caller_heard.failed) + scenario.caller_heard.answered == 200
    scenario.assert_empty(scenario.caller)
    scenario.assert_empty(scenario.callee)
