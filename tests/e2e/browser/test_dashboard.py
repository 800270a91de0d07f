"""The dashboard in a real browser against a real gateway: signing in, watching calls, acting on them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.api_client import ApiClient
from tests.e2e.browser.dashboard_page import PASSWORD, Dashboard
from tests.e2e.browser.tab import Tab
from tests.e2e.gateway_process import Gateway
from tests.e2e.live_caller import LiveCaller
from tests.e2e.parties import ECHO, RECEPTIONIST, Parties
from tests.support.audio import tone, tone_level_dbfs

Open = Callable[..., Dashboard]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def dashboard_of(open_tab: Callable[..., Tab], gateway: Gateway) -> Open:
    """Opens a browser that nobody has signed in with yet."""

    def open_one(**options: object) -> Dashboard:
        return Dashboard(open_tab(**options), gateway.http)

    return open_one


@pytest.fixture
def dashboard(dashboard_of: Open, gateway: Gateway) -> Dashboard:
    """Signed in with the demonstration's key."""
    opened = dashboard_of()
    opened.sign_in_with_key(gateway.demo_key)
    return opened


@pytest.fixture(scope="module")
def reader(gateway: Gateway) -> Iterator[str]:
    """The name of a user who may only look on."""
    headers = {"Authorization": f"Bearer {gateway.demo_key}"}
    with httpx.Client(base_url=f"{gateway.http}/api/public/v1", headers=headers) as client:
        body = {"username": "grace", "password": PASSWORD, "role": "read"}
        user = client.post("/users", json=body).raise_for_status().json()["data"]
        yield user["username"]
        client.delete(f"/users/{user['id']}").raise_for_status()


