"""The builder's pages of the dashboard in a real browser against a real gateway: the main path of each."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Route, expect

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.batch_callee import BatchCallee
from tests.e2e.browser.builder_page import Builder
from tests.e2e.browser.tab import Tab
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO, RECEPTIONIST, Parties
from tests.e2e.webhook_server import WebhookServer

PAGES = {
    "/start": "First steps",
    "/agents": "Agents",
    "/agents/new": "New agent",
    "/call": "Call an agent",
    "/voices": "Voices",
    "/tools": "Tools",
    "/knowledge": "Knowledge",
    "/numbers": "Numbers",
    "/numbers/import": "Import a number",
    "/numbers/buy": "Buy a number",
    "/trunks": "Trunks",
    "/trunks/new": "New trunk",
    "/widgets": "Widgets",
    "/contacts": "Contacts",
    "/campaigns": "Campaigns",
    "/campaigns/new": "New campaign",
    "/webhooks": "Webhooks",
    "/keys": "API keys",
    "/rejections": "Refused calls",
    "/explain": "Explain a route",
}
LOOKS = {
    "wide and light": {"width": 1440, "height": 900, "color_scheme": "light"},
    "narrow and dark": {"width": 360, "height": 740, "color_scheme": "dark"},
}
CSV = "Phone,First name,Plan\n+4930900001,Ada,gold\n+4930900002,Grace,\nnot a number,Nobody,\n"

Open = Callable[..., Builder]


@pytest.fixture
def builder_of(open_tab: Callable[..., Tab], gateway: Gateway) -> Open:
    """Opens a browser with the session of a key, the demonstration's when none is given."""

    def open_one(key: str = "", at: Gateway = gateway, **options: Any) -> Builder:
        return Builder(open_tab(**options), at.http, key or at.demo_key)

    return open_one


@pytest.fixture
def builder(builder_of: Open) -> Builder:
    return builder_of()


@pytest.fixture(scope="module")
def empty_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """An installation that holds nothing but the key to it."""
    with watched(Gateway(tmp_path_factory.mktemp("empty"), environment=UNLIMITED)) as running:
        emptied(running)
        yield running


def emptied(gateway: Gateway) -> None:
    """Take away what the demonstration begins with."""
    with closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        for path in ("/telephony/numbers", "/trunks", "/agents"):
            for item in api.get(path):
                api.http.delete(f"{path}/{item['id']}").raise_for_status()


