"""The browser harness itself: what it says, hears and refuses, with a page that calls itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.e2e.browser.page_audio import TEST_RATE
from tests.e2e.browser.self_call import ORIGIN, call_itself
from tests.e2e.browser.tab import Tab
from tests.e2e.speech_pieces import median_delay, pieces
from tests.support.audio import Samples, chirp, dominant_tone, find, level_dbfs, tone


def test_the_microphone_is_heard_under_a_strict_policy(tab: Tab, microphone_says: Samples) -> None:
    call_itself(tab)
    tab.wait_for_sound()
    tab.page.wait_for_timeout(5500)
    words = microphone_says[1500 * 8 : 4000 * 8]
    said, heard = tab.said(), tab.heard()
    said_at, alike = find(words, said.at_rate())
    assert alike > 0.9
    # The far jitter buffer may stretch time between words, so that they are sought one by one.
    found = pieces(words, heard.since(said.begun_at + said_at / 1000).at_rate(), TEST_RATE)
    assert np.median([piece.likeness for piece in found]) > 0.9
    assert 0 <= median_delay(found) < 400, "the jitter buffer and two codecs away"


def test_a_scripted_microphone_speaks_when_told(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(scripted=True)
    call_itself(tab)
    tab.wait_until(lambda: len(tab.heard().samples) > 0)
    tab.page.wait_for_timeout(700)
    assert level_dbfs(tab.heard().samples) < -60
    sweep = chirp(600, rate=48_000)
    begun = tab.speak(sweep)
    tab.page.wait_for_timeout(1500)
    after = tab.heard().since(begun)
    place, alike = find(sweep, after.samples, 48_000)
    assert alike > 0.8
    assert 0 < place < 400
    tab.speak(tone(700, 800, rate=48_000))
    tab.page.wait_for_timeout(700)
    frequency, level = dominant_tone(tab.heard().samples[-9600:], 48_000)
    assert frequency == pytest.approx(700, abs=5)
    assert level > -20


def test_errors_in_the_console_are_noticed(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab()
    tab.context.route(f"{ORIGIN}/**", lambda route: route.fulfill(body="x", content_type="text/html"))
    tab.open(f"{ORIGIN}/")
    tab.page.evaluate("console.error('of the test')")
    tab.page.evaluate("setTimeout(() => { throw new Error('thrown by the test') })")
    tab.wait_until(lambda: len(tab.errors) == 2)
    with pytest.raises(AssertionError, match="of the test"):
        tab.assert_clean()
    with pytest.raises(AssertionError, match="lang attribute"):
        tab.assert_accessible()
    tab.allow_errors("of the test", "thrown by the test")


def test_a_page_is_examined(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(width=360, height=700, color_scheme="dark")
    call_itself(tab)
    tab.assert_fits()
    tab.assert_accessible()
    assert tab.screenshot("itself").stat().st_size > 1000
