"""The page that a join link opens: a test call is spoken in a real browser, carried by the gateway."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.browser.page_audio import TEST_RATE, resampled
from tests.e2e.browser.tab import Tab
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import RECEPTIONIST_PROMPT, VOICE
from tests.e2e.speech_pieces import pieces
from tests.support.audio import Samples, level_dbfs

GREETING = "Welcome to the house of calls. How may I help you?"


@pytest.fixture(scope="module")
def agent(api: ApiClient) -> Json:
    body = {
        "name": "Ada of the front desk",
        "voice_id": VOICE,
        "system_prompt": RECEPTIONIST_PROMPT,
        "greeting_settings": {"text": GREETING},
        "recording_enabled": True,
    }
    return api.wait_until_active(api.post("/agents", body)["id"])


def begin(tab: Tab, started: Json) -> None:
    tab.open(started["join_url"])
    tab.page.get_by_role("button", name="Start a call").click()


def hang_up(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Hang up").click()
    tab.page.get_by_role("heading", name="The call is over").wait_for()


def test_a_test_call_is_spoken_on_our_page(
    tab: Tab, api: ApiClient, engine: EngineView, agent: Json, gateway: Gateway, microphone_says: Samples
) -> None:
    started = api.post(f"/agents/{agent['id']}/test-call")
    assert started["join_url"].startswith(f"{gateway.http}/join#")
    assert api.call(started["call_id"])["status"] == "queued"
    begin(tab, started)
    api.wait_for_status(started["call_id"], "in-progress")
    tab.wait_for_sound()
    tab.page.get_by_text("Welcome to the house of calls").wait_for(timeout=15_000)
    tab.page.get_by_text("You said:").first.wait_for(timeout=30_000)
    tab.page.wait_for_timeout(1500)
    hang_up(tab)
    over = api.wait_for_status(started["call_id"], "ended")
    assert (over["end_reason"], over["direction"], over["metadata"]) == (
        "contact-hangup",
        "webrtc",
        {"test": True},
    )
    assert over["transcript"][0]["text"].startswith("Welcome")
    timeline = api.get(f"/calls/{over['id']}/timeline")
    (engine_call_id,) = set(engine_call_ids(timeline))
    # The engine heard the words of the microphone, the page the words of the engine.
    words = microphone_says[1500 * 8 : 3500 * 8]
    to_engine = resampled(engine.input(engine_call_id, 2 * TEST_RATE), 2 * TEST_RATE, TEST_RATE)
    assert np.median([piece.likeness for piece in pieces(words, to_engine, TEST_RATE)]) > 0.6
    said = resampled(*engine.output(engine_call_id), TEST_RATE)[: 2 * TEST_RATE]
    found = pieces(said, tab.heard().at_rate(), TEST_RATE)
    assert np.median([piece.likeness for piece in found]) > 0.6


def test_the_link_is_in_no_address_that_leaves_the_browser(
    tab: Tab, api: ApiClient, agent: Json, gateway: Gateway
) -> None:
    started = api.post(f"/agents/{agent['id']}/test-call")
    token = started["join_url"].partition("#")[2]
    begin(tab, started)
    api.wait_for_status(started["call_id"], "in-progress")
    hang_up(tab)
    for _, url, headers in tab.requests:
        assert token not in url.partition("#")[0]
        assert token not in headers.get("referer", "")
    assert token not in gateway.output


def test_the_second_of_two_tabs_is_told_that_the_link_was_used(
    open_tab: Callable[..., Tab], api: ApiClient, agent: Json
) -> None:
    started = api.post(f"/agents/{agent['id']}/test-call")
    first, second = open_tab(), open_tab()
    second.allow_errors("409")
    begin(first, started)
    api.wait_for_status(started["call_id"], "in-progress")
    begin(second, started)
    second.page.get_by_role("heading", name="This link was used already").wait_for()
    second.assert_accessible()
    second.screenshot("link-used")
    assert api.call(started["call_id"])["status"] == "in-progress"
    hang_up(first)


@pytest.mark.parametrize(
    ("link", "title"),
    [
        ("/join", "This link is not complete"),
        ("/join#not a token", "This link is not complete"),
        ("/join#0190a5f0-7b1a-7cc0-8000-000000000000.secret", "This link is not known"),
        ("/join/0190a5f0-7b1a-7cc0-8000-000000000000.secret", "This link is not known"),
    ],
)
def test_a_link_that_is_wrong_is_told(tab: Tab, gateway: Gateway, link: str, title: str) -> None:
    tab.allow_errors("401")
    tab.open(gateway.http + link)
    tab.page.get_by_role("heading", name=title).wait_for()
    assert tab.page.get_by_role("button").count() == 0
    assert not re.search(r"/join/.", tab.page.url)


def test_a_link_whose_time_is_over_is_told(tab: Tab, api: ApiClient, agent: Json) -> None:
    started = api.post(f"/agents/{agent['id']}/test-call")
    api.post(f"/calls/{started['call_id']}/cancel")
    tab.allow_errors("410")
    tab.open(started["join_url"])
    tab.page.get_by_role("heading", name="This link has expired").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_small_phone(
    open_tab: Callable[..., Tab], api: ApiClient, agent: Json, scheme: str
) -> None:
    tab = open_tab(width=360, height=640, color_scheme=scheme)
    started = api.post(f"/agents/{agent['id']}/test-call")
    tab.open(started["join_url"])
    button = tab.page.get_by_role("button", name="Start a call")
    button.wait_for()
    tab.assert_accessible()
    tab.assert_fits()
    tab.screenshot(f"call-page-{scheme}-ready")
    button.click()
    tab.page.get_by_text("Welcome to the house of calls").wait_for(timeout=15_000)
    tab.assert_accessible()
    tab.assert_fits()
    tab.screenshot(f"call-page-{scheme}-speaking")
    hang_up(tab)


def test_who_mutes_is_not_heard(tab: Tab, api: ApiClient, engine: EngineView, agent: Json) -> None:
    started = api.post(f"/agents/{agent['id']}/test-call")
    begin(tab, started)
    tab.wait_for_sound()
    tab.page.get_by_role("button", name="Mute").click()
    tab.page.wait_for_timeout(7500)  # the whole file once
    (engine_call_id,) = set(engine_call_ids(api.get(f"/calls/{started['call_id']}/timeline")))
    heard = engine.input(engine_call_id, 2 * TEST_RATE)[-6 * 2 * TEST_RATE :]
    assert level_dbfs(heard) < -60
    hang_up(tab)
