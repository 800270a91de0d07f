"""What the tests with a browser share: one Chromium a module, whose pages must end without an error in their
console. The gateway, the API and the engine are those of all end-to-end tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.browser.chromium import Chromium
from tests.e2e.browser.page_audio import PAGE_RATE, TEST_RATE, resampled
from tests.e2e.browser.tab import Tab
from tests.e2e.gateway_process import Gateway
from tests.e2e.known_speech import spoken
from tests.support.audio import Samples, silence, write_wav


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go."""
    return tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="module")
def microphone_says() -> Samples:
    """What the module's microphone says again and again, at 8 kHz. A module may have its own."""
    words = spoken("Good morning. I would like to know when you are open.")
    return np.concatenate([silence(1500), words, silence(2500)])


@pytest.fixture(scope="module")
def chromium(
    microphone_says: Samples, screenshots: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chromium]:
    file = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    write_wav(file, resampled(microphone_says, TEST_RATE, PAGE_RATE), PAGE_RATE)
    with Chromium(file, screenshots) as running:
        yield running


@pytest.fixture
def open_tab(chromium: Chromium, start_gateway: Callable[..., Gateway]) -> Iterator[Callable[..., Tab]]:
    """Opens pages (options as in `Chromium.tab`); each must be free of console errors when the test ends, and
    is gone before a gateway of the test's own is.
    """
    tabs: list[Tab] = []

    def open_one(**options: Any) -> Tab:
        tabs.append(chromium.tab(**options))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        tab.context.close()
    for tab in tabs:
        tab.assert_clean()


@pytest.fixture
def tab(open_tab: Callable[..., Tab]) -> Tab:
    """One page of a desktop's size with the module's microphone."""
    return open_tab()
