"""Keys of telephones with different habits over networks that lose, reorder and repeat packets: the agent
gets each key once, in order, and the engine hears nothing of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.impaired_caller import Evidence, ImpairedCaller, Line
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import Parties
from tests.support.audio import RATE, find, level_dbfs, tone
from tests.support.impaired_network import Impairment
from tests.support.keyed_peer import KeyedPeer, Pressing

KEYS = "1123580*ABCD99#"
AGENT_HZ = 787
BAD = Impairment(loss=0.05, reorder=0.1, duplicate=0.1)
HABITS = {
    "as the standard says": (Pressing(), Impairment()),
    "lost": (Pressing(), Impairment(loss=0.2)),
    "doubled": (Pressing(), Impairment(duplicate=0.5)),
    "overtaken": (Pressing(), Impairment(reorder=0.2, reorder_ms=45)),
    "bursts": (Pressing(), Impairment(burst_begins=0.05, burst_ends=0.5)),
    "no marker": (Pressing(marker=False), BAD),
    "one end": (Pressing(ends=1), Impairment()),
    "between audio": (Pressing(interleaved=True), BAD),
    "between audio, no marker": (Pressing(interleaved=True, marker=False), BAD),
    "10 ms": (Pressing(ptime_ms=10, marker=False), BAD),
    "30 ms": (Pressing(ptime_ms=30), BAD),
    "40 ms": (Pressing(ptime_ms=40, interleaved=True), BAD),
    "60 ms": (Pressing(ptime_ms=60, marker=False), Impairment(duplicate=0.1, loss=0.03)),
}


def hold_calls(gateway: Gateway) -> dict[str, Evidence]:
    """A call for each habit, all at the same time."""
    with (
        contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        contextlib.closing(EngineView.of_child(gateway)) as engine,
    ):
        waits = [{"wait": "text"}] * len(KEYS)
        number = Parties(gateway, api, Path()).inbound_number(
            engine.script({"tone": AGENT_HZ, "ms": 1500}, *waits)
        )

        async def hold_call(seed: int, how: Pressing, up: Impairment, together: asyncio.Barrier) -> Evidence:
            peer = KeyedPeer.pressing_so(how, seed)
            line = Line(up=up, seed=seed)
            caller = ImpairedCaller(gateway, engine.base_url, number, line, peer=peer, together=together)
            async with caller:
                await asyncio.sleep(0.8)
                await peer.press(KEYS)
                await asyncio.sleep(0.9)  # the last keys wait for one more
                return await caller.conclude()

        async def all_calls() -> list[Evidence]:
            together = asyncio.Barrier(len(HABITS))
            return await asyncio.gather(
                *(
                    hold_call(seed, how, up, together)
                    for seed, (how, up) in enumerate(HABITS.values(), start=20)
                )
            )

        results = asyncio.run(all_calls())
    assert_calls_gone(gateway)
    return dict(zip(HABITS, results, strict=True))


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Evidence]]:
    with watched(Gateway(tmp_path_factory.mktemp("digits"), environment=UNLIMITED)) as gateway:
        yield hold_calls(gateway)


@pytest.mark.parametrize("name", HABITS)
def test_each_key_comes_once_and_in_order(evidence: dict[str, Evidence], name: str) -> None:
    assert "".join(evidence[name].texts) == KEYS


@pytest.mark.parametrize("name", HABITS)
def test_keys_make_no_sound(evidence: dict[str, Evidence], name: str) -> None:
    assert level_dbfs(evidence[name].engine_heard) < -55


@pytest.mark.parametrize("name", HABITS)
def test_agent_comes_in_packets_of_the_length_asked_for(evidence: dict[str, Evidence], name: str) -> None:
    call, (how, _) = evidence[name], HABITS[name]
    audio = [packet for packet in call.packets if packet.payload_type == 0]
    assert {len(packet.payload) for packet in audio} == {how.ptime_ms * 8}
    assert set(np.diff([packet.timestamp for packet in audio]) % (1 << 32)) == {how.ptime_ms * 8}
    assert find(tone(AGENT_HZ, 1400), call.heard, RATE)[1] > 0.98


@pytest.mark.parametrize("name", HABITS)
def test_packets_of_keys_are_not_taken_for_lost_ones(evidence: dict[str, Evidence], name: str) -> None:
    truth, told = evidence[name].path.up, evidence[name].network
    assert told["packets_lost"] == pytest.approx(max(0, truth.lost - truth.duplicated), abs=2)
    assert told["packets_ignored"] == 0