@contextlib.contextmanager
def in_the_background(
    caller: LiveCaller,
) -> Iterator[tuple[LiveCaller, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """A caller on a loop of its own: a browser's tests are not asynchronous. The second value runs something
    there and gives what comes of it.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    try:
        run(caller.__aenter__())
        try:
            yield caller, run
        finally:
            run(caller.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def test_a_browser_at_the_root_comes_to_the_dashboard_and_signs_in_by_key(
    dashboard_of: Open, gateway: Gateway
) -> None:
    dashboard = dashboard_of()
    dashboard.page.goto(gateway.http)
    assert dashboard.page.url == f"{gateway.http}/dashboard/"
    dashboard.sign_in_with_key(gateway.demo_key)
    (cookie,) = dashboard.tab.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert dashboard.page.evaluate("document.cookie") == ""
    stored = dashboard.page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
    assert gateway.demo_key not in stored
    dashboard.page.reload()
    dashboard.expect_heading("Live")
    dashboard.page.get_by_role("button", name="Sign out").click()
    dashboard.expect_heading("Sign in")
    dashboard.page.reload()
    dashboard.expect_heading("Sign in")


def test_a_wrong_password_is_told_and_the_right_one_lets_in(dashboard_of: Open, reader: str) -> None:
    dashboard = dashboard_of()
    dashboard.tab.allow_errors("401")
    dashboard.sign_in(reader, "wrong password")
    expect(dashboard.page.get_by_role("alert")).to_contain_text("refused")
    dashboard.sign_in(reader.upper())
    dashboard.expect_heading("Live")
    expect(dashboard.page.get_by_role("banner")).to_contain_text("reads only")


def test_who_may_only_look_on_is_offered_nothing_else_and_could_do_nothing_else(
    dashboard_of: Open, reader: str, parties: Parties, api: ApiClient
) -> None:
    dashboard = dashboard_of()
    dashboard.sign_in(reader)
    dashboard.expect_heading("Live")
    parties.connected_caller(scenario="far_end_hangs_up")
    call = api.wait_for_call(lambda call: call["status"] == "in-progress")
    row = dashboard.live_row(call["id"])
    expect(row).to_contain_text("in progress")
    expect(row.get_by_role("button")).to_have_count(0)
    dashboard.tab.allow_errors("403")
    status = dashboard.page.evaluate(
        """async id => (await fetch(`/api/public/v1/calls/${id}/hangup`, {
            method: "POST", headers: { "X-Trunkline-Dashboard": "1" } })).status""",
        call["id"],
    )
    assert status == 403
    assert api.call(call["id"])["status"] == "in-progress"
    api.post(f"/calls/{call['id']}/hangup")
    expect(row).to_have_count(0)


def test_the_page_of_another_site_can_do_nothing_with_the_session(
    dashboard: Dashboard, gateway: Gateway, api: ApiClient
) -> None:
    """The other site is the same machine under another name, as near as a site can come."""
    page = dashboard.tab.context.new_page()
    elsewhere = gateway.http.replace("127.0.0.1", "localhost")
    page.goto(f"{elsewhere}/healthz")
    folders = len(api.get("/folders"))
    outcomes = page.evaluate(
        """async url => {
            const attempts = [
                { method: "POST", credentials: "include", headers: { "Content-Type": "text/plain" } },
                { method: "POST", credentials: "include", mode: "no-cors" },
                { method: "POST", credentials: "include", headers: { "X-Trunkline-Dashboard": "1" } },
            ];
            const outcomes = [];
            for (const attempt of attempts) {
                try {
                    const answer = await fetch(url, { ...attempt, body: '{"name": "stolen"}' });
                    outcomes.push(answer.type === "opaque" ? "opaque" : answer.status);
                } catch { outcomes.push("refused"); }
            }
            return outcomes;
        }""",
        f"{gateway.http}/api/public/v1/folders",
    )
    assert outcomes == ["refused", "opaque", "refused"]
    assert len(api.get("/folders")) == folders
    page.close()


def test_a_call_appears_is_heard_and_is_hung_up(
    dashboard: Dashboard, parties: Parties, api: ApiClient
) -> None:
    caller = parties.connected_caller(number=ECHO, scenario="far_end_hangs_up")
    call = api.wait_for_call(lambda call: call["status"] == "in-progress")
    row = dashboard.live_row(call["id"])
    expect(row).to_contain_text("in progress", timeout=3_000)
    expect(row).to_contain_text("Echo")
    row.get_by_role("button", name="Listen to").click()
    expect(row.get_by_role("button", name="Listen to")).to_have_attribute("aria-pressed", "true")
    caller.audio.speak(tone(1_000, 6_000))

    def heard() -> bool:
        left, _, rate = dashboard.played()
        return len(left) > rate and tone_level_dbfs(left[-rate:], 1_000, rate) > -25

    dashboard.tab.wait_until(heard, 8, "the caller's tone in the left ear")
    left, _, rate = dashboard.played()
    assert tone_level_dbfs(left[-rate:], 1_700, rate) < -45, "noise"
    expect(row.get_by_role("img", name="Contact: -")).to_be_visible()
    row.get_by_role("button", name="Listen to").click()
    row.get_by_role("button", name="Hang up on").click()
    dashboard.page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
    expect(row).to_have_count(0, timeout=5_000)
    expect(dashboard.page.get_by_role("status")).to_contain_text(["", "The call has ended."])
    assert api.wait_for_status(call["id"], "ended")["end_reason"] == "api-hangup"


def test_a_transfer_is_asked_for_and_a_poor_target_told_at_its_field(
    dashboard: Dashboard, gateway: Gateway, api: ApiClient
) -> None:
    with in_the_background(LiveCaller(gateway, RECEPTIONIST)) as (caller, run):
        caller.phone.answer_in_dialog = False
        dashboard.live_row(caller.call_id).get_by_role("button", name="Transfer").click()
        dialog = dashboard.page.get_by_role("dialog")
        dashboard.tab.allow_errors("422")
        dialog.get_by_label("To").fill("nowhere at all")
        dialog.get_by_role("button", name="Transfer").click()
        expect(dialog.get_by_label("To")).to_have_attribute("aria-invalid", "true")
        dialog.get_by_label("To").fill("+14155550188")
        dialog.get_by_role("button", name="Transfer").click()
        expect(dialog).to_have_count(0)
        refer = run(caller.call.until_request("REFER"))
        assert refer["Refer-To"].startswith("<sip:+14155550188@")
        caller.call.respond(refer, 202, "Accepted")
        sipfrag = (("Event", "refer"), ("Subscription-State", "terminated;reason=noresource"))
        run(
            caller.call.send(
                "NOTIFY", body=b"SIP/2.0 200 OK\r\n", headers=sipfrag, content_type="message/sipfrag"
            )
        )
        bye = run(caller.call.until_request("BYE"))
        caller.call.respond(bye, 200, "OK")
        caller.call.ended = True
        expect(dashboard.live_row(caller.call_id)).to_have_count(0)
        assert api.wait_for_status(caller.call_id, "ended")["end_reason"] == "transferred"
