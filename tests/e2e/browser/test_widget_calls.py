"""Calls by the widget on somebody else's page, in Chromium, with the demonstration's gateway and engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, WebSocketRoute, expect

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.browser.page_audio import TEST_RATE, resampled
from tests.e2e.browser.tab import Tab
from tests.e2e.browser.widget_page import Site
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.gateway_process import Gateway
from tests.e2e.known_speech import spoken
from tests.e2e.speech_pieces import pieces
from tests.support.audio import Samples, level_dbfs, loud_spans, silence

OpenTab = Callable[..., Tab]
LISTENING = "Listening"
SPEAKING = "Receptionist is speaking"
ENDED = "Call ended"
PATIENCE_MS = 20_000
WIDE = 16_000  # what the engine gets of a browser


@pytest.fixture(scope="module")
def microphone_says() -> Samples:
    """A visitor who lets the agent finish."""
    words = spoken("Good morning. I would like to know when you are open.")
    return np.concatenate([silence(1500), words, silence(7000)])


@pytest.fixture(scope="module")
def receptionist(api: ApiClient) -> Json:
    found: Json = next(agent for agent in api.get("/agents") if agent["name"] == "Receptionist")
    return found


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The shop's, which the widget may stand in."""
    with Site() as running:
        yield running


@pytest.fixture
def strange_site() -> Iterator[Site]:
    """Of somebody whom the shop does not know."""
    with Site() as running:
        yield running


@pytest.fixture(scope="module")
def widget_id(api: ApiClient, receptionist: Json, site: Site) -> str:
    """A widget for the shop's page."""
    made = api.post(
        "/widgets",
        {
            "name": "Shop",
            "agent_id": receptionist["id"],
            "allowed_origins": [site.origin],
            "calls_per_minute": 600,
            "visitor_variables": ["page"],
        },
    )
    public_id: str = made["public_id"]
    return public_id


@pytest.fixture
def quiet_tab(open_tab: OpenTab) -> Tab:
    """A page whose visitor says nothing, so that no answer is cut short."""
    return open_tab(scripted=True)


@pytest.fixture
def shop(gateway: Gateway, widget_id: str, site: Site) -> Callable[..., Locator]:
    def enter(tab: Tab, attributes: str = "") -> Locator:
        element = f'<trunkline-call widget="{widget_id}" {attributes}></trunkline-call>'
        return site.show(tab, element, gateway.http)

    return enter


def start(widget: Locator) -> str:
    """Press the button; the call's id once it is heard."""
    widget.get_by_role("button", name="Start a call").click()
    expect(state_of(widget)).to_have_text(SPEAKING, timeout=PATIENCE_MS)
    call_id: str = widget.evaluate("element => element.call.callId")
    return call_id


def state_of(widget: Locator) -> Locator:
    return widget.locator("[part=state]")


def lines_of(widget: Locator) -> Locator:
    return widget.get_by_role("log", name="Transcript").locator(".line")


def hang_up(widget: Locator) -> None:
    widget.get_by_role("button", name="Hang up").click()
    expect(state_of(widget)).to_have_text(ENDED)


def test_a_visitor_is_greeted_heard_and_answered(
    open_tab: OpenTab,
    shop: Callable[..., Locator],
    api: ApiClient,
    engine: EngineView,
    site: Site,
) -> None:
    tab = open_tab(width=360)
    widget = shop(tab, """variables='{"page": "/prices"}'""")
    call_id = start(widget)
    tab.wait_for_sound()
    expect(lines_of(widget).first).to_contain_text("Hello, this is Trunkline", timeout=PATIENCE_MS)
    assert api.call(call_id)["status"] == "in-progress"
    expect(widget.locator("[part=title]")).to_have_text("Receptionist")
    levels = "e => e.shadowRoot.querySelectorAll('.bar')[1].style.getPropertyValue('--level')"
    tab.wait_until(lambda: float(widget.evaluate(levels) or 0) > 0.2, what="a level of the agent")
    # The agent plays back what it heard: both directions by content.
    expect(lines_of(widget).filter(has_text="You said:")).to_be_visible(timeout=PATIENCE_MS)
    tab.page.wait_for_timeout(4000)
    tab.assert_accessible()
    tab.assert_fits()
    tab.screenshot("widget-in-call-360")
    hang_up(widget)
    # What the browser's own processing (echo, noise, gain) left of the words is what was said.
    said = tab.said().at_rate()
    [first, *_] = loud_spans(said, join_ms=1500)
    words = said[round(first.start_ms * 8) : round(first.end_ms * 8)]
    [engine_call] = engine_call_ids(api.timeline(call_id))
    sent = resampled(engine.input(engine_call, WIDE), WIDE, TEST_RATE)
    # Word by word, since either jitter buffer may stretch a pause.
    for heard, who in ((sent, "the agent"), (tab.heard().at_rate(), "the visitor")):
        found = pieces(words, heard, TEST_RATE)
        assert np.median([piece.likeness for piece in found]) > 0.7, f"{who} heard the words"
    call = api.wait_for_status(call_id, "ended")
    assert (call["direction"], call["end_reason"]) == ("webrtc", "contact-hangup")
    assert call["phone_number"] is None
    assert call["metadata"]["origin"] == site.origin
    expect(widget.get_by_role("button", name="Call again")).to_be_focused()


