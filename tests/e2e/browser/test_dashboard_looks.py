"""How the dashboard looks and feels: both widths, light and dark, axe, weight, quickness, long lists."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from store import Store
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus
from tests.e2e.api_client import ApiClient
from tests.e2e.browser.dashboard_page import Dashboard
from tests.e2e.browser.tab import Tab
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties

MOST_BYTES = 300_000
INTERACTIVE_WITHIN_MS = 1_000
MANY = 10_000
PAGES = {"live": "Live", "calls": "Calls", "users": "Users"}


@pytest.fixture(params=[(360, "light"), (360, "dark"), (1440, "light"), (1440, "dark")], ids=str)
def dashboard(request: pytest.FixtureRequest, open_tab: Callable[..., Tab], gateway: Gateway) -> Dashboard:
    width, scheme = request.param
    tab = open_tab(width=width, height=800, color_scheme=scheme)
    opened = Dashboard(tab, gateway.http)
    opened.name = f"{width}-{scheme}"
    return opened


def looked_at(dashboard: Dashboard, name: str) -> None:
    dashboard.page.wait_for_timeout(250)  # what fades in
    dashboard.tab.screenshot(f"{name}-{dashboard.name}")
    dashboard.tab.assert_fits()
    dashboard.tab.assert_accessible()


def test_every_page_fits_and_is_accessible(
    dashboard: Dashboard, gateway: Gateway, parties: Parties, api: ApiClient
) -> None:
    dashboard.open()
    dashboard.expect_heading("Sign in")
    looked_at(dashboard, "sign-in")
    number = parties.inbound_number(recording_enabled=True)
    parties.connected_caller(scenario="far_end_hangs_up", number=number)
    call = api.wait_for_call(lambda call: call["status"] == "in-progress" and call["from_number"] == number)
    dashboard.sign_in_with_key(gateway.demo_key)
    expect(dashboard.live_row(call["id"])).to_be_visible()
    for path, heading in PAGES.items():
        dashboard.go(f"/{path}")
        dashboard.expect_heading(heading)
        expect(dashboard.page.locator("main .loading")).to_have_count(0)
        looked_at(dashboard, path)
    api.post(f"/calls/{call['id']}/hangup")
    dashboard.page.route("**/calls/*/sip?*", lambda route: route.fulfill(json={"data": NO_TRACE, "meta": {}}))
    dashboard.go(f"/calls/{call['id']}")
    expect(dashboard.page.get_by_text("It was ended from here or over the API.")).to_be_visible()
    expect(dashboard.page.locator("canvas[data-drawn=yes]")).to_be_visible(timeout=15_000)
    looked_at(dashboard, "call")


NO_TRACE: dict[str, Any] = {"kept": "none", "dropped": 0, "participants": [], "messages": []}


def test_on_a_narrow_screen_the_navigation_is_behind_a_button(
    open_tab: Callable[..., Tab], gateway: Gateway
) -> None:
    dashboard = Dashboard(open_tab(width=360, height=740), gateway.http)
    dashboard.sign_in_with_key(gateway.demo_key)
    page = dashboard.page
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Calls")
    expect(link).to_have_count(0)
    page.get_by_role("button", name="Menu").click()
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_have_count(0)
    page.get_by_role("button", name="Menu").click()
    link.click()
    dashboard.expect_heading("Calls")
    expect(link).to_have_count(0)


def test_it_is_light_and_quick(open_tab: Callable[..., Tab], gateway: Gateway) -> None:
    dashboard = Dashboard(open_tab(), gateway.http)
    dashboard.sign_in_with_key(gateway.demo_key)
    tab = dashboard.tab
    session = tab.context.new_cdp_session(dashboard.page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    dashboard.page.add_init_script(
        """new MutationObserver((_, observer) => {
            if (!document.querySelector("main h1")) return;
            window.__usable = performance.now();
            observer.disconnect();
        }).observe(document, { childList: true, subtree: true });"""
    )
    took: list[float] = []
    for _ in range(3):
        sizes.clear()
        dashboard.page.reload()
        dashboard.expect_heading("Live")
        took.append(dashboard.page.evaluate("window.__usable"))
    assert 0 < sum(sizes) < MOST_BYTES, f"{sum(sizes)} bytes"
    assert min(took) < INTERACTIVE_WITHIN_MS, f"interactive after {took} ms"
    print(f"{sum(sizes):.0f} bytes, interactive after {min(took):.0f} ms")


def test_ten_thousand_calls_are_as_quick_as_ten(
    open_tab: Callable[..., Tab], start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = start_gateway(data=tmp_path / "data")
    in_a_thread(lambda: asyncio.run(many_calls(tmp_path / "data" / "trunkline.db")))
    dashboard = Dashboard(open_tab(), gateway.http)
    dashboard.sign_in_with_key(gateway.demo_key)
    page = dashboard.page
    dashboard.go("/calls")
    expect(page.get_by_text("1 to 50 of 10,000")).to_be_visible()
    assert page.locator("tbody tr").count() == 50
    first = page.locator("tbody tr").first.inner_text()
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("51 to 100 of 10,000")).to_be_visible()
    assert "offset=50" in page.url
    page.get_by_role("spinbutton").fill("200")
    page.get_by_role("spinbutton").press("Enter")
    expect(page.get_by_text("9,951 to 10,000 of 10,000")).to_be_visible()
    page.get_by_label("State").select_option("failed")
    expect(page.get_by_text("1 to 50 of 1,000")).to_be_visible()
    assert "status=failed" in page.url
    assert "offset" not in page.url
    page.reload()
    expect(page.get_by_text("1 to 50 of 1,000")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 1_001
    page.go_back()
    expect(page.get_by_text("9,951 to 10,000 of 10,000")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.get_by_text("1 to 50 of 10,000")).to_be_visible()
    assert page.locator("tbody tr").first.inner_text() == first


def in_a_thread(work: Callable[[], None]) -> None:
    """Run something with a loop of its own: Playwright runs one in this thread."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


async def many_calls(database: Path) -> None:
    """Ten thousand calls that are over, every tenth of them failed."""
    store = await Store.open(f"sqlite:///{database}")
    try:
        (organization,) = await store.organizations.list()
        (agent, *_) = await store.agents.all_agents()
        now = datetime.now(UTC)
        ended = CallRecord(
            id="",
            organization_id=organization.id,
            status=CallStatus.ENDED,
            direction=CallDirection.INBOUND,
            agent_id=agent.id,
            created_at=now,
            phone_number="+14155550100",
            duration_ms=61_000,
        )
        failed = replace(ended, status=CallStatus.FAILED, failure_reason="busy", duration_ms=None)
        for first in range(0, MANY, 1_000):
            await store.calls.save_batch(
                [
                    replace(
                        failed if number % 10 == 0 else ended,
                        id=uuid7(),
                        created_at=now - timedelta(hours=2, seconds=number),
                    )
                    for number in range(first, first + 1_000)
                ],
                [],
            )
    finally:
        await store.close()
