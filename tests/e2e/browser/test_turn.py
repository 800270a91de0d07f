"""Browsers that are let out by a relay alone: a real coturn, and the credentials that the gateway mints."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from gateway.configuration.browser import TurnSection
from gateway.ice_servers import IceServers
from tests.e2e.browser.page_audio import TEST_RATE
from tests.e2e.browser.self_call import call_itself
from tests.e2e.browser.tab import Tab
from tests.e2e.speech_pieces import pieces
from tests.support.audio import Samples
from tests.support.turn_server import TurnServer

SECRET = "what-relay-and-gateway-share"


@pytest.fixture(scope="module")
def relay() -> Iterator[TurnServer]:
    with TurnServer(SECRET) as server:
        yield server


def minted(relay: TurnServer, *, secret: str = SECRET, life_s: float = 600.0, now: float = 0.0) -> IceServers:
    config = TurnSection(urls=(relay.url,), secret=secret, credential_life=life_s)
    return IceServers(config, clock=lambda: now) if now else IceServers(config)


def test_audio_flows_through_a_relay_with_our_credentials(
    open_tab: Callable[..., Tab], relay: TurnServer, microphone_says: Samples
) -> None:
    tab = open_tab(relay_only=True)
    call_itself(tab, minted(relay).for_call("a-call"))
    tab.wait_for_sound(20)
    tab.page.wait_for_timeout(5000)
    words = microphone_says[1500 * 8 : 3500 * 8]
    found = pieces(words, tab.heard().at_rate(), TEST_RATE)
    assert np.median([piece.likeness for piece in found]) > 0.9
    assert tab.selected_candidates() == ("relay", "relay")


@pytest.mark.parametrize("wrong", [{"secret": "another-secret"}, {"now": 1_700_000_000.0}])
def test_a_wrong_secret_or_an_old_name_opens_no_relay(
    open_tab: Callable[..., Tab], relay: TurnServer, wrong: dict[str, object]
) -> None:
    tab = open_tab(relay_only=True)
    call_itself(tab, minted(relay, **wrong).for_call("a-call"))  # type: ignore[arg-type]
    tab.wait_until(
        lambda: tab.page.evaluate("window.__pageAudio.peers.every(p => p.iceGatheringState === 'complete')"),
        20,
        "end of gathering",
    )
    assert tab.statistics("local-candidate") == []
    assert tab.page.evaluate("window.__pageAudio.peers.every(p => p.connectionState !== 'connected')")
