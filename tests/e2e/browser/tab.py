"""One open page: its audio, its console, how it looks and whether it is accessible."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.e2e.browser.page_audio import EMPTY, PAGE_RATE, Recording, recording_of, resampled
from tests.support.audio import Samples

AUDIBLE = 500  # a sample value that no silence has
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Tab:
    """A page in a context (cookies, storage) of its own."""

    def __init__(self, context: BrowserContext, screenshots: Path) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.errors: list[str] = []  # of the console, and exceptions that nobody caught
        self.requests: list[tuple[str, str, dict[str, str]]] = []  # method, URL and headers, in order
        self._allowed: list[str] = []
        self._screenshots = screenshots
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.page.on("request", lambda r: self.requests.append((r.method, r.url, r.headers)))

    def open(self, url: str) -> Page:
        self.page.goto(url)
        return self.page

    # --- console ---

    def allow_errors(self, *parts: str) -> None:
        """Errors that this test provokes: those whose text contains one of the parts (a status: "404")."""
        self._allowed += parts

    def assert_clean(self) -> None:
        """No console error but those that were allowed."""
        wrong = [error for error in self.errors if not any(part in error for part in self._allowed)]
        assert not wrong, "errors in the page's console:\n" + "\n".join(wrong)

    # --- audio ---

    def heard(self, track: int = -1) -> Recording:
        """What the page played of a remote track so far, after its jitter buffer (the newest track)."""
        return self._recording("heard", track)

    def said(self, track: int = -1) -> Recording:
        """What the microphone gave the page, after its own processing and its mute."""
        return self._recording("said", track)

    def speak(self, samples: Samples, rate: int = PAGE_RATE) -> float:
        """Speak into a scripted microphone (the page must have opened it); when that began, in Unix time."""
        sent = base64.b64encode(resampled(samples, rate, PAGE_RATE).astype("<i2").tobytes()).decode()
        begun: float = self.page.evaluate("text => window.__pageAudio.speak(text)", sent)
        return begun / 1000 - self.clock_offset_s()

    def wait_for_sound(self, seconds: float = 10) -> None:
        """Until the page plays something louder than silence."""
        self.wait_until(lambda: self._loudest(20) > AUDIBLE, seconds, "sound from the far side")

    def wait_for_quiet(self, seconds: float = 20, quiet_s: float = 1.0) -> None:
        """Until the page has played nothing but silence for a while."""
        frames = round(quiet_s * 100)
        self.wait_until(lambda: self._loudest(frames) <= AUDIBLE, seconds, "quiet from the far side")

    def clock_offset_s(self) -> float:
        """What the page's clock is ahead of ours, by the promptest of some questions."""
        asked = []
        for _ in range(8):
            before = time.time()
            there = self.page.evaluate("window.__pageAudio.now()") / 1000
            after = time.time()
            asked.append((after - before, there - (before + after) / 2))
        return min(asked)[1]

    def statistics(self, kind: str) -> list[dict[str, Any]]:
        """The entries of one kind ("inbound-rtp", "candidate-pair") of the newest peer connection's
        statistics.
        """
        found: list[dict[str, Any]] = self.page.evaluate(
            """async kind => {
                const peer = window.__pageAudio.peers.at(-1);
                return peer ? [...(await peer.getStats()).values()].filter(one => one.type === kind) : [];
            }""",
            kind,
        )
        return found

    def selected_candidates(self) -> tuple[str, str]:
        """The kinds of the local and the remote candidate in use ("host", "relay", ...)."""
        pair = next(
            pair
            for pair in self.statistics("candidate-pair")
            if pair.get("nominated") and pair["state"] == "succeeded"
        )
        local = {one["id"]: one["candidateType"] for one in self.statistics("local-candidate")}
        remote = {one["id"]: one["candidateType"] for one in self.statistics("remote-candidate")}
        return local[pair["localCandidateId"]], remote[pair["remoteCandidateId"]]

    # --- looks ---

    def screenshot(self, name: str) -> Path:
        """A picture of the whole page, for somebody to look at."""
        place = self._screenshots / f"{name}.png"
        self.page.screenshot(path=place, full_page=True)
        return place

    def assert_accessible(self) -> None:
        """Axe finds nothing against WCAG 2.2 AA."""
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": WCAG}})
        assert found.violations_count == 0, found.generate_report()

    def assert_fits(self) -> None:
        """Nothing lies beyond the window's right edge."""
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= window, f"the page is {wide} px wide in a window of {window} px"

    def wait_until(self, holds: Callable[[], bool], seconds: float = 10, what: str = "it") -> None:
        """Ask until it holds; the page goes on meanwhile."""
        limit = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < limit, f"no {what} within {seconds} s"
            self.page.wait_for_timeout(50)

    def _recording(self, kind: str, track: int) -> Recording:
        notes = self.page.evaluate("([kind, track]) => window.__pageAudio.take(kind, track)", [kind, track])
        return EMPTY if notes is None else recording_of(notes, self.clock_offset_s())

    def _loudest(self, frames: int) -> int:
        loudest: int = self.page.evaluate("frames => window.__pageAudio.loudest('heard', frames)", frames)
        return loudest

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location.get("url", "")
            self.errors.append(f"{message.text} ({place})")
