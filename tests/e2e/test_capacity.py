"""375 calls offered to a gateway that takes 250: exactly 125 are refused, and who is inside hears nothing of
it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.live_caller import LiveCaller
from tests.e2e.parties import ECHO, RECEPTIONIST
from tests.e2e.sipp_runner import SippRun
from tests.e2e.steady_tone import examine_tone
from tests.support.audio import tone

CAP = 250
OFFERED = 375
RATE = 40  # calls a second
HOLD_MS = 11_000  # longer than it takes to offer them all
INSIDE = 4  # of those admitted have audio, which is looked at
TONE_HZ = 1013.0
WARM_UP = 100  # packets of silence and of an echo that finds its pace
LARGEST_SHARE_OF_DIPS = 0.1  # frames of 20 ms; caller, gateway, engine and all others share the processors


@pytest.fixture(scope="module")
def small_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = UNLIMITED | {
        "TRUNKLINE_CALLS_MAX_INBOUND": str(CAP),
        "TRUNKLINE_LOGGING_LEVEL": "error",
        "TRUNKLINE_MEDIA_PORT_REST": "1s",
        "TRUNKLINE_MEDIA_FIRST_PACKET_TIMEOUT": "2m",  # the callers send no audio
        "TRUNKLINE_WATCHDOGS_AGENT_END_AFTER": "0",
    }
    with watched(Gateway(tmp_path_factory.mktemp("small"), environment=settings)) as running:
        yield running


@asynccontextmanager
async def callers_inside(gateway: Gateway) -> AsyncIterator[list[LiveCaller]]:
    """Callers of the echo who were there before the rush, each with a tone that lasts longer than it."""
    async with AsyncExitStack() as stack:
        callers = []
        for _ in range(INSIDE):
            caller = await stack.enter_async_context(LiveCaller(gateway, ECHO))
            caller.audio.queue(tone(TONE_HZ, 60_000))
            callers.append(caller)
        yield callers


async def rush(gateway: Gateway, directory: Path) -> list[str]:
    """Everybody else calls; what they say became of it."""
    with SippRun(
        "caller_or_refused",
        directory,
        remote=gateway.sip,
        number=RECEPTIONIST,
        calls=OFFERED - INSIDE,
        hold_ms=HOLD_MS,
        seconds=120,
        options=("-r", str(RATE), "-l", str(OFFERED)),
        trace=False,
    ) as run:
        await asyncio.to_thread(run.finish)
        return [line.split(" ", 1)[0] for line in run.events]


def assert_undisturbed(caller: LiveCaller) -> None:
    """No packet is missing, and the tone is there as it was sent."""
    packets = caller.audio.audio_packets()[WARM_UP:]
    assert len(packets) > (CAP / RATE + HOLD_MS / 1000) * 50 * 0.9
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)} == {1}
    samples = np.concatenate([caller.audio.law.decode(packet.payload) for packet in packets])
    heard = examine_tone(samples, TONE_HZ)
    assert heard.purity > 0.98, heard
    assert heard.dips < LARGEST_SHARE_OF_DIPS * len(packets), heard


def totals(gateway: Gateway) -> tuple[int, int, int]:
    """Calls there ever were, those of them that ended well, and refusals for want of room."""
    with closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        every, ended = (
            api.http.get("/calls", params={"limit": 1, **more}).json()["pagination"]["total"]
            for more in ({}, {"status": "ended"})
        )
    return every, ended, int(gateway.metrics().get('trunkline_rejections_total{kind="capacity"}', 0))


@pytest.mark.timeout(200)
async def test_above_its_capacity_exactly_the_rest_is_refused_and_who_is_inside_hears_nothing_of_it(
    small_gateway: Gateway, tmp_path: Path
) -> None:
    before = totals(small_gateway)
    async with callers_inside(small_gateway) as callers:
        await asyncio.sleep(2)
        words = await rush(small_gateway, tmp_path)
        assert (words.count("answered"), words.count("refused")) == (CAP - INSIDE, OFFERED - CAP)
        for caller in callers:
            assert_undisturbed(caller)
    assert_calls_gone(small_gateway)
    told = [after - earlier for after, earlier in zip(totals(small_gateway), before, strict=True)]
    assert told == [CAP, CAP, OFFERED - CAP], "a refused INVITE is no call, and no admitted one failed"
