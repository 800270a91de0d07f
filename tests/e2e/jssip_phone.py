"""JsSIP in Chromium: a telephone that is a web page, with a file for its microphone."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.audio import Samples

CHROMIUM = "/usr/bin/chromium"
PAGES = Path(__file__).parent / "jssip"


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        return


@contextlib.contextmanager
def web_pages() -> Iterator[str]:
    """A web server of its own, as a telephone's page has one; its origin."""
    handler = functools.partial(_QuietHandler, directory=str(PAGES))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def chromium(microphone: Path) -> Iterator[Browser]:
    """A browser whose microphone plays the file over and over, and which asks nobody for leave."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}",
                "--autoplay-policy=no-user-gesture-required",
                "--ignore-certificate-errors",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


class JsSipPhone:
    """One page with one telephone."""

    def __init__(
        self,
        browser: Browser,
        pages: str,
        server: str,
        uri: str,
        password: str | None = None,
        register: bool = False,
    ) -> None:
        """`server` is the WebSocket's URL, `uri` who we are; `password` is for whoever asks us for one. A
        phone that registers takes calls by itself."""
        self.page: Page = browser.new_page()
        self.page.goto(f"{pages}/phone.html")
        self.page.evaluate(
            "([server, uri, password, register]) => connect(server, uri, password, register)",
            [server, uri, password, register],
        )

    def dial(self, target: str) -> None:
        self.page.evaluate("target => dial(target)", target)

    def press(self, digits: str, transport: str) -> None:
        """`transport`: INFO or RFC2833."""
        self.page.evaluate("([digits, transport]) => press(digits, transport)", [digits, transport])

    def hang_up(self) -> None:
        self.page.evaluate("() => session.terminate()")

    @property
    def events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.page.evaluate("() => events")
        return events

    def wait_for(self, name: str, seconds: float = 15) -> dict[str, Any]:
        """The first event of that name."""
        limit = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event["name"] == name:
                    return event
            assert time.monotonic() < limit, f"no {name!r} in {self.events}"
            time.sleep(0.05)

    def wait_until_heard(self, seconds: float, limit: float = 20) -> None:
        """Until so much of the far side's audio was captured, silence included."""
        end = time.monotonic() + limit
        while self.page.evaluate("() => heard.length") < seconds * 8000:
            assert time.monotonic() < end, f"heard too little: {self.events}"
            time.sleep(0.1)

    def heard(self) -> Samples:
        """The far side, at 8 kHz."""
        return (np.array(self.page.evaluate("() => heard"), dtype=np.float64) * 32767).astype(np.int16)

    def answer_sdp(self) -> str:
        sdp: str = self.page.evaluate("() => session.connection.remoteDescription.sdp")
        return sdp

    def close(self) -> None:
        self.page.close()
