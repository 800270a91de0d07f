"""How late each side hears the other in a real browser, and that a burst of loss does not make it later.

A known sound goes both ways: from the fake microphone's file to the engine's socket, and from the engine's
socket to what the page plays. Measured is from a sample's leaving the browser's capture to its arrival at the
engine, and from the engine's write to the moment the page's jitter buffer gives the sample out; the 20 ms
that fill a packet, which any system needs, are taken off. The sound card is not in it: there is none.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Route

from tests.e2e.api_client import ApiClient
from tests.e2e.browser.page_audio import PAGE_RATE, TEST_RATE, Recording
from tests.e2e.browser.tab import Tab
from tests.e2e.gateway_process import Gateway
from tests.e2e.loss_proxy import LossProxy
from tests.e2e.pulse_engine import PulseEngine, pulse_engine
from tests.support.audio import Samples, chirp, find, silence

ENGINE_RATE = 16_000
PULSE_MS = 120.0
MICROPHONE_EVERY_S = 0.9
ENGINE_EVERY_S = 0.77
LATEST_S = 0.6  # a sound that is sought for longer could be mistaken for the next
PACKET_MS = 20.0
PAGE_FRAME_MS = 10.0
CERTAIN = 0.6  # correlation of a sound that was found
MEASURED_S = 40
LOSS_MS = 400
CALM_S = 3.0  # after a burst of loss, until delays are looked at again
LONGEST_MS = 120.0


def pulse(rate: int) -> Samples:
    return chirp(PULSE_MS, low=400, high=3400, rate=rate)


@pytest.fixture(scope="module")
def microphone_says() -> Samples:
    pause = silence(MICROPHONE_EVERY_S * 1000 - PULSE_MS)
    return np.concatenate([pulse(TEST_RATE), pause] * 10)


@pytest.fixture(scope="module")
def engine() -> Iterator[PulseEngine]:
    with pulse_engine(pulse(ENGINE_RATE), ENGINE_EVERY_S) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds beyond packetisation, each with the Unix time at which its sound began."""

    found: list[tuple[float, float]]
    sought: int

    def between(self, begin: float, end: float) -> list[float]:
        return [delay for moment, delay in self.found if begin <= moment < end]

    def told(self) -> str:
        delays = [delay for _, delay in self.found]
        p50, p95, p99 = np.percentile(delays, [50, 95, 99])
        return (
            f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, longest {max(delays):.0f} ms,"
            f" {len(delays)} of {self.sought} sounds"
        )


def mouth_to_engine(said: Recording, engine: PulseEngine, begin: float, end: float) -> Delays:
    """From the page's microphone to the engine."""
    found, sought = [], 0
    moment = begin
    while moment < end - LATEST_S - MICROPHONE_EVERY_S:
        window = said.since(moment)
        size = round((MICROPHONE_EVERY_S + PULSE_MS / 1000) * PAGE_RATE)
        place, alike = find(pulse(PAGE_RATE), window.samples[:size], PAGE_RATE)
        moment += MICROPHONE_EVERY_S
        if alike < CERTAIN:
            continue
        sought += 1
        spoken = window.begun_at + place / 1000
        samples, last = engine.heard_between(spoken, spoken + LATEST_S)
        there, alike = find(pulse(ENGINE_RATE), samples, ENGINE_RATE)
        if alike >= CERTAIN:
            arrived = last - (len(samples) / ENGINE_RATE - there / 1000)
            found.append((spoken, (arrived - spoken) * 1000))
    return Delays(found, sought)


def engine_to_ear(engine: PulseEngine, heard: Recording, begin: float, end: float) -> Delays:
    """From the engine to what the page plays."""
    found, sought = [], 0
    for spoken in tuple(engine.said_at):
        if not begin <= spoken < end - LATEST_S:
            continue
        sought += 1
        window = heard.since(spoken)
        place, alike = find(pulse(PAGE_RATE), window.samples[: round(LATEST_S * PAGE_RATE)], PAGE_RATE)
        if alike >= CERTAIN:
            arrived = window.begun_at + (place + PAGE_FRAME_MS) / 1000
            found.append((spoken, (arrived - spoken) * 1000 - PACKET_MS))
    return Delays(found, sought)


class MediaPath:
    """Leads a page's media through proxies, by another port in the gateway's answer."""

    def __init__(self, tab: Tab) -> None:
        self.proxies: list[LossProxy] = []
        tab.context.route(re.compile(r"/webrtc/sessions$"), self._answer)

    def lose(self, share: float) -> None:
        for proxy in self.proxies:
            proxy.loss = share

    def close(self) -> None:
        for proxy in self.proxies:
            proxy.close()

    def _answer(self, route: Route) -> None:
        response = route.fetch()
        body = re.sub(r"(a=candidate:\S+ 1 udp \d+ )(\S+) (\d+)", self._through, response.text(), flags=re.I)
        route.fulfill(response=response, body=body)

    def _through(self, candidate: re.Match[str]) -> str:
        self.proxies.append(LossProxy(f"{candidate[2]}:{candidate[3]}", 0.0))
        host, _, port = self.proxies[-1].address.rpartition(":")
        return f"{candidate[1]}{host} {port}"


def test_both_sides_are_heard_within_120_ms_and_again_after_a_burst_of_loss(
    tab: Tab, start_gateway: Callable[..., Gateway], engine: PulseEngine, tmp_path: Path
) -> None:
    seeded = tmp_path / "seeded"
    with Gateway(seeded) as demonstration:
        key = demonstration.demo_key
    gateway = start_gateway(
        demo=False,
        data=shutil.copytree(seeded, tmp_path / "data"),
        environment={
            "TRUNKLINE_ENGINE_BASE_URL": engine.url,
            "TRUNKLINE_ENGINE_API_KEY": "unused",
            "TRUNKLINE_MEDIA_BIND_HOST": "127.0.0.1",
        },
    )
    api = ApiClient(gateway.http, key)
    agent = next(each for each in api.get("/agents") if each["status"] == "active")
    path = MediaPath(tab)
    tab.open(api.post(f"/agents/{agent['id']}/test-call")["join_url"])
    tab.page.get_by_role("button", name="Start a call").click()
    tab.wait_for_sound(20)
    tab.page.wait_for_timeout(5000)
    begin = engine.said_at[-1]
    tab.page.wait_for_timeout(MEASURED_S * 1000)
    lost_at = engine.said_at[-1]
    path.lose(1.0)
    tab.page.wait_for_timeout(LOSS_MS)
    path.lose(0.0)
    calm = engine.said_at[-1] + CALM_S
    tab.page.wait_for_timeout(15_000)
    end = engine.said_at[-1]
    assert path.proxies
    assert sum(proxy.dropped for proxy in path.proxies) > LOSS_MS / PACKET_MS, "nothing was lost"
    to_engine = mouth_to_engine(tab.said(), engine, begin, end)
    to_ear = engine_to_ear(engine, tab.heard(), begin, end)
    path.close()
    api.close()
    for name, delays in (("mouth to engine", to_engine), ("engine to ear", to_ear)):
        before, after = delays.between(begin, lost_at), delays.between(calm, end)
        print(f"{name}: {delays.told()}; before {np.median(before):.0f}, after {np.median(after):.0f} ms")
        assert len(delays.found) > 0.85 * delays.sought, f"{name}: {delays.told()}"
        assert len(before) > 25
        assert len(after) > 6
        assert np.percentile(before, 95) <= LONGEST_MS, f"{name}: {delays.told()}"
        assert np.percentile(after, 90) <= LONGEST_MS, f"{name} after the loss: {after}"
