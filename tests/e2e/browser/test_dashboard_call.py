"""A call's own page: what was said and how it sounded, why it failed, and its SIP drawn."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.e2e.api_client import ApiClient
from tests.e2e.browser.dashboard_page import Dashboard
from tests.e2e.browser.tab import Tab
from tests.e2e.gateway_process import Gateway
from tests.e2e.known_speech import spoken
from tests.e2e.parties import Parties
from tests.support.audio import silence


@pytest.fixture
def dashboard(open_tab: Callable[..., Tab], gateway: Gateway) -> Dashboard:
    """Signed in."""
    opened = Dashboard(open_tab(), gateway.http)
    opened.sign_in_with_key(gateway.demo_key)
    return opened


@pytest.fixture
def recorded_call(parties: Parties, api: ApiClient) -> str:
    """The id of a call of some twelve seconds, in which both have spoken, and whose recording is ready."""
    number = parties.inbound_number(recording_enabled=True)
    caller = parties.connected_caller(scenario="far_end_hangs_up", number=number)
    call = api.wait_for_call(lambda call: call["status"] == "in-progress" and call["from_number"] == number)
    caller.audio.wait_for_audio()
    time.sleep(2.5)
    caller.audio.speak(np.concatenate([spoken("Please tell me when you are open."), silence(1_000)]))
    caller.audio.wait_until_said()
    time.sleep(5)
    api.post(f"/calls/{call['id']}/hangup")
    limit = time.monotonic() + 20
    while api.call(call["id"])["recording_status"] != "ready":
        assert time.monotonic() < limit, api.call(call["id"])["recording_status"]
        time.sleep(0.1)
    return str(call["id"])


def test_a_call_is_seen_read_and_heard_again(dashboard: Dashboard, recorded_call: str) -> None:
    page = dashboard.page
    dashboard.go(f"/calls/{recorded_call}")
    expect(page.get_by_text("It was ended from here or over the API.")).to_be_visible()
    expect(page.locator("canvas[data-drawn=yes]")).to_be_visible(timeout=10_000)
    inked = page.evaluate(
        """() => {
            const canvas = document.querySelector("canvas[data-drawn]");
            const { width, height } = canvas;
            const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
            const lanes = [0, 0];
            for (let i = 3; i < pixels.length; i += 4) {
                if (pixels[i]) lanes[i < pixels.length / 2 ? 0 : 1] += 1;
            }
            return lanes.map((count) => count / (width * height / 2));
        }"""
    )
    assert all(share > 0.02 for share in inked), f"nothing is drawn: {inked}"
    lines = page.locator(".told")
    expect(lines.first).to_contain_text("Agent")
    expect(page.locator(".told-contact")).not_to_have_count(0)
    line = page.locator(".told").last
    seconds = page.evaluate(
        "async id => (await (await fetch(`/api/public/v1/calls/${id}`)).json()).transcript.at(-1).timestamp",
        recorded_call,
    )
    line.get_by_role("button", name="Hear from").click()
    dashboard.tab.wait_until(
        lambda: page.evaluate("document.querySelector('audio').currentTime") > seconds, 5, "playing"
    )
    assert page.evaluate("document.querySelector('audio').paused") is False
    expect(page.locator(".told-now")).to_have_count(1)
    expect(page.locator(".chart canvas")).to_have_count(4)
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert download.value.suggested_filename == f"call-{recorded_call}.json"
    dashboard.tab.assert_accessible()


def test_the_ladder_shows_who_sent_what_and_a_message_can_be_read(
    dashboard: Dashboard, recorded_call: str
) -> None:
    page = dashboard.page
    dashboard.go(f"/calls/{recorded_call}")
    rows = page.locator(".ladder-row")
    expect(rows.first).to_contain_text("INVITE")
    expect(rows.first.locator(".ladder-received")).to_contain_text("SDP")
    answer = rows.filter(has_text="200 OK (INVITE)").first
    expect(answer.locator(".ladder-sent")).to_contain_text("SDP")
    expect(rows.filter(has_text="BYE").first.locator(".ladder-sent")).to_have_count(1)
    answer.get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text("Via: SIP/2.0/UDP")
    expect(page.get_by_role("dialog")).to_contain_text("m=audio")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="pcap").click()
    assert download.value.suggested_filename.endswith(f"{recorded_call}.pcap")


def test_a_failed_call_says_why_and_what_to_do(
    dashboard: Dashboard, parties: Parties, api: ApiClient
) -> None:
    route = parties.outbound_route("callee_refuses")
    call = api.place_call(route.agent_id, "+14155550143")
    api.wait_for_status(call["id"], "failed")
    dashboard.go("/calls")
    row = dashboard.page.get_by_role("row").filter(has_text="+14155550143").first
    expect(row).to_contain_text("failed")
    row.get_by_role("link").click()
    expect(dashboard.page.get_by_text("The far side said 486")).to_be_visible()
    expect(dashboard.page.get_by_text("Call again later.")).to_be_visible()
    expect(dashboard.page.get_by_text("The call never had audio.")).to_be_visible()


def test_a_call_in_progress_is_followed(dashboard: Dashboard, parties: Parties, api: ApiClient) -> None:
    parties.connected_caller(scenario="far_end_hangs_up")
    call = api.wait_for_call(lambda call: call["status"] == "in-progress")
    page = dashboard.page
    dashboard.go(f"/calls/{call['id']}")
    expect(page.get_by_text("They are talking.")).to_be_visible()
    expect(page.locator(".told-agent").first).to_contain_text("Trunkline", timeout=10_000)
    page.get_by_role("button", name="Hang up on").click()
    page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
    expect(page.get_by_text("It was ended from here or over the API.")).to_be_visible(timeout=5_000)
    expect(page.get_by_role("button", name="Hang up on")).to_have_count(0)


def test_a_call_that_is_not_there_is_told(dashboard: Dashboard) -> None:
    dashboard.tab.allow_errors("404")
    dashboard.go("/calls/00000000-0000-7000-8000-000000000000")
    expect(dashboard.page.get_by_role("heading", name="Not found")).to_be_visible()
    dashboard.page.get_by_role("link", name="Calls", exact=False).last.click()
    dashboard.expect_heading("Calls")


def test_whose_session_ends_while_a_call_is_followed_signs_in_anew(
    dashboard: Dashboard, parties: Parties, api: ApiClient
) -> None:
    parties.connected_caller(scenario="far_end_hangs_up")
    call = api.wait_for_call(lambda call: call["status"] == "in-progress")
    dashboard.tab.allow_errors("401")
    dashboard.go(f"/calls/{call['id']}")
    expect(dashboard.page.get_by_text("They are talking.")).to_be_visible()
    for session in api.get("/sessions"):
        api.http.delete(f"/sessions/{session['id']}").raise_for_status()
    expect(dashboard.page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=25_000)
    api.post(f"/calls/{call['id']}/hangup")
