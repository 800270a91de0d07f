"""`/webrtc/sessions` and `/webrtc/ice-servers`, as a page's script uses them."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from gateway.browser_calls.service import BrowserTicket
from store.identifiers import uuid7
from store.records import CallStatus
from tests.control_api.api import Api, World, error_of
from tests.gateway.browser_calls.scene import PASSWORD, UFRAG, offer_of
from tests.gateway.doubles import until

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
CANDIDATE = f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PASSWORD}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n".encode()
RESTART = f"a=ice-ufrag:other\r\na=ice-pwd:{'q' * 24}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n".encode()


@dataclass
class Page:
    """A page with a token."""

    api: Api
    ticket: BrowserTicket
    session: str = ""
    etag: str = ""

    async def post(self, offer: bytes | None = None, *, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.ticket.token}", "Content-Type": SDP}
        return await self.api("POST", "webrtc/sessions", content=offer or offer_of(), headers=headers)

    async def join(self) -> None:
        answer = await self.post()
        assert answer.status_code == 201
        self.session = f"http://gateway{answer.headers['location']}"
        self.etag = answer.headers["etag"]

    async def patch(self, fragment: bytes, if_match: str | None) -> httpx.Response:
        headers = {"Content-Type": FRAGMENT} | ({"If-Match": if_match} if if_match is not None else {})
        return await self.api("PATCH", self.session, content=fragment, headers=headers)


@pytest.fixture
async def page(world: World) -> Page:
    return Page(world.anonymous, await world.gateway.browser.ticket(await world.agent()))


async def test_a_page_joins_with_its_token_and_leaves(world: World, page: Page) -> None:
    answer = await page.post()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == SDP
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"]
    assert {"Location", "ETag", "Link"} <= {name.strip() for name in exposed.split(",")}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("v=0\r\n")
    location = answer.headers["location"]
    assert page.ticket.token not in location
    left = await world.anonymous.delete(f"http://gateway{location}")
    assert left.status_code == 200
    await world.gateway.browser.over()
    assert world.gateway.browser.saved.records[-1].status is CallStatus.FAILED
    again = await world.anonymous.delete(f"http://gateway{location}")
    assert again.status_code == 200, "it is over, which is what was asked for"


async def test_a_token_is_unknown_used_or_expired_and_each_is_told_apart(world: World, page: Page) -> None:
    for token in ("nonsense", f"{uuid7()}.secret", f"{page.ticket.record.id}.secret"):
        answer = await page.post(token=token)
        assert (answer.status_code, error_of(answer)["code"]) == (401, "token_unknown")
        assert answer.headers["access-control-allow-origin"] == "*", "the page could not read why"
    await page.join()
    answer = await page.post()
    assert (answer.status_code, error_of(answer)["code"]) == (409, "token_used")
    await world.anonymous.delete(page.session)
    await world.gateway.browser.over()
    answer = await page.post()
    assert (answer.status_code, error_of(answer)["code"]) == (410, "token_expired")


async def test_no_token_and_an_api_key_are_no_way_in(world: World, page: Page) -> None:
    headers = {"Content-Type": SDP}
    answer = await world.anonymous("POST", "webrtc/sessions", content=offer_of(), headers=headers)
    assert answer.status_code == 401
    answer = await world.api("POST", "webrtc/sessions", content=offer_of(), headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("offer", "status", "code"),
    [
        (b"hello", 400, "sdp_malformed"),
        (b"v=0\r\n", 422, "sdp_not_acceptable"),
        (offer_of(transport="a=rtcp-mux\r\n"), 422, "sdp_not_acceptable"),
    ],
)
async def test_a_bad_offer_is_refused_in_words_and_does_not_cost_the_token(
    page: Page, offer: bytes, status: int, code: str
) -> None:
    answer = await page.post(offer)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    await page.join()


async def test_a_body_of_another_kind_is_refused(world: World, page: Page) -> None:
    headers = {"Authorization": f"Bearer {page.ticket.token}", "Content-Type": "application/json"}
    answer = await world.anonymous("POST", "webrtc/sessions", content=b"{}", headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media_type")


async def test_another_origin_than_the_tokens_is_refused(world: World) -> None:
    agent = await world.agent()
    ticket = await world.gateway.browser.ticket(agent, origin="https://shop.example")
    headers = {
        "Authorization": f"Bearer {ticket.token}",
        "Content-Type": SDP,
        "Origin": "https://evil.example",
    }
    answer = await world.anonymous("POST", "webrtc/sessions", content=offer_of(), headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (403, "origin_not_allowed")
    headers["Origin"] = "https://shop.example"
    answer = await world.anonymous("POST", "webrtc/sessions", content=offer_of(), headers=headers)
    assert answer.status_code == 201


async def test_without_a_place_a_page_is_told_when_to_come_again(world: World, page: Page) -> None:
    world.gateway.browser.plane.ports = 0
    answer = await page.post()
    assert (answer.status_code, error_of(answer)["code"]) == (503, "capacity")
    assert answer.headers["retry-after"] == "10"


async def test_candidates_and_a_restart_of_ice(page: Page) -> None:
    await page.join()
    answer = await page.patch(CANDIDATE, page.etag)
    assert answer.status_code == 204
    answer = await page.patch(RESTART, "*")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == FRAGMENT
    assert "a=ice-ufrag:" in answer.text
    assert answer.headers["etag"] != page.etag
    stale = await page.patch(CANDIDATE, page.etag)
    assert (stale.status_code, error_of(stale)["code"]) == (412, "ice_session_replaced")


@pytest.mark.parametrize(
    ("fragment", "if_match", "status"),
    [(CANDIDATE, None, 428), (CANDIDATE, '"x"', 412), (b"hello", "*", 400), (CANDIDATE, "*", 422)],
)
async def test_a_fragment_that_cannot_be_taken(
    page: Page, fragment: bytes, if_match: str | None, status: int
) -> None:
    await page.join()
    assert (await page.patch(fragment, if_match)).status_code == status


async def test_an_unknown_session_is_not_there(world: World, page: Page) -> None:
    await page.join()
    known = page.session
    for secret in ("x", f"{uuid7()}.x", page.ticket.token):
        page.session = f"http://gateway/api/public/v1/webrtc/sessions/{secret}"
        assert (await page.patch(CANDIDATE, "*")).status_code == 404
        assert (await world.anonymous.delete(page.session)).status_code == 404
    await world.anonymous.delete(known)
    await world.gateway.browser.over()
    page.session = known
    assert (await page.patch(CANDIDATE, "*")).status_code == 404


async def test_servers_for_ice_are_told_to_who_has_the_token(world: World, page: Page) -> None:
    headers = {"Authorization": f"Bearer {page.ticket.token}"}
    answer = await world.anonymous.get("webrtc/ice-servers", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"ice_servers": [], "agent_name": "Aria"}
    assert answer.headers["cache-control"] == "no-store"
    await page.join()
    assert (await world.anonymous.get("webrtc/ice-servers", headers=headers)).status_code == 200
    assert (await world.anonymous.get("webrtc/ice-servers")).status_code == 401


@pytest.mark.parametrize("path", ["webrtc/sessions", "webrtc/sessions/x", "webrtc/ice-servers"])
async def test_a_browser_may_ask_before_it_asks(world: World, path: str) -> None:
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,if-match",
    }
    answer = await world.anonymous("OPTIONS", path, headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert {"Authorization", "Content-Type", "If-Match"} <= {
        name.strip() for name in answer.headers["access-control-allow-headers"].split(",")
    }


async def test_a_call_that_was_answered_is_in_the_api(world: World, page: Page) -> None:
    await page.join()
    browser = world.gateway.browser
    browser.heard(page.ticket)
    await until(lambda: browser.saved.records)
    assert browser.saved.records[-1].status is CallStatus.IN_PROGRESS
