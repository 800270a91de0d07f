"""Twenty minutes of calls with `Session-Expires: 90` over a network that loses, doubles and reorders, in
virtual time: whoever refreshes, the calls stand as long as both sides do, and no longer."""

from __future__ import annotations

import pytest

from sip.call import Call
from sip.call_listener import CallListener, CallState, EndedBy, OutboundTarget
from sip.call_policy import CallPolicy, SessionTimers
from sip.incoming_call import IncomingCall
from sip.message import Request
from tests.support.sip_endpoint_harness import ANSWER, OFFER
from tests.support.sip_network import Network

CALLS = 40
SHARE = 0.05
INTERVAL = 90
TWENTY_MINUTES = 1200.0
CALLER = ("198.51.100.1", 5060)
CALLEE = ("198.51.100.2", 5060)
#: Who refreshes, by what the caller says: without a word of it the callee does.
ASKED = {"uac": f"{INTERVAL};refresher=uac", "uas": str(INTERVAL)}


class Side(CallListener):
    def __init__(self) -> None:
        self.ended: list[EndedBy] = []

    def on_terminated(self, call: Call, by: EndedBy, request: Request | None) -> None:
        self.ended.append(by)


class Session:
    """`CALLS` calls, placed one second after the other."""

    def __init__(self, refresher: str) -> None:
        self.network = Network(loss=SHARE, duplicates=SHARE, late=SHARE, seed=4028)
        self.ours, self.theirs = Side(), Side()
        self.updates: dict[str, int] = {"caller": 0, "callee": 0}
        self.caller = self.network.add(CALLER[0], lambda call: call.reject(486))
        self.callee = self.network.add(CALLEE[0], self._take)
        self._refresher = refresher
        for number in range(CALLS):
            self.network.at(float(number), self._place)
        carry = self.network.carry

        def counted(data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
            if data.startswith(b"UPDATE "):
                self.updates["caller" if source == CALLER else "callee"] += 1
            carry(data, source, target)

        self.network.carry = counted  # type: ignore[method-assign]

    def _take(self, call: IncomingCall) -> None:
        call.listener = self.theirs
        call.ring()
        call.answer(ANSWER)

    def _place(self) -> None:
        target = OutboundTarget(
            request_uri=f"sip:+15550100@{CALLEE[0]}",
            host=CALLEE[0],
            port=CALLEE[1],
            transport="udp",
            from_uri=f"sip:+15550199@{CALLER[0]}",
            from_display=None,
            to_uri=f"sip:+15550100@{CALLEE[0]}",
            offer=OFFER,
            headers=(("Session-Expires", ASKED[self._refresher]),),
            policy=CallPolicy(session_timers=SessionTimers.ALLOW),
        )
        call = self.caller.prepare_call(target, self.network.flow(CALLER, CALLEE), self.ours)
        call.start(self.network.now)

    @property
    def standing(self) -> tuple[int, ...]:
        """Established calls of both sides."""
        return tuple(
            sum(call.state is CallState.ESTABLISHED for call in endpoint.calls)
            for endpoint in (self.caller, self.callee)
        )


@pytest.mark.parametrize("refresher", ["uac", "uas"])
def test_calls_of_twenty_minutes_stand_although_messages_are_lost(refresher: str) -> None:
    session = Session(refresher)
    session.network.run(until=TWENTY_MINUTES)
    assert session.standing == (CALLS, CALLS)
    assert session.network.lost > 50
    one, other = ("caller", "callee") if refresher == "uac" else ("callee", "caller")
    # Every half interval one refresh, and some more for those that were lost.
    assert session.updates[one] >= CALLS * int((TWENTY_MINUTES - CALLS) / (INTERVAL / 2))
    assert session.updates[other] == 0
    for call in session.caller.calls:
        call.hang_up()
    session.network.run(until=TWENTY_MINUTES + 100)
    assert session.ours.ended == ["local"] * CALLS
    assert session.theirs.ended == ["remote"] * CALLS
    for endpoint in (session.caller, session.callee):
        assert (endpoint.call_count, endpoint.dialog_count, endpoint.faults) == (0, 0, 0)
        assert len(endpoint.timers) == 0


@pytest.mark.parametrize("refresher", ["uac", "uas"])
def test_calls_end_on_both_sides_within_an_interval_after_the_network_has_gone(refresher: str) -> None:
    session = Session(refresher)
    session.network.run(until=300)
    assert session.standing == (CALLS, CALLS)
    session.network.loss = 1.0
    session.network.run(until=300 + INTERVAL + 1)
    assert session.standing == (0, 0)
    session.network.run(until=300 + INTERVAL + 100)
    for endpoint in (session.caller, session.callee):
        assert (endpoint.call_count, endpoint.dialog_count, endpoint.faults) == (0, 0, 0)
        assert len(endpoint.timers) == 0
