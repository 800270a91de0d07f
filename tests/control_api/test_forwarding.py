"""Two applications, each with a node of its own, on one store: the request goes where the call is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from websockets.asyncio.client import connect

from control_api.forwarding import FORWARDED_BY
from control_api.server import HttpServer
from gateway.browser_calls.service import BrowserTicket
from gateway.cluster.node import Heartbeat
from media import messages as m
from store import Store
from store.cluster_records import NodeRecord
from store.records import CallRecord, CallStatus
from tests.control_api.api import World, error_of
from tests.control_api.test_routes_session import Browser
from tests.gateway.browser_calls.scene import BrowserScene, offer_of
from tests.gateway.doubles import until
from tests.store.samples import call


@dataclass
class Nodes:
    """`world` is asked; `other` has the call, in a process of its own as far as `world` can tell."""

    world: World
    other: World
    record: CallRecord


@pytest.fixture
async def nodes(store: Store, world: World) -> AsyncIterator[Nodes]:
    other = await World.make(store)
    server = HttpServer(other.app, "127.0.0.1", 0)
    host, port = await server.start()
    await store.nodes.enter(NodeRecord("other", "run", f"http://{host}:{port}"))
    record = call(world.organization_id, status=CallStatus.IN_PROGRESS, node_id="other")
    await store.calls.insert(record)
    other.gateway.calls.put(record)
    # To the other node the call is its own.
    heart: Heartbeat = other.gateway.call_owners._heartbeat
    heart.node = NodeRecord("other", "run")
    yield Nodes(world, other, record)
    await world.gateway.node_client.close()
    await server.stop()


async def test_what_steers_a_call_is_done_where_the_call_is(nodes: Nodes) -> None:
    path = f"calls/{nodes.record.id}"
    answer = await nodes.world.api.post(f"{path}/say", {"text": "Hello"})
    assert answer.status_code == 200
    assert answer.json()["data"]["id"] == nodes.record.id
    assert nodes.other.gateway.control.asked == [("say", "Hello", False, "soon")]
    assert nodes.world.gateway.control.asked == []
    assert (await nodes.world.api.get(f"{path}/quality")).json()["data"]["live"] is True


async def test_who_is_signed_in_steers_a_call_elsewhere_too(nodes: Nodes) -> None:
    for scheme in ("http", "https"):
        browser = Browser(nodes.world, scheme)
        await browser.sign_in(api_key=nodes.world.secret)
        answer = await browser(
            "POST", f"calls/{nodes.record.id}/say", {"text": "Hello"}, Origin=f"{scheme}://gateway"
        )
        assert answer.status_code == 200, answer.text
    assert len(nodes.other.gateway.control.asked) == 2


async def test_the_other_node_s_refusal_is_given_back_as_it_is(nodes: Nodes) -> None:
    answer = await nodes.world.api.post(f"calls/{nodes.record.id}/say", {"text": ""})
    assert answer.status_code == 422
    assert error_of(answer)["details"]["field"] == "text"


async def test_a_retry_over_either_node_is_done_once(nodes: Nodes) -> None:
    path = f"calls/{nodes.record.id}/say"
    for node in (nodes.world, nodes.other, nodes.world):
        answer = await node.api.post(path, {"text": "Hello"}, key="once")
        assert answer.status_code == 200
    assert len(nodes.other.gateway.control.asked) == 1
    assert answer.headers["idempotent-replayed"] == "true"


async def test_another_organisation_s_key_finds_nothing_there_either(nodes: Nodes) -> None:
    answer = await nodes.world.other.post(f"calls/{nodes.record.id}/say", {"text": "Hello"})
    assert answer.status_code == 404
    assert nodes.other.gateway.control.asked == []


async def test_a_request_is_given_on_only_once(nodes: Nodes) -> None:
    headers = {FORWARDED_BY: "a third node"}
    answer = await nodes.world.api.post(f"calls/{nodes.record.id}/say", {"text": "x"}, headers=headers)
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "node_away"


async def test_a_node_that_does_not_answer_is_named(nodes: Nodes, store: Store) -> None:
    await store.nodes.enter(NodeRecord("other", "run", "http://127.0.0.1:1"))
    answer = await nodes.world.api.post(f"calls/{nodes.record.id}/hangup")
    assert answer.status_code == 503
    error = error_of(answer)
    assert (error["code"], error["details"]["node_id"]) == ("node_away", "other")
    assert int(answer.headers["retry-after"]) >= 1


@dataclass
class BrowserNodes:
    """A browser's call is on `other`, and its page speaks to `asked`, a whole server."""

    world: World
    browser: BrowserScene
    ticket: BrowserTicket
    asked: tuple[str, int]

    async def join(self) -> str:
        """The session's address as the asked node gives it."""
        headers = {"Authorization": f"Bearer {self.ticket.token}", "Content-Type": "application/sdp"}
        answer = await self.world.anonymous("POST", "webrtc/sessions", content=offer_of(), headers=headers)
        assert answer.status_code == 201
        assert answer.headers["etag"]
        return str(answer.headers["location"])