def page_works(builder: Builder, path: str, title: str) -> None:
    builder.go(path)
    builder.expect_heading(title)
    builder.tab.assert_fits()
    builder.tab.assert_accessible()


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_opens_with_nothing_in_it(builder_of: Open, empty_gateway: Gateway, look: str) -> None:
    builder = builder_of(at=empty_gateway, **LOOKS[look])
    for path, title in PAGES.items():
        page_works(builder, path, title)
    for path in ("/agents", "/numbers", "/trunks", "/contacts", "/campaigns", "/webhooks", "/rejections"):
        builder.go(path)
        expect(builder.page.locator(".state h2")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_opens_with_data(builder_of: Open, api: ApiClient, furnished: Json, look: str) -> None:
    builder = builder_of(**LOOKS[look])
    pages = PAGES | {
        f"/agents/{furnished['agent']['id']}": furnished["agent"]["name"],
        f"/numbers/{furnished['number']['id']}": furnished["number"]["phone_number"],
        f"/trunks/{furnished['trunk']['id']}": furnished["trunk"]["name"],
        f"/webhooks/{furnished['webhook']['id']}": "Webhook",
        f"/campaigns/{furnished['campaign']['id']}": furnished["campaign"]["name"],
        f"/explain?to=%2B{RECEPTIONIST[1:]}": "Explain a route",
    }
    for path, title in pages.items():
        page_works(builder, path, title)
        place = re.sub(r"[0-9a-f-]{36}", "one", path.partition("?")[0]).replace("/", "-")
        builder.tab.screenshot(f"{place[1:]}-{LOOKS[look]['width']}")


@pytest.fixture(scope="module")
def furnished(gateway: Gateway) -> Iterator[Json]:
    """One of each thing, with names that are not short."""
    with closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        folder = api.post("/folders", {"name": "Everybody whose contract ends in the fourth quarter"})
        for digit in range(3):
            contact = {"phone_number": f"+4930900010{digit}", "folder_id": folder["id"], "first_name": "Ada"}
            api.post(
                "/contacts", contact | {"company_name": "Analytical Engines", "email": "ada@example.com"}
            )
        agent = next(a for a in api.get("/agents") if a["outbound_phone_numbers"])
        made = {
            "agent": agent,
            "number": api.get("/telephony/numbers")[0],
            "trunk": api.get("/trunks")[0],
            "webhook": api.post("/webhooks", {"url": f"{gateway.http}/a/{'very-long-' * 9}address"}),
            "campaign": api.post(
                "/batch-calls", {"name": "Renewals", "agent_id": agent["id"], "folder_id": folder["id"]}
            ),
        }
        tool = api.post(
            "/tools",
            {
                "modelToolName": "look_up_order",
                "description": "Finds an order.",
                "http": {"url": "https://tools.example.com/orders", "method": "GET"},
            },
        )
        yield made
        for path in (
            f"/batch-calls/{made['campaign']['id']}",
            f"/webhooks/{made['webhook']['id']}",
            f"/folders/{folder['id']}",
            f"/tools/{tool['id']}",
        ):
            api.http.delete(path).raise_for_status()


def test_an_empty_installation_leads_to_a_first_call_in_less_than_a_minute(
    open_tab: Callable[..., Tab], start_gateway: Callable[..., Gateway]
) -> None:
    gateway = start_gateway()
    emptied(gateway)
    builder = Builder(open_tab(), gateway.http, gateway.demo_key)
    builder.page.evaluate("history.replaceState(null, '', '/dashboard/')")
    begun = time.monotonic()
    builder.page.reload()
    builder.expect_heading("First steps")
    expect(builder.page.get_by_label("Voice *")).not_to_have_value("")
    builder.press("Make it")
    builder.press("Call Receptionist")
    builder.tab.wait_for_sound()
    first_call_s = time.monotonic() - begun
    expect(builder.page.locator(".said-agent").first).to_contain_text("Hello")
    expect(builder.page.locator(".said-contact").first).to_contain_text("speech", timeout=20_000)
    builder.tab.assert_fits()
    builder.tab.assert_accessible()
    builder.tab.screenshot("first-call")
    builder.press("Hang up")
    expect(builder.page.get_by_role("status").filter(has_text="The call is over")).to_be_visible()
    with closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        call = api.wait_for_call(lambda each: each["status"] == "ended")
        assert call["direction"] == "webrtc"
    print(f"from the address to the agent's first words: {first_call_s:.1f} s")
    assert first_call_s < 60


def test_a_telephone_is_called_from_the_page(builder: Builder, api: ApiClient, furnished: Json) -> None:
    builder.go(f"/call?agent={furnished['agent']['id']}")
    builder.tab.allow_errors("422")
    builder.fill("Your number *", "0900")
    builder.press("Call this number")
    expect(builder.page.locator(".field-bad")).to_contain_text("E.164")
    builder.fill("Your number *", "+49 30 900 0555")
    builder.press("Call this number")
    builder.expect_told("It rings.")
    call = api.wait_for_call(lambda each: each["phone_number"] == "+49309000555")
    assert call["agent_id"] == furnished["agent"]["id"]
    api.http.post(f"/calls/{call['id']}/cancel")


def test_a_page_that_cannot_load_says_so_and_tries_again(builder: Builder) -> None:
    builder.tab.allow_errors("500")
    lists = re.compile(r"/api/public/v1/contacts\?")
    body = '{"error": {"code": "internal_error", "message": "The database is away.", "details": {}}}'
    builder.page.route(lists, lambda route: route.fulfill(status=500, body=body))
    builder.page.evaluate("location.hash = '/contacts'")
    expect(builder.page.get_by_role("alert")).to_contain_text("The database is away.")
    builder.page.unroute(lists)
    builder.press("Try again")
    expect(builder.page.get_by_role("alert")).to_have_count(0)


def test_an_agent_is_made_changed_and_deleted(builder: Builder, api: ApiClient) -> None:
    builder.go("/agents/new")
    builder.press("Survey Asks three questions and thanks for the answers.")
    builder.fill("Name *", "")
    expect(builder.page.get_by_label("Voice", exact=False).first).not_to_have_value("")
    builder.tab.allow_errors("422")
    builder.press("Make the agent")
    expect(builder.page.locator(".field-bad").first).to_contain_text("Name")
    builder.fill("Name *", "Questioner")
    builder.press("Make the agent")
    builder.expect_heading("Questioner")
    expect(builder.page.get_by_text("active", exact=True)).to_be_visible()
    builder.page.get_by_text("Call length and recording").click()
    builder.page.get_by_label("Record calls").check()
    builder.fill("Longest call, in seconds", "0")
    builder.press("Save")
    expect(builder.page.locator(".field-bad")).to_contain_text("Longest call")
    builder.fill("Longest call, in seconds", "90")
    builder.page.get_by_text("When the caller is silent").click()
    builder.press("Add a message")
    builder.fill("It says", "Are you still there?")
    builder.press("Save")
    builder.expect_told("Saved. It counts from the next call on.")
    made = api.get("/agents", name="Questioner")[0]
    assert (made["recording_enabled"], made["max_duration"]) == (True, "90s")
    assert made["inactivity_messages"][0]["message"] == "Are you still there?"
    assert made["system_prompt"].startswith("You ask {{first_name}}"), "what was not touched stayed"
    builder.press("Delete")
    builder.press("Delete", builder.dialog)
    builder.expect_heading("Agents")
    assert api.get("/agents", name="Questioner") == []


def test_a_voice_is_heard_before_it_is_chosen(builder: Builder) -> None:
    builder.go("/agents/new")
    builder.page.get_by_role("button", name=re.compile("^Hear ")).click()
    player = builder.page.locator("audio")
    expect(player).to_be_visible()
    builder.tab.wait_until(lambda: player.evaluate("one => one.duration") > 0.5, what="sound of the voice")


def test_a_voice_that_comes_too_late_is_not_played_as_another(builder: Builder) -> None:
    builder.go("/agents/new")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    builder.page.route("**/voices/*/preview", hold)
    hear = builder.page.get_by_role("button", name=re.compile("^Hear "))
    first = hear.inner_text()
    hear.click()
    builder.tab.wait_until(lambda: len(held) == 1, what="the request")
    builder.page.get_by_label("Voice", exact=False).first.select_option(index=2)
    expect(hear).not_to_have_text(first)
    expect(hear).to_be_enabled()
    with suppress(Error):  # the page does not wait for it any more
        held[0].fulfill(status=200, content_type="audio/wav", body=b"RIFF")
    builder.page.evaluate("fetch('/api/public/v1/session').then((answer) => answer.text())")
    expect(builder.page.locator("audio")).to_have_count(0)


def test_a_number_is_given_to_an_agent_by_choice_and_by_dragging(
    builder: Builder, api: ApiClient, furnished: Json
) -> None:
    agent = api.post(
        "/agents",
        {"name": "Taker", "voice_id": furnished["agent"]["voice_id"], "system_prompt": "Take calls."},
    )
    builder.go("/numbers/import")
    builder.tab.allow_errors("422")
    builder.fill("Number *", "12345")
    builder.press("Import")
    expect(builder.page.locator(".field-bad")).to_contain_text("E.164")
    builder.fill("Number *", "+49 30 900-0777")
    builder.press("Import")
    builder.expect_heading("+49309000777")
    builder.go("/numbers")
    builder.page.get_by_label("Agent of +49309000777").select_option(label="Taker")
    builder.expect_told("+49309000777 belongs to Taker now.")
    number = api.get("/telephony/numbers", phone_number="+49309000777")[0]
    assert number["inbound_agent_id"] == number["outbound_agent_id"] == agent["id"]
    chip = builder.page.locator(".chip", has_text="+49309000777")
    chip.drag_to(builder.page.locator("[data-agent='Nobody']"))
    builder.expect_told("+49309000777 belongs to nobody now.")
    assert api.get(f"/telephony/numbers/{number['id']}")["inbound_agent_id"] is None
    builder.go(f"/numbers/{number['id']}")
    builder.fill("Calls at once", "3")
    builder.press("Save")
    builder.expect_told("Saved.")
    assert api.get(f"/telephony/numbers/{number['id']}")["max_concurrent_calls"] == 3
    builder.press("Give back")
    builder.press("Give it back", builder.dialog)
    builder.expect_heading("Numbers")
    expect(builder.row("+49309000777")).to_have_count(0)
    api.http.delete(f"/agents/{agent['id']}").raise_for_status()


def test_a_trunk_is_made_from_a_preset_and_its_connection_tested(builder: Builder, api: ApiClient) -> None:
    with BatchCallee(lambda number: "answer") as pbx:
        builder.go("/trunks/new")
        builder.press("Asterisk or FreePBX A PJSIP trunk between two addresses that know each other.")
        builder.press("Make the trunk")
        expect(builder.page.locator(".field-bad").first).to_contain_text("is needed")
        builder.fill("Address of the PBX *", pbx.address)
        builder.fill("Calls come from *", "192.0.2.10\n192.0.2.300")
        builder.tab.allow_errors("422")
        builder.press("Make the trunk")
        expect(builder.page.locator(".field-bad").first).to_contain_text("192.0.2.300")
        builder.fill("Calls come from *", "192.0.2.10")
        builder.press("Make the trunk")
        builder.expect_heading("Asterisk")
        expect(builder.page.locator(".test-result")).to_contain_text("It is there", timeout=15_000)
    trunk = next(each for each in api.get("/trunks") if each["name"] == "Asterisk")
    assert trunk["codecs"] == ["G722", "PCMU", "PCMA"]
    assert trunk["outbound"]["probe_interval"] == 30
    builder.fill("Name *", "Head office")
    builder.press("Save")
    builder.expect_told("Saved.")
    builder.press("Delete")
    builder.press("Delete", builder.dialog)
    builder.expect_heading("Trunks")
    expect(builder.row("Head office")).to_have_count(0)


def test_a_trunks_password_for_calls_in_is_kept_when_something_else_changes(
    builder: Builder, api: ApiClient
) -> None:
    inbound = {"auth_username": "branch", "auth_password": "a long password"}
    trunk = api.post("/trunks", {"name": "Branch", "inbound": inbound})
    builder.go(f"/trunks/{trunk['id']}")
    builder.fill("Name *", "Branch office")
    builder.press("Save")
    builder.expect_told("Saved.")
    kept = api.get(f"/trunks/{trunk['id']}")
    assert kept["name"] == "Branch office"
    assert (kept["inbound"]["auth_username"], kept["inbound"]["auth_password_set"]) == ("branch", True)
    api.http.delete(f"/trunks/{trunk['id']}").raise_for_status()


def test_what_else_a_trunk_has_is_kept_when_its_calls_are_set(builder: Builder, api: ApiClient) -> None:
    inbound = {"auth_username": "site", "auth_password": "a long password", "registrar": {"max_contacts": 7}}
    outbound = {
        "address": "one.invalid",
        "targets": [
            {"address": "one.invalid", "priority": 1},
            {"address": "two.invalid", "transport": "tcp"},
        ],
        "failover": {"codes": [503], "timeout": 2.0, "put_aside": 30},
        "caller_identity": {"display_name": "agent", "private": True},
    }
    trunk = api.post("/trunks", {"name": "Site", "inbound": inbound, "outbound": outbound})
    builder.go(f"/trunks/{trunk['id']}")
    builder.page.get_by_text("In a call", exact=True).click()
    builder.page.get_by_label("The far side may send the call on (REFER)").check()
    builder.page.get_by_label("Until the answer a caller hears").select_option("tone")
    builder.press("Save")
    builder.expect_told("Saved.")
    kept = api.get(f"/trunks/{trunk['id']}")
    assert kept["dialog"] == {"allow_refer": True, "allow_messages": False, "ringback": "tone"}
    for name in ("targets", "failover", "caller_identity"):
        assert kept["outbound"][name] == trunk["outbound"][name]
    assert kept["inbound"] == trunk["inbound"]
    api.http.delete(f"/trunks/{trunk['id']}").raise_for_status()


def test_a_widget_is_made_and_its_lines_shown(builder: Builder, api: ApiClient) -> None:
    builder.go("/widgets")
    builder.press("New widget")
    builder.fill("Name *", "Shop", builder.dialog)
    builder.fill("On these pages", "shop.example", builder.dialog)
    builder.tab.allow_errors("422")
    builder.press("Make the widget", builder.dialog)
    expect(builder.dialog.locator(".field-bad")).to_contain_text("On these pages")
    builder.fill("On these pages", "https://shop.example", builder.dialog)
    builder.press("Make the widget", builder.dialog)
    expect(builder.dialog.locator("code")).to_contain_text("/widget.js")
    widget = next(each for each in api.get("/widgets") if each["name"] == "Shop")
    expect(builder.dialog).to_contain_text(f'<trunkline-call widget="{widget["public_id"]}">')
    builder.press("Close", builder.dialog)
    builder.fill("Their origins", "https://www.example.com")
    builder.press("Save")
    builder.expect_told("Saved.")
    assert api.get("/webrtc/allowed-origins")["allowed_origins"] == ["https://www.example.com"]
    api.http.put("/webrtc/allowed-origins", json={"allowed_origins": []}).raise_for_status()
    builder.press("Delete Shop")
    builder.press("Delete", builder.dialog)
    expect(builder.row("Shop")).to_have_count(0)


def test_contacts_come_from_a_file_with_a_report_and_are_searched(
    builder: Builder, api: ApiClient, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(CSV, encoding="utf-8")
    builder.go("/contacts")
    builder.press("New folder")
    builder.fill("Name *", "Computers", builder.dialog)
    builder.press("Make the folder", builder.dialog)
    builder.expect_told("Computers was made.")
    builder.press("Import CSV")
    builder.dialog.get_by_label("CSV file").set_input_files(file)
    builder.press("Import", builder.dialog)
    expect(builder.dialog.locator(".figure", has_text="New")).to_contain_text("2")
    expect(builder.dialog.locator("tbody tr")).to_contain_text("4phone_number")
    builder.tab.assert_accessible()
    builder.press("Done", builder.dialog)
    builder.fill("Search", "ada")
    expect(builder.row("+4930900001")).to_be_visible()
    expect(builder.row("+4930900002")).to_have_count(0)
    builder.press("+4930900001")
    builder.fill("Last name", "Lovelace", builder.dialog)
    builder.press("Save", builder.dialog)
    expect(builder.row("Ada Lovelace")).to_be_visible()
    assert api.get("/contacts", search="lovelace")[0]["metadata"] == {"Plan": "gold"}
    builder.press("Delete the folder")
    builder.press("Delete", builder.dialog)
    builder.expect_told("The folder was deleted.")
    assert api.get("/contacts", search="lovelace") == []


def test_a_campaign_is_made_started_paused_resumed_and_cancelled(
    builder: Builder, api: ApiClient, furnished: Json
) -> None:
    with BatchCallee(lambda number: "answer", hold_s=0.4) as callee:
        trunk = api.post("/trunks", {"name": "campaign", "outbound": {"address": callee.address}})
        voice = furnished["agent"]["voice_id"]
        agent = api.post(
            "/agents", {"name": "Dialler", "voice_id": voice, "system_prompt": "[scenario:echo]"}
        )
        number = api.post(
            "/telephony/numbers/import", {"phone_number": "+49309000888", "trunk_id": trunk["id"]}
        )
        api.post("/telephony/numbers/assign", {"number_id": number["id"], "agent_id": agent["id"]})
        api.wait_until_active(agent["id"])
        builder.go("/campaigns/new")
        builder.fill("Name *", "Two lines")
        builder.page.get_by_label("Agent", exact=False).first.select_option(label="Dialler")
        builder.page.get_by_label("Calls", exact=True).select_option(label="these numbers")
        builder.fill("Numbers *", "".join(f"+493090002{at:02}\n" for at in range(8)))
        builder.page.get_by_label("Only at these times").uncheck()
        builder.page.get_by_text("Speed and numbers").click()
        builder.fill("Calls at once", "1")
        builder.press("Make the campaign")
        builder.expect_heading("Two lines")
        builder.press("Start")
        builder.press("Start", builder.dialog)
        builder.expect_told("It has begun.")
        answered = builder.page.locator(".figure:has(:text-is('Answered')) .figure-value")
        expect(answered).not_to_have_text("0", timeout=15_000)
        builder.press("Pause")
        builder.expect_told("Paused.")
        expect(builder.page.locator("main .page-head").get_by_text("paused")).to_be_visible()
        builder.press("Resume")
        builder.expect_told("It goes on.")
        builder.press("Cancel it")
        builder.press("Cancel it", builder.dialog)
        builder.expect_told("Cancelled.")
        expect(builder.page.locator("main .page-head").get_by_text("cancelled")).to_be_visible()
        builder.page.locator("main form").get_by_label("State").select_option("cancelled")
        expect(builder.row("+4930900020").first).to_contain_text("cancelled")
        campaign = next(each for each in api.get("/batch-calls") if each["name"] == "Two lines")
        assert campaign["statistics"]["cancelled"] > 0
        assert campaign["statistics"]["completed"] > 0
        builder.tab.wait_until(lambda: callee.live == 0, what="end of the calls")
    for path in (f"/telephony/numbers/{number['id']}", f"/trunks/{trunk['id']}", f"/agents/{agent['id']}"):
        api.http.delete(path).raise_for_status()


def test_a_webhook_is_made_tested_and_what_was_given_up_sent_again(builder: Builder, api: ApiClient) -> None:
    answers = {"status": 200}
    with WebhookServer(lambda event, attempt: answers["status"]) as receiver:
        builder.go("/webhooks")
        builder.press("New endpoint")
        builder.fill("Address *", "ftp://example.com", builder.dialog)
        builder.tab.allow_errors("422")
        builder.press("Make the endpoint", builder.dialog)
        expect(builder.dialog.locator(".field-bad")).to_contain_text("Address")
        builder.fill("Address *", f"{receiver.url}/hooks", builder.dialog)
        builder.press("Make the endpoint", builder.dialog)
        secret = builder.dialog.locator("code").inner_text()
        assert secret.startswith("whsec_")
        builder.press("I have kept it", builder.dialog)
        builder.expect_heading("Webhook")
        assert secret not in builder.page.content(), "it is shown once"
        builder.press("Send a test event")
        expect(builder.page.locator(".test-result")).to_contain_text("It answered 200")
        answers["status"] = 410  # the receiver is gone, and says so: it is not asked again
        call = api.place_call(agent_with_number(api)["id"], "+49309009999")
        api.http.post(f"/calls/{call['id']}/cancel").raise_for_status()
        builder.press("Refresh")
        delivery = builder.row("call.").first
        expect(delivery).to_contain_text("given up", timeout=15_000)
        delivery.get_by_role("button").first.click()
        expect(builder.dialog.locator("pre")).to_contain_text(call["id"])
        builder.tab.assert_accessible()
        builder.press("Close", builder.dialog)
        answers["status"] = 200
        builder.page.reload()
        expect(builder.page.get_by_text("Switched off:")).to_be_visible()
        builder.press("Switch on")
        builder.expect_told("Switched on.")
        builder.press("Send again what was given up")
        expect(builder.row("call.").first).to_contain_text("delivered", timeout=15_000)
        assert receiver.wait_for(lambda taken: any(each.json["event"].startswith("call.") for each in taken))
        builder.press("New secret")
        builder.press("Make it", builder.dialog)
        newer = builder.page.locator("dialog[open] code").last
        expect(newer).to_contain_text("whsec_")
        assert newer.inner_text() != secret
        builder.press("I have kept it", builder.page.locator("dialog[open]").last)
        builder.press("Delete")
        builder.press("Delete", builder.dialog)
        builder.expect_heading("Webhooks")


def test_a_key_is_shown_once_and_revoked(builder: Builder, gateway: Gateway) -> None:
    builder.go("/keys")
    builder.press("New key")
    builder.fill("Name *", "Reports", builder.dialog)
    builder.fill("Good from these addresses and networks alone", "nowhere", builder.dialog)
    builder.tab.allow_errors("422")
    builder.press("Make the key", builder.dialog)
    expect(builder.dialog.locator(".field-bad")).to_contain_text("Good from")
    builder.fill("Good from these addresses and networks alone", "127.0.0.0/8", builder.dialog)
    builder.press("Make the key", builder.dialog)
    key = builder.dialog.locator("code").inner_text()
    builder.press("I have kept it", builder.dialog)
    assert key not in builder.page.content()
    with closing(ApiClient(gateway.http, key)) as client:
        assert client.get("/agents"), "the key is good"
        builder.row("Reports").get_by_role("button", name="Revoke Reports").click()
        builder.press("Revoke", builder.dialog)
        expect(builder.row("Reports")).to_contain_text("revoked")
        assert client.http.get("/agents").status_code == 401


def test_a_route_is_explained_and_so_is_a_refusal(builder: Builder) -> None:
    builder.go("/explain")
    builder.fill("Number dialled *", ECHO)
    builder.fill("Address it comes from", "127.0.0.1")
    builder.press("Explain")
    expect(builder.page.get_by_role("heading", name="It would be put through")).to_be_visible()
    expect(builder.page.locator(".explain-step").last).to_be_visible()
    builder.fill("Number dialled *", "+4999999")
    builder.press("Explain")
    expect(builder.page.get_by_role("heading", name="It would be refused")).to_be_visible()
    expect(builder.page.get_by_text("To put it right:")).to_be_visible()
    builder.fill("Address it comes from", "here")
    builder.tab.allow_errors("422")
    builder.press("Explain")
    expect(builder.page.locator(".field-bad")).to_contain_text("Address it comes from")
    builder.page.get_by_label("Which").select_option("outbound")
    builder.page.get_by_label("Agent", exact=False).first.select_option(label="Receptionist")
    builder.fill("Whom it calls *", "+4930900123")
    builder.press("Explain")
    expect(builder.page.get_by_role("heading", name="It would be put through")).to_be_visible()


def test_refused_calls_tell_why_and_who_is_not_listened_to_can_be_heard_again(
    builder: Builder, parties: Parties
) -> None:
    parties.caller("refused", number="+4930555").sip.finish()
    ban = {"source": "203.0.113.9", "reason": "scanner", "dropped": 12, "until": "2099-01-01T00:00:00Z"}
    body = json.dumps(
        {"data": [ban], "pagination": {"total": 1, "limit": 50, "offset": 0, "has_more": False}}
    )
    builder.page.route(re.compile(r"/bans\?"), lambda route: route.fulfill(body=body))
    lifted: list[str] = []

    def lift(route: Route) -> None:
        lifted.append(f"{route.request.method} {route.request.url.rpartition('/')[2]}")
        route.fulfill(status=204)

    builder.page.route(re.compile(r"/bans/"), lift)
    builder.go("/rejections")
    refused = builder.row("+4930555").first
    expect(refused).to_contain_text("404")
    refused.get_by_role("button").click()
    expect(builder.dialog).to_contain_text("To put it right:")
    builder.tab.assert_accessible()
    builder.dialog.get_by_role("link", name="Would it be routed now?").click()
    expect(builder.page.get_by_role("heading", name="It would be refused")).to_be_visible()
    builder.go("/rejections")
    builder.press("Listen to 203.0.113.9 again")
    builder.expect_told("203.0.113.9 is listened to again.")
    assert lifted == ["DELETE 203.0.113.9"]


def test_who_only_reads_is_offered_nothing_to_change(
    builder_of: Open, api: ApiClient, furnished: Json
) -> None:
    made = api.post("/api-keys", {"name": "looks on", "role": "read"})
    reader = builder_of(made["key"])
    changing = re.compile(
        r"^(New|Import|Buy|Save|Delete|Start|Pause|Revoke|Give back|Make|Send a|Send again|Switch|Call)\b"
    )
    for path in (*PAGES, f"/agents/{furnished['agent']['id']}", f"/webhooks/{furnished['webhook']['id']}"):
        if path.endswith(("/new", "/import", "/buy")):
            continue  # nothing leads there
        reader.page.evaluate("path => { location.hash = path; }", path)
        reader.page.wait_for_load_state("networkidle")
        main = reader.page.locator("main")
        expect(main.get_by_role("button", name=changing)).to_have_count(0)
        expect(main.get_by_role("link", name=changing)).to_have_count(0)
    api.http.delete(f"/api-keys/{made['id']}").raise_for_status()


def test_a_page_is_worked_by_keyboard_alone(builder: Builder) -> None:
    builder.go("/webhooks")
    button = builder.page.get_by_role("button", name="New endpoint")
    button.focus()
    builder.page.keyboard.press("Enter")
    expect(builder.dialog).to_be_visible()
    builder.page.keyboard.press("Tab")
    builder.page.keyboard.press("Escape")
    expect(builder.dialog).to_have_count(0)
    expect(button).to_be_focused()


def agent_with_number(api: ApiClient) -> Json:
    agents: list[Json] = api.get("/agents", status="active")
    return next(agent for agent in agents if agent["outbound_phone_numbers"])
