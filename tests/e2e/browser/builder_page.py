"""The builder's pages of the dashboard in a browser: who is in, and the pieces that all pages are made of."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.browser.tab import Tab

# What the dashboard keeps of it that somebody has signed in here.
SIGNED_IN = 'localStorage.setItem("trunkline.signed-in", "1")'
QUIET_MS = 250


class Builder:
    """One reader with the session of a key."""

    def __init__(self, tab: Tab, base: str, key: str) -> None:
        self.tab = tab
        self.page = tab.page
        self.base = base
        opened = tab.context.request.post(
            f"{base}/api/public/v1/session", headers={"X-Trunkline-Dashboard": "1"}, data={"api_key": key}
        )
        assert opened.ok, opened.text()
        tab.context.add_init_script(SIGNED_IN)
        self.page.goto(f"{base}/dashboard/#/keys")
        self.expect_heading("API keys")

    def go(self, path: str) -> None:
        """Follow a link within the dashboard, and wait until nothing is loading any more."""
        self.page.evaluate("path => { location.hash = path; }", path)
        expect(self.page.locator("main h1")).to_be_visible()
        self.settled()

    def settled(self) -> None:
        """Nothing is on its way."""
        expect(self.page.locator("main .loading")).to_have_count(0)
        self.page.wait_for_load_state("networkidle")

    def expect_heading(self, text: str) -> None:
        expect(self.page.get_by_role("heading", level=1, name=text, exact=True)).to_be_visible()

    def expect_told(self, text: str) -> None:
        """A toast says so."""
        expect(self.page.locator(".toasts").get_by_text(text)).to_be_visible()

    def fill(self, label: str, value: str, within: Locator | None = None) -> None:
        (within or self.page.locator("main")).get_by_label(label, exact=True).first.fill(value)

    def press(self, name: str, within: Locator | None = None) -> None:
        (within or self.page.locator("main")).get_by_role("button", name=name, exact=True).click()

    @property
    def dialog(self) -> Locator:
        return self.page.locator("dialog[open]")

    def row(self, text: str) -> Locator:
        """The row of a table that holds the text."""
        return self.page.locator("main tbody tr", has_text=text)