def test_keys_and_writing_reach_the_agent_who_hangs_up(
    quiet_tab: Tab, shop: Callable[..., Locator], api: ApiClient, engine: EngineView
) -> None:
    widget = shop(quiet_tab)
    call_id = start(widget)
    widget.get_by_role("textbox", name="Type a message").fill("Are you open on Sunday?")
    widget.get_by_role("button", name="Send").click()
    expect(widget.get_by_role("textbox", name="Type a message")).to_have_value("")
    expect(lines_of(widget).filter(has_text="You wrote: Are you open on Sunday?")).to_be_visible(
        timeout=PATIENCE_MS
    )
    widget.get_by_role("button", name="Keypad").click()
    widget.get_by_role("group", name="Keypad").get_by_role("button", name="5").click()
    expect(lines_of(widget).filter(has_text="You pressed 5.")).to_be_visible(timeout=PATIENCE_MS)
    quiet_tab.assert_accessible()
    quiet_tab.screenshot("widget-keypad")
    widget.get_by_role("group", name="Keypad").get_by_role("button", name="#").click()
    expect(state_of(widget)).to_have_text(ENDED, timeout=PATIENCE_MS)
    call = api.wait_for_status(call_id, "ended")
    assert call["end_reason"] == "agent-hangup"
    [engine_call] = engine_call_ids(api.timeline(call_id))
    assert any("5" in text for text in engine.texts(engine_call))


def test_a_call_by_keyboard_alone(quiet_tab: Tab, shop: Callable[..., Locator], api: ApiClient) -> None:
    widget = shop(quiet_tab)
    keys = quiet_tab.page.keyboard

    def go_to(name: str) -> None:
        for _ in range(12):
            focused = quiet_tab.page.evaluate(
                "() => document.querySelector('trunkline-call').shadowRoot.activeElement?.textContent.trim()"
            )
            if focused == name:
                return
            keys.press("Tab")
        raise AssertionError(f"the keyboard does not come to {name}")

    go_to("Start a call")
    keys.press("Enter")
    expect(state_of(widget)).to_have_text(SPEAKING, timeout=PATIENCE_MS)
    call_id: str = widget.evaluate("element => element.call.callId")
    expect(widget.get_by_role("button", name="Hang up")).to_be_focused()
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    go_to("Keypad")
    keys.press("Space")
    keys.press("Tab")  # sound settings
    keys.press("Tab")  # hang up
    keys.press("Tab")  # the first key
    keys.press("7")
    expect(lines_of(widget).filter(has_text="You pressed 7.")).to_be_visible(timeout=PATIENCE_MS)
    keys.press("Escape")
    expect(widget.get_by_role("group", name="Keypad")).to_be_hidden()
    expect(widget.get_by_role("button", name="Keypad")).to_be_focused()
    go_to("Hang up")
    keys.press("Enter")
    expect(state_of(widget)).to_have_text(ENDED)
    assert api.wait_for_status(call_id, "ended")["end_reason"] == "contact-hangup"


def test_a_muted_microphone_gives_silence_and_comes_back(tab: Tab, shop: Callable[..., Locator]) -> None:
    widget = shop(tab)
    start(widget)
    mute = widget.get_by_role("button", name="Mute", exact=True)
    mute.click()
    expect(widget.get_by_role("status").last).to_have_text("Your microphone is off")
    tab.page.wait_for_timeout(500)
    begun = tab.said().samples.size
    tab.page.wait_for_timeout(10_000)  # longer than the microphone's loop
    assert level_dbfs(tab.said().samples[begun:]) < -80
    widget.get_by_role("button", name="Unmute").click()
    begun = tab.said().samples.size
    tab.wait_until(lambda: level_dbfs(tab.said().samples[begun:]) > -50, 15, "the visitor's voice")
    hang_up(widget)


def test_two_tabs_have_a_call_each(open_tab: OpenTab, shop: Callable[..., Locator], api: ApiClient) -> None:
    first, second = open_tab(), open_tab()
    widgets = shop(first), shop(second)
    calls = [start(widget) for widget in widgets]
    assert len(set(calls)) == 2
    first.wait_for_sound()
    second.wait_for_sound()
    hang_up(widgets[0])
    api.wait_for_status(calls[0], "ended")
    assert api.call(calls[1])["status"] == "in-progress"
    hang_up(widgets[1])