@pytest.fixture
async def browser_nodes(nodes: Nodes) -> AsyncIterator[BrowserNodes]:
    browser = nodes.other.gateway.browser
    object.__setattr__(browser.calls._services.session, "node_id", "other")
    await nodes.other.gateway.directory.load()
    server = HttpServer(nodes.world.app, "127.0.0.1", 0)
    asked = await server.start()
    made = BrowserNodes(nodes.world, browser, await browser.ticket(await nodes.other.agent()), asked)
    yield made
    for session in tuple(browser.calls._sessions.values()):
        session.shut_down()
    await browser.over()
    await server.stop()


async def test_a_browser_may_speak_to_any_node(browser_nodes: BrowserNodes) -> None:
    headers = {"Authorization": f"Bearer {browser_nodes.ticket.token}"}
    answer = await browser_nodes.world.anonymous.get("webrtc/ice-servers", headers=headers)
    assert answer.status_code == 200
    session = f"http://gateway{await browser_nodes.join()}"
    fragment = f"a=ice-ufrag:other\r\na=ice-pwd:{'q' * 24}\r\n".encode()
    headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
    answer = await browser_nodes.world.anonymous("PATCH", session, content=fragment, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["etag"]
    assert (await browser_nodes.world.anonymous.delete(session)).status_code == 200
    await browser_nodes.browser.over()


async def test_a_page_s_socket_goes_through_any_node(browser_nodes: BrowserNodes) -> None:
    session = await browser_nodes.join()
    browser, ticket = browser_nodes.browser, browser_nodes.ticket
    browser.heard(ticket)
    host, port = browser_nodes.asked
    async with connect(f"ws://{host}:{port}{session}/socket", proxy=None) as socket:
        assert json.loads(await socket.recv()) == {"type": "state", "state": "connecting"}
        await socket.send('{"type": "text", "text": "My order is 7"}')
        await until(lambda: browser.plane.sent(m.SendEngineMessage))
        await socket.send('{"type": "hangup"}')
        assert json.loads(await socket.recv())["reason"] == "contact-hangup"
        await socket.wait_closed()
        assert socket.close_code == 1000


@pytest.mark.parametrize(("code", "left"), [(1001, True), (None, False)])
async def test_the_node_of_a_call_learns_how_the_page_s_socket_was_closed(
    browser_nodes: BrowserNodes, code: int | None, left: bool
) -> None:
    """None: the connection breaks, and the page may come back."""
    session = await browser_nodes.join()
    browser, ticket = browser_nodes.browser, browser_nodes.ticket
    browser.heard(ticket)
    here = browser.calls.session(session.rpartition("/")[2])
    host, port = browser_nodes.asked
    async with connect(f"ws://{host}:{port}{session}/socket", proxy=None) as socket:
        await socket.recv()
        if code is None:
            socket.transport.abort()
        else:
            await socket.close(code)
    await until(lambda: not here._feed._pages)
    browser.tell(ticket, m.MediaTimedOut(leg_id=ticket.record.id, kind="mid-call", silent_ms=6000))
    assert here.over is left
