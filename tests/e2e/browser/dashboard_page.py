"""The dashboard in a browser: signing in, its pages, and what it plays of a call that is listened to."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, expect

from tests.e2e.browser.tab import Tab
from tests.support.audio import Samples

PASSWORD = "correct horse battery"

_LOUDSPEAKER = (Path(__file__).parent / "loudspeaker.js").read_text(encoding="utf-8")


class Dashboard:
    """One reader's dashboard."""

    def __init__(self, tab: Tab, base: str) -> None:
        self.tab = tab
        self.page = tab.page
        self.base = base
        self.name = ""  # of the screen, for pictures
        tab.context.add_init_script(_LOUDSPEAKER)

    def open(self, path: str = "") -> None:
        """Load the page anew at this place, such as `/calls`."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.base}/dashboard/#{path}")

    def go(self, path: str) -> None:
        """Follow a link within the page."""
        self.page.evaluate("path => { location.hash = path; }", path)

    def sign_in_with_key(self, key: str) -> None:
        self.open()
        self.page.get_by_role("button", name="Use an API key instead").click()
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.expect_heading("Live")

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        self.open()
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.keyboard.press("Enter")

    def expect_heading(self, text: str) -> None:
        expect(self.page.get_by_role("heading", level=1, name=text)).to_be_visible()

    def live_row(self, call_id: str) -> Locator:
        """A call's row on the live page."""
        return self.page.locator(f"tr[data-call='{call_id}']")

    def played(self) -> tuple[Samples, Samples, int]:
        """The newest two seconds of what went to the loudspeakers, left and right, and their rate."""
        kept: dict[str, Any] = self.page.evaluate("window.__loudspeaker.take()")
        left, right = (
            np.frombuffer(base64.b64decode(kept[side]), dtype="<i2").astype(np.int16)
            for side in ("left", "right")
        )
        return left, right, kept["rate"]
