"""A page that calls itself: two peer connections in one page, the microphone in the one, the ear at the
other.
"""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Route

from gateway.ice_servers import IceServer, ice_server_json
from tests.e2e.browser.tab import Tab

ORIGIN = "http://127.0.0.1:9"  # answered by the harness, nothing is listening
PAGE = """<!doctype html><html lang="en"><title>Itself</title><main><h1>A call to itself</h1>
<button>Call</button></main><script src="/page.js"></script></html>"""
SCRIPT = """document.querySelector("button").onclick = async () => {
  const here = new RTCPeerConnection(window.found), there = new RTCPeerConnection(window.found);
  here.onicecandidate = (event) => there.addIceCandidate(event.candidate);
  there.onicecandidate = (event) => here.addIceCandidate(event.candidate);
  there.ontrack = (event) => { const ear = new Audio(); ear.srcObject = event.streams[0]; ear.play(); };
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio });
  stream.getTracks().forEach((track) => here.addTrack(track, stream));
  await here.setLocalDescription();
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription();
  await here.setRemoteDescription(there.localDescription);
};"""
POLICY = "default-src 'self'; script-src 'self'; media-src blob:"


def call_itself(tab: Tab, servers: Sequence[IceServer] = ()) -> None:
    """Open the page and have it call itself, by these servers."""

    def answer(route: Route) -> None:
        script = route.request.url.endswith(".js")
        route.fulfill(
            body=SCRIPT if script else PAGE,
            content_type="text/javascript" if script else "text/html",
            headers={"Content-Security-Policy": POLICY},
        )

    tab.context.route(f"{ORIGIN}/**", answer)
    tab.open(f"{ORIGIN}/")
    tab.page.evaluate("servers => window.found = {iceServers: servers}", [*map(ice_server_json, servers)])
    tab.page.get_by_role("button", name="Call").click()
