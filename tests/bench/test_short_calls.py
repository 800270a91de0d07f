"""Calls of our own user agent, against another in the same process."""

from __future__ import annotations

from collections.abc import Callable

from bench.short_calls import ShortCall, place_calls
from bench.sip_caller import offer
from sip.user_agent import (
    CallListener,
    IncomingCall,
    Listen,
    OptionsReply,
    OutboundTarget,
    UserAgent,
    UserAgentConfig,
)

HOST = "127.0.0.1"
SDP = offer(HOST, 40_000)


class _Owner(CallListener):
    """Of a call that needs nothing more."""


def _agent(on_invite: Callable[[IncomingCall], None]) -> UserAgent:
    return UserAgent(
        UserAgentConfig(listen=(Listen("udp", HOST, 0),)),
        on_invite=on_invite,
        on_options=lambda: OptionsReply(200),
    )


async def _place(on_invite: Callable[[IncomingCall], None], calls: int) -> tuple[list[ShortCall], int]:
    """The calls, and how many are left with the caller after them."""
    called, caller = _agent(on_invite), _agent(on_invite)
    await called.start()
    await caller.start()
    try:
        port = called.addresses[0].port
        uri = f"sip:100@{HOST}:{port}"
        target = OutboundTarget(uri, HOST, port, "udp", f"sip:200@{HOST}", None, uri, offer=SDP)
        placed = await place_calls(caller, target, calls, rate=100)
        return placed, caller.statistics.calls
    finally:
        await caller.close()
        await called.close()


async def test_ringing_comes_before_the_answer_and_the_call_is_hung_up() -> None:
    def answer(call: IncomingCall) -> None:
        call.listener = _Owner()
        call.ring()
        call.answer(SDP)

    placed, left = await _place(answer, 5)
    assert len(placed) == 5
    assert left == 0
    for call in placed:
        assert call.ringing_s is not None
        assert call.setup_s is not None
        assert 0 < call.ringing_s <= call.setup_s < 5


async def test_call_answered_at_once_never_rang() -> None:
    def answer(call: IncomingCall) -> None:
        call.listener = _Owner()
        call.answer(SDP)

    ((call,), _) = await _place(answer, 1)
    assert call.ringing_s is None
    assert call.setup_s is not None


async def test_refused_call_has_no_setup() -> None:
    placed, left = await _place(lambda call: call.reject(486, "Busy Here"), 2)
    assert [(call.ringing_s, call.setup_s) for call in placed] == [(None, None)] * 2
    assert left == 0