@pytest.mark.parametrize(
    "leave",
    [
        lambda tab: tab.page.evaluate("document.querySelector('trunkline-call').remove()"),
        lambda tab: tab.page.goto("about:blank"),
        lambda tab: tab.page.close(),
    ],
    ids=["the widget is removed", "the page is left", "the tab is closed"],
)
def test_a_call_does_not_outlive_its_widget(
    quiet_tab: Tab, shop: Callable[..., Locator], api: ApiClient, leave: Callable[[Tab], Any]
) -> None:
    call_id = start(shop(quiet_tab))
    leave(quiet_tab)
    call = api.wait_for_status(call_id, "ended", seconds=5)
    assert call["end_reason"] == "contact-hangup"


def test_a_widget_that_is_only_moved_keeps_its_call(
    quiet_tab: Tab, shop: Callable[..., Locator], api: ApiClient
) -> None:
    widget = shop(quiet_tab)
    call_id = start(widget)
    quiet_tab.page.evaluate("document.body.prepend(document.querySelector('trunkline-call'))")
    quiet_tab.page.wait_for_timeout(500)
    assert api.call(call_id)["status"] == "in-progress"
    hang_up(widget)


def test_a_token_joins_once(open_tab: OpenTab, gateway: Gateway, widget_id: str, site: Site) -> None:
    answer = httpx.post(
        f"{gateway.http}/api/public/v1/webrtc/widgets/{widget_id}/token", headers={"Origin": site.origin}
    )
    token = answer.json()["data"]["token"]
    element = f'<trunkline-call token="{token}" agent-name="Receptionist"></trunkline-call>'
    first, second = open_tab(), open_tab()
    second.allow_errors("409")
    widget = site.show(first, element, gateway.http)
    widget.get_by_role("button").first.click()
    expect(state_of(widget)).to_have_text(SPEAKING, timeout=PATIENCE_MS)
    thief = site.show(second, element, gateway.http)
    second.page.evaluate(
        """() => document.querySelector("trunkline-call")
            .addEventListener("call-error", ({ detail }) => { window.why = detail.code; })"""
    )
    thief.get_by_role("button").first.click()
    expect(thief.get_by_role("alert")).not_to_be_empty()
    assert second.page.evaluate("window.why") == "token_used"
    expect(state_of(widget)).not_to_have_text(ENDED)
    hang_up(widget)


def test_a_page_of_another_origin_starts_no_call(
    tab: Tab, gateway: Gateway, widget_id: str, api: ApiClient, strange_site: Site
) -> None:
    tab.allow_errors("CORS", "Failed to load resource", "403")
    before = len(api.calls(direction="webrtc"))
    widget = strange_site.show(tab, f'<trunkline-call widget="{widget_id}"></trunkline-call>', gateway.http)
    widget.get_by_role("button").first.click()
    expect(widget.get_by_role("alert")).to_have_text(
        "The connection could not be made. Check your network and try again."
    )
    assert len(api.calls(direction="webrtc")) == before


def test_a_token_is_worth_nothing_on_a_page_of_another_origin(
    tab: Tab, gateway: Gateway, widget_id: str, site: Site, strange_site: Site, api: ApiClient
) -> None:
    tab.allow_errors("403")
    answer = httpx.post(
        f"{gateway.http}/api/public/v1/webrtc/widgets/{widget_id}/token", headers={"Origin": site.origin}
    )
    made = answer.json()["data"]
    token = made["token"]
    widget = strange_site.show(tab, f'<trunkline-call token="{token}"></trunkline-call>', gateway.http)
    widget.get_by_role("button").first.click()
    expect(widget.get_by_role("alert")).to_have_text("Calls are not possible from this page.")
    assert api.call(made["call_id"])["status"] == "queued", "its own page may still join"
    api.post(f"/calls/{made['call_id']}/cancel")


