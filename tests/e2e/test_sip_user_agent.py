"""The user agent alone, without gateway and media, against real SIPp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sip.call import Call
from sip.user_agent import (
    Credentials,
    IncomingCall,
    Listen,
    OptionsReply,
    OutboundTarget,
    UserAgent,
    UserAgentConfig,
)
from tests.e2e.sipp_runner import SippRun
from tests.support.sip_endpoint_harness import ANSWER, OFFER, RecordingListener

WAIT = 10.0


class Owner(RecordingListener):
    """Answers what rings after `ring_seconds` and lets a test wait for events."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: asyncio.Queue[str] = asyncio.Queue()
        self.calls: list[IncomingCall] = []
        self.ring_seconds: float | None = 0.05

    def _note(self, name: str, *details: Any) -> None:
        super()._note(name, *details)
        self.arrived.put_nowait(name)

    def take(self, call: IncomingCall) -> None:
        call.listener = self
        self.calls.append(call)
        call.ring()
        if self.ring_seconds is not None:
            asyncio.get_running_loop().call_later(
                self.ring_seconds, call.answer, ANSWER if call.offer else OFFER
            )

    async def wait_for(self, name: str) -> None:
        async with asyncio.timeout(WAIT):
            while await self.arrived.get() != name:
                pass


class Bench:
    """A user agent, its owner, and SIPp beside them."""

    def __init__(self, agent: UserAgent, owner: Owner, directory: Path) -> None:
        self.agent = agent
        self.owner = owner
        self._directory = directory

    def address(self, transport: str = "udp") -> str:
        port = next(bound.port for bound in self.agent.addresses if bound.transport == transport)
        return f"127.0.0.1:{port}"

    async def sipp(self, scenario: str, **options: Any) -> SippRun:
        return await asyncio.to_thread(SippRun, scenario, self._directory, **options)

    async def called_by(self, scenario: str, transport: str = "udp", **options: Any) -> SippRun:
        """Let SIPp call us and wait until it has gone through its scenario."""
        if transport == "tcp":
            options["options"] = ("-t", "t1")
        sipp = await self.sipp(scenario, remote=self.address(transport), **options)
        with sipp:
            await asyncio.to_thread(sipp.finish)
        return sipp

    def call(self, sipp: SippRun, credentials: Credentials | None = None, transport: str = "udp") -> Call:
        parameter = "" if transport == "udp" else f";transport={transport}"
        uri = f"sip:+15550100@{sipp.address}{parameter}"
        target = OutboundTarget(
            uri,
            "127.0.0.1",
            sipp.port,
            transport,
            "sip:+15550199@127.0.0.1",
            None,
            uri,
            offer=OFFER,
            credentials=credentials,
        )
        return self.agent.call(target, self.owner)

    def assert_no_call_left(self) -> None:
        assert self.agent.statistics.calls == 0
        assert self.agent.statistics.dialogs == 0
        assert self.agent.statistics.faults == 0


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    owner = Owner()
    listen = (Listen("udp", "127.0.0.1", 0), Listen("tcp", "127.0.0.1", 0))
    agent = UserAgent(
        UserAgentConfig(listen=listen), on_invite=owner.take, on_options=lambda: OptionsReply(200)
    )
    await agent.start()
    yield Bench(agent, owner, tmp_path)
    await agent.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_caller_hangs_up(bench: Bench, transport: str) -> None:
    await bench.called_by("caller_hangs_up", transport, hold_ms=100)
    assert bench.owner.names == ["established", "terminated"]
    assert bench.owner.events[-1] == ("terminated", "remote")
    bench.assert_no_call_left()


async def test_callee_hangs_up(bench: Bench) -> None:
    def hang_up(sdp: bytes | None) -> None:
        asyncio.get_running_loop().call_later(0.1, bench.owner.calls[0].hang_up)

    bench.owner.on("established", hang_up)
    await bench.called_by("far_end_hangs_up")
    await bench.owner.wait_for("terminated")
    assert bench.owner.events[-1] == ("terminated", "local")
    bench.assert_no_call_left()


async def test_caller_cancels(bench: Bench) -> None:
    bench.owner.ring_seconds = None
    await bench.called_by("caller_cancels", hold_ms=100)
    assert bench.owner.names == ["cancelled"]
    bench.assert_no_call_left()


