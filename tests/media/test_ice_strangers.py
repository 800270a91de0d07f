"""A leg under ICE with `aioice`, a full agent that we did not write: it checks, nominates, and talks over the
path it has found.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import aioice
import pytest

from media import messages, rtp
from media.codecs import create_codec
from media.config import MediaConfig
from media.in_process import InProcessMediaPlane
from media.messages import Event, IceParameters
from media.rtp import RtpPacket
from tests.support.audio import tone

PASSWORD = "a-password-of-22-chars"
LOUD = create_codec("PCMU", 8000).encode(tone(400, 20).tobytes())


@pytest.fixture
async def plane() -> AsyncIterator[InProcessMediaPlane]:
    made = InProcessMediaPlane(MediaConfig())
    await made.start()
    yield made
    await made.close()


async def leg_for(
    plane: InProcessMediaPlane, agent: aioice.Connection, events: list[Event], password: str
) -> None:
    """A leg that knows the agent, and the agent the leg; `password` is what the agent is told."""
    created = await plane.create_leg(messages.CreateLeg(leg_id="leg", call_id="call"), events.append)
    await agent.gather_candidates()
    plane.send(
        messages.NegotiateLeg(
            leg_id="leg",
            remote_host="127.0.0.1",
            remote_port=9,  # nobody is there: only ICE tells where the agent is
            remote_rtcp_port=9,
            codec="PCMU",
            clock_rate=8000,
            payload_type=0,
            rtcp_mux=True,
            ice=IceParameters(
                local_ufrag="gate",
                local_password=PASSWORD,
                remote_ufrag=agent.local_username,
                remote_password=agent.local_password,
            ),
        )
    )
    plane.send(messages.OpenGate(leg_id="leg"))
    agent.remote_username, agent.remote_password, agent.remote_is_lite = "gate", password, True
    line = f"1 1 UDP 2130706431 127.0.0.1 {created.port} typ host"
    await agent.add_remote_candidate(aioice.Candidate.from_sdp(line))
    await agent.add_remote_candidate(None)


async def test_a_full_agent_finds_its_path_and_both_talk_over_it(plane: InProcessMediaPlane) -> None:
    agent = aioice.Connection(ice_controlling=True, components=1)
    events: list[Event] = []
    try:
        await leg_for(plane, agent, events, PASSWORD)
        await asyncio.wait_for(agent.connect(), 15)
        for sequence in range(25):
            await agent.send(RtpPacket(0, sequence, sequence * 160, 7, False, LOUD).serialize())
            await asyncio.sleep(0.02)
        packets = [rtp.parse(await asyncio.wait_for(agent.recv(), 5)) for _ in range(10)]
        assert {packet.payload_type for packet in packets} == {0}
        assert all(after.sequence - before.sequence == 1 for before, after in itertools.pairwise(packets))
        statistics = await plane.statistics("leg")
        assert statistics.packets_received == 25
        assert statistics.packets_ignored == 0
        assert any(isinstance(event, messages.FirstPacketReceived) for event in events)
    finally:
        await agent.close()


async def test_an_agent_with_another_password_finds_no_path(plane: InProcessMediaPlane) -> None:
    agent = aioice.Connection(ice_controlling=True, components=1)
    try:
        await leg_for(plane, agent, [], "some-other-password-22")
        with pytest.raises((ConnectionError, TimeoutError)):
            await asyncio.wait_for(agent.connect(), 3)  # it would try for a minute
        statistics = await plane.statistics("leg")
        assert statistics.packets_ignored > 0
        assert statistics.packets_sent == 0
    finally:
        await agent.close()
