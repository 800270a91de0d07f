"""Servers that failed lately: for how long they are put aside, and what is shown of them."""

from __future__ import annotations

from gateway.target_states import LONGEST_ASIDE_S, TargetState, TargetStates
from sip.server_location import Destination
from store.target_records import TrunkTarget

TARGET = TrunkTarget("sip.example.com")
FIRST, SECOND = Destination("192.0.2.1", 5060, "udp"), Destination("192.0.2.2", 5060, "udp")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_server_that_failed_is_aside_for_its_time() -> None:
    clock = Clock()
    states = TargetStates(clock)
    states.failed("t", TARGET, FIRST, 60, error="no answer")
    assert states.is_aside("t", TARGET, FIRST)
    assert not states.is_aside("other", TARGET, FIRST)
    clock.now += 60
    assert not states.is_aside("t", TARGET, FIRST)


def test_a_longer_retry_after_is_respected_within_bounds() -> None:
    clock = Clock()
    states = TargetStates(clock)
    states.failed("t", TARGET, FIRST, 60, error="503", sip_status=503, retry_after_s=90)
    clock.now += 89
    assert states.is_aside("t", TARGET, FIRST)
    clock.now += 1
    assert not states.is_aside("t", TARGET, FIRST)
    states.failed("t", TARGET, FIRST, 60, error="503", sip_status=503, retry_after_s=1e9)
    clock.now += LONGEST_ASIDE_S
    assert not states.is_aside("t", TARGET, FIRST)


def test_an_answer_takes_a_server_back() -> None:
    states = TargetStates(Clock())
    states.failed("t", TARGET, FIRST, 60, error="no answer")
    states.worked("t", TARGET, FIRST)
    assert not states.is_aside("t", TARGET, FIRST)
    assert states.status("t", TARGET).state is TargetState.UP


def test_a_target_is_aside_when_all_its_servers_are() -> None:
    states = TargetStates(Clock())
    assert states.status("t", TARGET).state is TargetState.UNKNOWN
    states.worked("t", TARGET, FIRST)
    states.failed("t", TARGET, SECOND, 60, error="no answer")
    assert states.status("t", TARGET).state is TargetState.UP
    states.failed("t", TARGET, FIRST, 60, error="503 Full", sip_status=503)
    status = states.status("t", TARGET)
    assert (status.state, status.servers) == (TargetState.ASIDE, (SECOND, FIRST))
    assert status.aside_until is not None