async def test_offerless_invite_is_offered_and_answered_in_the_ack(bench: Bench) -> None:
    await bench.called_by("offerless", hold_ms=100)
    name, sdp = bench.owner.events[0]
    assert name == "established"
    assert sdp is not None
    assert sdp.startswith(b"v=0")
    bench.assert_no_call_left()


async def test_repeated_invite_and_late_ack_are_one_call(bench: Bench) -> None:
    await bench.called_by("repeated_invite", hold_ms=1500)
    assert len(bench.owner.calls) == 1
    assert bench.owner.names == ["established", "terminated"]
    assert bench.agent.statistics.retransmissions >= 1


async def test_hold_and_resume_are_offers_answered_in_turn(bench: Bench) -> None:
    bench.owner.on("offer", lambda offer: bench.owner.offers[-1].answer(HELD))
    await bench.called_by("hold_and_resume", hold_ms=100)
    assert bench.owner.names.count("offer") >= 6
    assert bench.owner.names[-1] == "terminated"
    bench.assert_no_call_left()


HELD = ANSWER + b"a=sendrecv\r\n"


async def test_every_request_in_a_dialog_gets_a_final_answer(bench: Bench) -> None:
    sipp = await bench.called_by("in_dialog_requests", hold_ms=100)
    answered = [line for line in sipp.events if line.startswith("in-dialog")]
    assert len(answered) >= 5
    assert bench.owner.names[-1] == "terminated"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_options_is_answered(bench: Bench, transport: str) -> None:
    await bench.called_by("options", transport)


async def test_refused_call(bench: Bench) -> None:
    bench.owner.ring_seconds = None
    sipp = await bench.sipp("refused", remote=bench.address())
    with sipp:
        async with asyncio.timeout(WAIT):
            while not bench.owner.calls:
                await asyncio.sleep(0.01)
        bench.owner.calls[0].reject(503, None, (("Retry-After", "9"),))
        await asyncio.to_thread(sipp.finish)
    assert sipp.event("refused") == {"status": "503", "retry_after": "9"}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_we_call_and_hang_up(bench: Bench, transport: str) -> None:
    options = ("-t", "t1") if transport == "tcp" else ()
    sipp = await bench.sipp("callee_answers", hold_ms=50, options=options)
    with sipp:
        call = bench.call(sipp, transport=transport)
        await bench.owner.wait_for("answer")
        call.hang_up("Q.850;cause=16")
        await asyncio.to_thread(sipp.finish)
        await bench.owner.wait_for("terminated")
    assert bench.owner.names[-2:] == ["answer", "terminated"]


async def test_we_call_and_they_hang_up(bench: Bench) -> None:
    sipp = await bench.sipp("callee_hangs_up", hold_ms=50)
    with sipp:
        bench.call(sipp)
        await bench.owner.wait_for("terminated")
        await asyncio.to_thread(sipp.finish)
    assert bench.owner.events[-1] == ("terminated", "remote")
    bench.assert_no_call_left()


async def test_we_call_and_give_up(bench: Bench) -> None:
    sipp = await bench.sipp("callee_never_answers")
    with sipp:
        call = bench.call(sipp)
        await bench.owner.wait_for("progress")
        call.hang_up()
        await bench.owner.wait_for("failure")
        await asyncio.to_thread(sipp.finish)
    assert bench.owner.events[-1][1] == 487
    bench.assert_no_call_left()


@pytest.mark.parametrize("status", [401, 407])
async def test_we_call_and_are_challenged(bench: Bench, status: int) -> None:
    sipp = await bench.sipp(f"callee_challenges_{status}")
    with sipp:
        call = bench.call(sipp, Credentials("trunk-user", "trunk-secret"))
        await bench.owner.wait_for("answer")
        call.hang_up()
        await asyncio.to_thread(sipp.finish)
    assert sipp.event("acknowledged") is not None


async def test_we_call_and_are_refused(bench: Bench) -> None:
    sipp = await bench.sipp("callee_refuses")
    with sipp:
        bench.call(sipp)
        await bench.owner.wait_for("failure")
        await asyncio.to_thread(sipp.finish)
    assert bench.owner.events[-1][1] >= 400
    bench.assert_no_call_left()
