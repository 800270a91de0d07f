"""A thousand calls each way between the user agent and SIPp over a network that loses 5 % of all packets,
doubles 5 % and delivers 5 % behind later ones."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

import psutil
import pytest

from sip.user_agent import (
    Call,
    CallListener,
    EndedBy,
    IncomingCall,
    Listen,
    OptionsReply,
    OutboundTarget,
    UserAgent,
    UserAgentConfig,
)
from tests.e2e.loss_proxy import LossProxy
from tests.e2e.sipp_runner import SippRun, free_udp_port
from tests.support.sip_endpoint_harness import ANSWER, OFFER

CALLS = 1000
RATE = 125
LOSS = 0.05
T1 = 0.25
"""Half the usual, so that finished transactions are gone after 16 s; SIPp goes on with its 500 ms."""


class Outcomes(CallListener):
    """Counts what became of the calls; hangs up the ones we placed."""

    def __init__(self) -> None:
        self.incoming = 0
        self.answered = 0
        self.failed: list[int] = []
        self.ended: list[EndedBy] = []
        self._loop = asyncio.get_running_loop()

    def take(self, call: IncomingCall) -> None:
        self.incoming += 1
        call.listener = self
        call.ring()
        self._loop.call_later(0.05, call.answer, ANSWER)

    def on_answer(self, call: Call, response: object) -> None:
        self.answered += 1
        self._loop.call_later(0.1, call.hang_up)

    def on_failure(self, call: Call, status: int, reason: str, response: object) -> None:
        self.failed.append(status)

    def on_terminated(self, call: Call, by: EndedBy, request: object) -> None:
        self.ended.append(by)


async def opened() -> tuple[UserAgent, Outcomes]:
    outcomes = Outcomes()
    config = UserAgentConfig(listen=(Listen("udp", "127.0.0.1", 0),), t1=T1)
    agent = UserAgent(config, on_invite=outcomes.take, on_options=lambda: OptionsReply(200))
    await agent.start()
    return agent, outcomes


async def wait_until_empty(agent: UserAgent) -> None:
    """Every transaction, dialog and timer has to go within what RFC 3261 gives it."""
    deadline = time.monotonic() + 64 * T1 + 5
    while time.monotonic() < deadline:
        left = agent.statistics
        if left.client_transactions + left.server_transactions + left.dialogs + left.calls + left.timers == 0:
            break
        await asyncio.sleep(0.25)
    left = agent.statistics
    assert (left.client_transactions, left.server_transactions, left.dialogs, left.calls) == (0, 0, 0, 0)
    assert left.timers == 0
    assert left.faults == 0
    assert left.parse_errors == 0


@pytest.mark.timeout(150)
async def test_thousand_calls_from_sipp_with_loss_each_way_none_fails_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    agent, outcomes = await opened()
    gc.collect()
    before = psutil.Process().memory_info().rss
    with (
        LossProxy(f"127.0.0.1:{agent.addresses[0].port}", LOSS, 3261, duplicates=LOSS, late=LOSS) as proxy,
        SippRun(
            "loss_caller",
            tmp_path,
            remote=proxy.address,
            calls=CALLS,
            hold_ms=100,
            seconds=60,
            options=("-r", str(RATE)),
            trace=False,
        ) as sipp,
    ):
        await asyncio.to_thread(sipp.finish)
        assert proxy.dropped > 0.04 * (proxy.passed + proxy.dropped)
    assert outcomes.incoming == CALLS
    assert outcomes.ended == ["remote"] * CALLS
    assert agent.statistics.retransmissions > 0
    await wait_until_empty(agent)
    gc.collect()
    assert psutil.Process().memory_info().rss - before < 16 * 1024 * 1024
    await agent.close()


@pytest.mark.timeout(150)
async def test_thousand_calls_to_sipp_with_loss_each_way_none_fails_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    agent, outcomes = await opened()
    port = free_udp_port()
    with (
        LossProxy(f"127.0.0.1:{port}", LOSS, 6026, duplicates=LOSS, late=LOSS) as proxy,
        SippRun(
            "loss_callee",
            tmp_path,
            calls=CALLS,
            seconds=90,
            port=port,
            keys={"contact": proxy.address},
            trace=False,
        ) as sipp,
    ):
        host, _, proxy_port = proxy.address.rpartition(":")
        uri = f"sip:100@{proxy.address}"
        target = OutboundTarget(
            uri, host, int(proxy_port), "udp", "sip:200@127.0.0.1", None, uri, offer=OFFER
        )
        start = time.monotonic()
        for number in range(CALLS):
            agent.call(target, outcomes)
            await asyncio.sleep(max(0.0, start + (number + 1) / RATE - time.monotonic()))
        await wait_until_empty(agent)
        await asyncio.to_thread(sipp.finish)
        assert proxy.dropped > 0.04 * (proxy.passed + proxy.dropped)
    assert outcomes.failed == []
    assert outcomes.answered == CALLS
    assert outcomes.ended == ["local"] * CALLS
    await agent.close()
