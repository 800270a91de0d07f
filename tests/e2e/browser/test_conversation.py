"""A conversation in a real browser: the agent is interrupted, the network changes, a relay carries it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.browser.media_path import MediaPath
from tests.e2e.browser.page_audio import TEST_RATE, resampled
from tests.e2e.browser.tab import Tab
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.gateway_process import Gateway
from tests.e2e.known_speech import spoken
from tests.e2e.parties import RECEPTIONIST_PROMPT, VOICE
from tests.e2e.speech_pieces import pieces
from tests.support.audio import Samples, loud_spans
from tests.support.turn_server import TurnServer

SECRET = "what-relay-and-gateway-share"
LONG = " ".join(["This is a long announcement, and it goes on and on until somebody says a word."] * 6)
STOPS_WITHIN_MS = 1200.0  # of the caller's first sound, the engine's own detection included
CLEARED_WITHIN_MS = 250.0  # of the engine's telling that it was interrupted


def begin(tab: Tab, api: ApiClient, **fields: object) -> Json:
    """A call with a new agent; the test call, once it is in progress and the agent is heard."""
    body = {"name": "Ada", "voice_id": VOICE, "system_prompt": RECEPTIONIST_PROMPT} | fields
    agent = api.wait_until_active(api.post("/agents", body)["id"])
    started: Json = api.post(f"/agents/{agent['id']}/test-call")
    tab.open(started["join_url"])
    tab.page.get_by_role("button", name="Start a call").click()
    return started


def hang_up(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Hang up").click()
    tab.page.get_by_role("heading", name="The call is over").wait_for()


def engine_call(api: ApiClient, call_id: str) -> str:
    (found,) = set(engine_call_ids(api.get(f"/calls/{call_id}/timeline")))
    return found


def test_an_agent_that_is_interrupted_falls_silent_in_the_browser(
    open_tab: Callable[..., Tab], api: ApiClient, engine: EngineView
) -> None:
    tab = open_tab(scripted=True)
    started = begin(tab, api, greeting_settings={"text": LONG})
    tab.wait_for_sound()
    tab.page.wait_for_timeout(3000)
    spoke_at = tab.speak(spoken("Excuse me, I have a question about your opening hours."), TEST_RATE)
    tab.page.wait_for_timeout(3000)
    seen = engine.inspect(engine_call(api, started["call_id"]))
    (cleared_at,) = seen["clearedAt"]
    stopped_ms = _quiet_from(tab.heard().since(spoke_at).at_rate())
    cleared_ms = stopped_ms - (cleared_at - spoke_at) * 1000
    print(f"silent {stopped_ms:.0f} ms after the first word, {cleared_ms:.0f} ms after the engine's clear")
    assert stopped_ms <= STOPS_WITHIN_MS
    assert cleared_ms <= CLEARED_WITHIN_MS
    hang_up(tab)


def _quiet_from(samples: Samples) -> float:
    """When the first pause of half a second begins, in milliseconds: the announcement itself has none."""
    spans = loud_spans(samples, threshold_dbfs=-45.0, join_ms=500)
    assert spans, "the agent was silent already"
    return spans[0].end_ms if spans[0].start_ms < 500 else 0.0


def test_a_call_outlives_a_change_of_its_network(tab: Tab, api: ApiClient, engine: EngineView) -> None:
    path = MediaPath(tab)
    started = begin(tab, api)
    tab.page.get_by_text("You said:").first.wait_for(timeout=30_000)
    states = "document.querySelector('trunkline-call').states"
    tab.page.evaluate(
        """element => {
            element.states = [];
            element.addEventListener("call-state", ({ detail }) => element.states.push(detail.state));
        }""",
        tab.page.query_selector("trunkline-call"),
    )
    before = len(path.proxies)
    path.lose(1.0)  # the old network is gone, and does not come back
    lost_at = time.time()
    tab.wait_until(lambda: "reconnecting" in tab.page.evaluate(states), 20, "loss that is noticed")
    tab.wait_until(lambda: tab.page.evaluate(states)[-1] != "reconnecting", 20, "connection")
    assert len(path.proxies) > before, "ICE was not restarted"
    back_at = time.time()
    assert api.call(started["call_id"])["status"] == "in-progress", (
        tab.page.evaluate(states),
        api.get(f"/calls/{started['call_id']}/timeline"),
    )
    print(f"back {back_at - lost_at:.1f} s after the network went away")
    tab.page.wait_for_timeout(9000)  # the microphone speaks again, and the agent answers
    assert loud_spans(tab.heard().since(back_at).at_rate(), threshold_dbfs=-40.0)
    assert api.call(started["call_id"])["status"] == "in-progress"
    same = engine.inspect(engine_call(api, started["call_id"]))  # one engine call, and it goes on
    assert same["ended"] is None
    hang_up(tab)
    assert api.wait_for_status(started["call_id"], "ended")["end_reason"] == "contact-hangup"
    path.close()


@pytest.fixture(scope="module")
def relay() -> Iterator[TurnServer]:
    with TurnServer(SECRET) as server:
        yield server


def with_relay(relay: TurnServer, secret: str) -> dict[str, str]:
    return {"TRUNKLINE_TURN_URLS": relay.url, "TRUNKLINE_TURN_SECRET": secret}


def test_a_browser_that_only_a_relay_lets_out_is_heard_and_hears(
    open_tab: Callable[..., Tab],
    start_gateway: Callable[..., Gateway],
    relay: TurnServer,
    microphone_says: Samples,
) -> None:
    gateway = start_gateway(environment=with_relay(relay, SECRET))
    tab = open_tab(relay_only=True)
    with (
        contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        contextlib.closing(EngineView.of_child(gateway)) as engine,
    ):
        started = begin(tab, api)
        tab.page.get_by_text("You said:").first.wait_for(timeout=30_000)
        assert tab.selected_candidates() == ("relay", "host")
        tab.page.wait_for_timeout(2000)
        heard = tab.heard().at_rate()
        hang_up(tab)
        found = engine_call(api, started["call_id"])
        words = microphone_says[1500 * 8 : 3500 * 8]
        to_engine = resampled(engine.input(found, 2 * TEST_RATE), 2 * TEST_RATE, TEST_RATE)
        said = resampled(*engine.output(found), TEST_RATE)[: 2 * TEST_RATE]
        assert np.median([piece.likeness for piece in pieces(words, to_engine, TEST_RATE)]) > 0.6
        assert np.median([piece.likeness for piece in pieces(said, heard, TEST_RATE)]) > 0.6


def test_a_relay_with_another_secret_lets_nobody_out_and_the_page_tells(
    open_tab: Callable[..., Tab], start_gateway: Callable[..., Gateway], relay: TurnServer
) -> None:
    gateway = start_gateway(environment=with_relay(relay, "a-secret-of-the-past"))
    tab = open_tab(relay_only=True)
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        started = begin(tab, api)
        tab.page.get_by_role("heading", name="The connection was not made").wait_for(timeout=40_000)
        over = api.wait_for_status(started["call_id"], "failed")
        assert over["started_at"] is None
