"""The widget before and without a call: its looks, its words, and what it says when a call cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Request, expect

from tests.e2e.browser.tab import Tab
from tests.e2e.browser.widget_page import open_shop

OpenTab = Callable[..., Tab]
FAILED_TO_LOAD = "Failed to load resource"


def refusing(status: int, code: str) -> Callable[[Request], tuple[int, str]]:
    return lambda request: (status, json.dumps({"error": {"code": code, "message": "No.", "details": {}}}))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_the_widget_is_accessible_and_fits(open_tab: OpenTab, scheme: Any, width: int) -> None:
    tab = open_tab(width=width, color_scheme=scheme)
    widget = open_shop(tab, '<trunkline-call widget="wgt_1" agent-name="Receptionist"></trunkline-call>')
    expect(widget.get_by_role("button", name="Start a call")).to_be_visible()
    expect(widget.get_by_role("status").first).to_have_text("Ready")
    tab.assert_accessible()
    tab.assert_fits()
    tab.screenshot(f"widget-idle-{scheme}-{width}")


def test_every_word_can_be_said_in_another_language(tab: Tab) -> None:
    widget = open_shop(
        tab,
        '<trunkline-call lang="ar" dir="rtl" widget="wgt_1" agent-name="سارة" text-start="ابدأ مكالمة"'
        ' text-idle="{agent} جاهزة" text-label="مكالمة صوتية"></trunkline-call>',
    )
    expect(widget.get_by_role("button", name="ابدأ مكالمة")).to_be_visible()
    expect(widget.get_by_role("status").first).to_have_text("سارة جاهزة")
    expect(widget.get_by_role("group", name="مكالمة صوتية")).to_be_visible()
    picture = widget.locator("[part='button start'] svg").bounding_box()
    words = widget.locator("[part='button start'] slot span").bounding_box()
    assert picture is not None
    assert words is not None
    assert picture["x"] > words["x"], "the line begins at the right"
    widget.evaluate("element => element.setAttribute('text-start', 'اتصل')")
    expect(widget.get_by_role("button", name="اتصل")).to_be_visible()
    tab.assert_accessible()


def test_a_page_changes_colours_and_words_by_variables_and_slots(tab: Tab) -> None:
    widget = open_shop(
        tab,
        '<trunkline-call widget="wgt_1"><b slot="start">Talk to us</b><i slot="footer">Free</i>'
        "</trunkline-call>",
    )
    tab.page.evaluate("document.documentElement.style.setProperty('--trunkline-accent', 'rgb(120, 20, 60)')")
    button = widget.get_by_role("button", name="Talk to us")
    expect(button).to_have_css("background-color", "rgb(120, 20, 60)")
    expect(tab.page.get_by_text("Free")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "origin_not_allowed", "Calls are not possible from this page."),
        (404, "not_found", "Calls are not possible from this page."),
        (429, "rate_limited", "Too many calls just now. Try again in a moment."),
        (503, "draining", "Too many calls just now. Try again in a moment."),
        (502, "upstream_error", "The call could not be made."),
    ],
)
def test_a_refusal_is_said_in_words_and_can_be_tried_again(
    tab: Tab, status: int, code: str, said: str
) -> None:
    tab.allow_errors(FAILED_TO_LOAD)
    widget = open_shop(tab, '<trunkline-call widget="wgt_1"></trunkline-call>', answer=refusing(status, code))
    widget.get_by_role("button").click()
    expect(widget.get_by_role("alert")).to_have_text(said)
    again = widget.get_by_role("button", name="Call again")
    expect(again).to_be_visible()
    expect(again).to_be_focused()
    tab.assert_accessible()


def test_who_denies_the_microphone_is_told_so_and_no_token_is_asked_for(tab: Tab) -> None:
    asked: list[str] = []

    def answer(request: Request) -> tuple[int, str]:
        asked.append(request.url)
        return 500, "{}"

    widget = open_shop(tab, '<trunkline-call widget="wgt_1"></trunkline-call>', answer=answer)
    tab.page.evaluate(
        """() => {
            const refuse = () => Promise.reject(new DOMException("", "NotAllowedError"));
            navigator.mediaDevices.getUserMedia = refuse;
        }"""
    )
    with tab.page.expect_event("console", lambda message: message.text == "microphone_denied"):
        widget.evaluate("e => e.addEventListener('call-error', ({ detail }) => console.log(detail.code))")
        widget.get_by_role("button").click()
    expect(widget.get_by_role("alert")).to_contain_text("The microphone is blocked.")
    assert not [url for url in asked if "token" in url]


def test_a_page_without_tls_is_told_why_there_is_no_call(tab: Tab) -> None:
    widget = open_shop(
        tab,
        '<trunkline-call widget="wgt_1"></trunkline-call>',
        gateway="http://shop.example",
        origin="http://shop.example",
    )
    widget.get_by_role("button").click()
    expect(widget.get_by_role("alert")).to_have_text("Calls need a secure page (https).")


def test_a_call_starts_by_a_gesture_only(tab: Tab) -> None:
    open_shop(tab, '<trunkline-call widget="wgt_1"></trunkline-call>')
    code = tab.page.evaluate(
        """() => {
            Object.defineProperty(navigator, "userActivation", { value: { hasBeenActive: false } });
            const element = document.querySelector("trunkline-call");
            return new Promise((resolve) => {
                element.addEventListener("call-error", ({ detail }) => resolve(detail.code));
                element.start();
            });
        }"""
    )
    assert code == "gesture_required"