def test_the_call_goes_on_when_the_network_changes(
    quiet_tab: Tab, shop: Callable[..., Locator], api: ApiClient
) -> None:
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    quiet_tab.page.route_web_socket("**/socket", pass_on)
    widget = shop(quiet_tab)
    call_id = start(widget)
    expect(lines_of(widget).first).to_contain_text("Hello, this is Trunkline", timeout=PATIENCE_MS)
    before = quiet_tab.page.evaluate("window.__pageAudio.peers[0].remoteDescription.sdp")
    sockets[0].close(code=1001)
    quiet_tab.page.evaluate("window.dispatchEvent(new Event('online'))")
    quiet_tab.wait_until(
        lambda: quiet_tab.page.evaluate("window.__pageAudio.peers[0].remoteDescription.sdp") != before,
        what="a new ICE session",
    )
    quiet_tab.wait_until(lambda: len(sockets) >= 2, what="a new socket")
    began = quiet_tab.heard().samples.size
    widget.get_by_role("textbox", name="Type a message").fill("Still there?")
    widget.get_by_role("button", name="Send").click()
    expect(lines_of(widget).filter(has_text="You wrote: Still there?")).to_be_visible(timeout=PATIENCE_MS)
    expect(lines_of(widget).filter(has_text="Hello, this is Trunkline")).to_have_count(1)
    quiet_tab.wait_until(
        lambda: level_dbfs(quiet_tab.heard().samples[began:]) > -50, what="the agent's voice"
    )
    kinds = [step["kind"] for step in api.timeline(call_id)]
    assert "ice-restarted" in kinds
    assert kinds.count("joined") == 1, "the same call, the same agent"
    hang_up(widget)


def test_right_to_left_during_a_call(quiet_tab: Tab, shop: Callable[..., Locator]) -> None:
    widget = shop(quiet_tab, 'lang="ar" dir="rtl" text-you="أنت" text-hang-up="إنهاء"')
    start(widget)
    expect(lines_of(widget).first).to_contain_text("Hello", timeout=PATIENCE_MS)
    quiet_tab.assert_accessible()
    quiet_tab.screenshot("widget-rtl")
    mute, end = (widget.locator(f"[part='button {part}']").bounding_box() for part in ("mute", "hang-up"))
    assert mute is not None
    assert end is not None
    assert mute["x"] > end["x"]
    key = widget.locator("[part='button key']")
    widget.locator("[part='button keypad']").click()
    one, three = key.nth(0).bounding_box(), key.nth(2).bounding_box()
    assert one is not None
    assert three is not None
    assert one["x"] < three["x"], "a keypad is a keypad everywhere"
    widget.get_by_role("button", name="إنهاء").click()


def test_microphone_and_loudspeaker_are_chosen_during_a_call(
    quiet_tab: Tab, shop: Callable[..., Locator]
) -> None:
    widget = shop(quiet_tab)
    start(widget)
    widget.get_by_role("button", name="Sound settings").click()
    microphone = widget.get_by_role("combobox", name="Microphone")
    expect(microphone.get_by_role("option")).not_to_have_count(1)
    sent = "() => window.__pageAudio.peers[0].getSenders()[0].track.id"
    before = quiet_tab.page.evaluate(sent)
    microphone.select_option(index=1)
    quiet_tab.wait_until(lambda: quiet_tab.page.evaluate(sent) != before, what="another microphone")
    loudspeaker = widget.get_by_role("combobox", name="Loudspeaker")
    loudspeaker.select_option(index=loudspeaker.get_by_role("option").count() - 1)
    widget.get_by_role("slider", name="Volume").fill("40")
    quiet_tab.assert_accessible()
    quiet_tab.screenshot("widget-settings")
    expect(widget.get_by_role("alert")).to_have_count(0)
    hang_up(widget)


def test_a_call_that_the_owner_ends_is_over_for_the_visitor(
    quiet_tab: Tab, shop: Callable[..., Locator], api: ApiClient
) -> None:
    widget = shop(quiet_tab)
    widget.evaluate("e => e.addEventListener('call-ended', ({ detail }) => { e.why = detail.reason; })")
    call_id = start(widget)
    api.post(f"/calls/{call_id}/hangup")
    expect(state_of(widget)).to_have_text(ENDED)
    assert widget.evaluate("e => e.why") == "api-hangup"
    expect(widget.get_by_role("alert")).to_have_count(0)


def test_a_page_of_the_owner_joins_the_call_that_its_server_made(
    quiet_tab: Tab, gateway: Gateway, api: ApiClient, receptionist: Json, strange_site: Site
) -> None:
    """Signed-in visitors need no open door: the key stays on the server, the page gets a link."""
    made = api.http.post("/webrtc/call", json={"agent_id": receptionist["id"]}).json()
    assert set(made) == {"joinUrl", "callId", "agentName"}
    widget = strange_site.show(
        quiet_tab, f'<trunkline-call join-url="{made["joinUrl"]}"></trunkline-call>', gateway.http
    )
    widget.get_by_role("button", name="Start a call").click()
    expect(state_of(widget)).to_have_text(SPEAKING, timeout=PATIENCE_MS)
    assert api.call(made["callId"])["status"] == "in-progress"
    hang_up(widget)
    assert api.wait_for_status(made["callId"], "ended")["end_reason"] == "contact-hangup"
