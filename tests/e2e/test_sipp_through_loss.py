"""What SIPp's scenarios prove of the user agent holds on a network that loses, doubles and reorders: SIP
repeats what was lost, and nothing counts twice.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sip.renegotiation import OfferedRequest
from sip.user_agent import Call, IncomingCall, Listen, OptionsReply, UserAgent, UserAgentConfig
from tests.e2e.loss_proxy import LossProxy
from tests.e2e.sipp_runner import SippRun
from tests.support.sip_endpoint_harness import ANSWER, OFFER, RecordingListener

SHARE = 0.05
CALLS = 12  # of each scenario; together enough that every message of it is lost, doubled and late somewhere
RATE = "20"
RING_S = 0.1
#: Who hangs up: the far end by its scenario, or we once the call stands, or nobody for there is no call.
SCENARIOS = {
    "caller_hangs_up": "they",
    "far_end_hangs_up": "we",
    "caller_cancels": "nobody",
    "hold_and_resume": "they",
    "offerless": "they",
    "in_dialog_requests": "they",
    "options": "nobody",
    "repeated_invite": "they",
    "caller_sends_keys_by_info": "they",
    "caller_asks_for_an_offer": "they",
}


class Owner(RecordingListener):
    """Answers, and hangs up what the scenario expects it to."""

    def __init__(self, hangs_up: str, answers: bool) -> None:
        super().__init__()
        self._hangs_up = hangs_up
        self._answers = answers

    def take(self, call: IncomingCall) -> None:
        loop = asyncio.get_running_loop()
        call.listener = self
        call.ring()
        if self._answers:
            loop.call_later(RING_S, call.answer, ANSWER if call.offer else OFFER)
        if self._hangs_up == "we":
            loop.call_later(1.0, call.hang_up)

    def on_offer(self, call: Call, request: OfferedRequest) -> None:
        super().on_offer(call, request)
        request.answer(ANSWER)


async def run_through_loss(scenario: str, directory: Path) -> None:
    """Raises SippFailed unless every call went as the scenario says."""
    owner = Owner(SCENARIOS[scenario], answers=scenario != "caller_cancels")
    agent = UserAgent(
        UserAgentConfig(listen=(Listen("udp", "127.0.0.1", 0),)),
        on_invite=owner.take,
        on_options=lambda: OptionsReply(200),
    )
    await agent.start()
    try:
        with (
            LossProxy(
                f"127.0.0.1:{agent.addresses[0].port}", SHARE, 7, duplicates=SHARE, late=SHARE
            ) as proxy,
            SippRun(
                scenario,
                directory,
                remote=proxy.address,
                calls=CALLS,
                hold_ms=100,
                seconds=60,
                replace=("[local_port];branch=", "[local_port];rport;branch="),
                # SIPp itself would give a call up at a late 100.
                options=("-r", RATE, "-default_behaviors", "all,-abortunexp"),
            ) as sipp,
        ):
            await asyncio.to_thread(sipp.finish)
            assert proxy.dropped > 0
            assert proxy.duplicated + proxy.delayed > 0
        assert agent.statistics.faults == 0
    finally:
        await agent.close()


@pytest.mark.timeout(120)
async def test_every_scenario_goes_as_written_although_its_messages_are_lost(tmp_path: Path) -> None:
    await asyncio.gather(*(run_through_loss(scenario, tmp_path) for scenario in SCENARIOS))
