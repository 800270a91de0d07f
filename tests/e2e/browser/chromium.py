"""Debian's Chromium without a window, whose microphone is a file of the test's."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import sync_playwright

from tests.e2e.browser.tab import Tab

PROGRAM = "/usr/bin/chromium"
PAGE_AUDIO = (Path(__file__).parent / "page_audio.js").read_text(encoding="utf-8")


class Chromium:
    """A browser process. Playwright runs a loop of its own in this thread meanwhile, so that a module with a
    browser can have no asynchronous tests.
    """

    def __init__(self, microphone: Path, screenshots: Path, *, loop: bool = True) -> None:
        self._screenshots = screenshots
        self._stack = contextlib.ExitStack()
        playwright = self._stack.enter_context(sync_playwright())
        self.browser = playwright.chromium.launch(
            executable_path=PROGRAM,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",  # permission is granted without a question
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}{'' if loop else '%noloop'}",
                "--allow-loopback-in-peer-connection",
            ],
        )
        self._stack.callback(self.browser.close)

    def tab(
        self,
        *,
        scripted: bool = False,
        relay_only: bool = False,
        width: int = 1280,
        height: int = 800,
        **context: Any,
    ) -> Tab:
        """A new page. `scripted`: its microphone says what `Tab.speak` gives it instead of the file;
        `relay_only`: its peer connections use relays alone. `context` as in Playwright's `new_context`.
        """
        opened = self.browser.new_context(viewport={"width": width, "height": height}, **context)
        options = json.dumps({"scripted": scripted, "relayOnly": relay_only})
        opened.add_init_script(f"window.__pageAudioOptions = {options};\n{PAGE_AUDIO}")
        return Tab(opened, self._screenshots)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
