"""Two gateways on one PostgreSQL database and one Redis: what one knows the other does, and what becomes of
all when a part goes away.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.batch_callee import BatchCallee
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import VOICE, Parties, new_number
from tests.e2e.sipp_runner import free_udp_port
from tests.e2e.test_batch_calls import Campaigner
from tests.support.postgres_server import PostgresServer
from tests.support.redis_server import RedisServer

NODE_TIMEOUT_S = 3


@dataclass
class Node:
    gateway: Gateway
    api: ApiClient
    parties: Parties


@dataclass
class Pair:
    """Two nodes, the API of each with the same organisation's key."""

    one: Node
    other: Node


@contextlib.contextmanager
def opened_pair(postgres: PostgresServer, redis_server: RedisServer, folder: Path) -> Iterator[Pair]:
    asyncio.run(redis_server.empty())
    url = asyncio.run(postgres.new_database())
    with contextlib.ExitStack() as stack:

        def node(node_id: str) -> Node:
            port = free_udp_port()
            environment = UNLIMITED | {
                "TRUNKLINE_STORE_URL": url,
                "TRUNKLINE_CLUSTER_REDIS_URL": redis_server.url,
                "TRUNKLINE_CLUSTER_NODE_ID": node_id,
                "TRUNKLINE_CLUSTER_NODE_URL": f"http://127.0.0.1:{port}",
                "TRUNKLINE_CLUSTER_NODE_TIMEOUT": str(NODE_TIMEOUT_S),
                "TRUNKLINE_CALLS_MAX_PER_ORGANIZATION": "4",
                # Each has an engine of its own: they have no common past.
                "TRUNKLINE_CLUSTER_ADOPT_CALLS": "false",
            }
            http = ("--http", f"127.0.0.1:{port}", "--media-workers", "1")
            gateway = stack.enter_context(watched(Gateway(folder / node_id, *http, environment=environment)))
            api = stack.enter_context(contextlib.closing(ApiClient(gateway.http, gateway.demo_key)))
            return Node(gateway, api, stack.enter_context(Parties(gateway, api, folder)))

        one = node("one")
        other = node("other")
        # The demonstration makes a key at each start in place of the earlier one: both use the newest.
        one.api.http.headers["Authorization"] = f"Bearer {other.gateway.demo_key}"
        yield Pair(one, other)


@pytest.fixture(scope="module")
def lasting_pair(
    postgres: PostgresServer, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    with opened_pair(postgres, redis_server, tmp_path_factory.mktemp("cluster")) as opened:
        yield opened


@pytest.fixture
def pair(lasting_pair: Pair) -> Iterator[Pair]:
    """Both live on after the test, without calls."""
    yield lasting_pair
    lasting_pair.other.parties.end_calls()
    eventually(lambda: _held(lasting_pair.one) + _held(lasting_pair.other) == 0)


@pytest.fixture
def mortal_pair(postgres: PostgresServer, redis_server: RedisServer, tmp_path: Path) -> Iterator[Pair]:
    """For a test that kills one of them."""
    with opened_pair(postgres, redis_server, tmp_path) as opened:
        yield opened


def eventually(true: Callable[[], bool], seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.05)


def test_what_is_changed_on_one_node_counts_on_the_other_at_once(pair: Pair) -> None:
    body = {"name": "Desk", "voice_id": VOICE, "system_prompt": "[scenario:receptionist] Hello."}
    agent = pair.one.api.post("/agents", body)
    pair.one.api.wait_until_active(agent["id"])
    number = new_number()
    imported = pair.one.api.post("/telephony/numbers/import", {"phone_number": number})
    assignment = {"number_id": imported["id"], "agent_id": agent["id"], "assignment_type": "inbound"}
    pair.one.api.post("/telephony/numbers/assign", assignment)

    def routed() -> bool:
        answer = pair.other.api.get("/routing/explain", to=number, source="127.0.0.1")
        return agent["id"] in str(answer)

    eventually(routed, 5)
    caller = pair.other.parties.connected_caller(number=number, hold_ms=300)
    caller.sip.finish()
    call = pair.one.api.wait_for_call(lambda call: call["agent_id"] == agent["id"])
    assert call["from_number"] == number

    pair.other.api.post("/telephony/numbers/unassign", {"number_id": imported["id"]})
    eventually(lambda: agent["id"] not in str(pair.one.api.get("/routing/explain", to=number)), 5)


def test_a_call_is_steered_and_followed_from_the_other_node(pair: Pair) -> None:
    caller = pair.one.parties.connected_caller(hold_ms=60_000)
    caller.audio.wait_for_audio()
    call = pair.other.api.wait_for_call(lambda call: call["status"] == "in-progress")
    path = f"/calls/{call['id']}"
    assert pair.other.api.get(f"{path}/quality")["live"] is True
    pair.other.api.post(f"{path}/mute", {"side": "agent"}, key="mute once")
    pair.other.api.post(f"{path}/mute", {"side": "agent"}, key="mute once")
    kinds = [step["kind"] for step in pair.one.api.timeline(call["id"])]
    assert kinds.count("muted") == 1, kinds
    with pair.other.api.http.stream("GET", f"{path}/events") as stream:
        lines = stream.iter_lines()
        assert any(line == "event: call" for line in lines)
        ended = pair.other.api.post(f"{path}/hangup")
        assert ended["status"] == "ended"
        assert any('"ended"' in line for line in lines), "the stream went on to the end of the call"
    assert pair.one.api.call(call["id"])["end_reason"] == "api-hangup"
    again = pair.other.api.http.post(f"{path}/hangup")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "call_already_terminal")


def test_limits_hold_for_both_nodes_together(pair: Pair) -> None:
    callers = [
        node.parties.connected_caller(hold_ms=60_000) for node in (pair.one, pair.other) for _ in range(2)
    ]
    for node in (pair.one, pair.other):
        refused = node.parties.caller("refused")
        refused.sip.finish()
        assert refused.sip.wait_for("refused")["status"] == "503"
    route = pair.one.parties.outbound_route()
    answer = pair.one.api.http.post(
        "/calls", json={"agent_id": route.agent_id, "phone_number": "+14155550199"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "concurrency_limit")
    assert answer.json()["error"]["details"]["limited"] == "organization"
    live = pair.one.api.wait_for_call(lambda call: call["status"] == "in-progress")
    pair.one.api.post(f"/calls/{live['id']}/hangup")
    eventually(lambda: pair.one.gateway.metrics()["trunkline_leases_held"] + _held(pair.other) == 3)
    assert len(callers) == 4
    pair.other.parties.connected_caller(hold_ms=100).sip.finish()


def _held(node: Node) -> float:
    return node.gateway.metrics()["trunkline_leases_held"]


def test_a_dead_node_s_calls_fail_its_places_are_free_and_living_calls_are_not_touched(
    mortal_pair: Pair,
) -> None:
    pair = mortal_pair
    for _ in range(3):
        pair.one.parties.connected_caller(hold_ms=60_000)
    doomed = [call["id"] for call in pair.other.api.calls(status="in-progress")]
    living = pair.other.parties.connected_caller(hold_ms=60_000)
    living.audio.wait_for_audio()
    eventually(lambda: len(pair.other.api.calls(status="in-progress")) == 4)
    pair.one.gateway.signal(signal.SIGKILL)
    away = pair.other.api.http.post(f"/calls/{doomed[0]}/hangup")
    assert (away.status_code, away.json()["error"]["code"]) == (503, "node_away")
    assert away.json()["error"]["details"]["node_id"] == "one"
    for call_id in doomed:
        call = wait_for_end(pair.other.api, call_id, 6 * NODE_TIMEOUT_S)
        assert (call["status"], call["failure_reason"]) == ("failed", "gateway-error")
    (alive,) = pair.other.api.calls(status="in-progress")
    for _ in range(3):  # the dead node's places
        pair.other.parties.connected_caller(hold_ms=100).sip.finish()
    assert pair.other.gateway.metrics()["trunkline_nodes_alive"] == 1
    ended = pair.other.api.post(f"/calls/{alive['id']}/hangup")
    assert ended["end_reason"] == "api-hangup"


def wait_for_end(api: ApiClient, call_id: str, seconds: float) -> dict[str, object]:
    eventually(lambda: api.call(call_id)["status"] in ("ended", "failed", "cancelled"), seconds)
    return api.call(call_id)


def test_without_redis_calls_go_on_each_node_grants_its_share_and_all_is_well_when_it_is_back(
    pair: Pair, redis_server: RedisServer
) -> None:
    pair.one.parties.connected_caller(hold_ms=60_000)
    call = pair.one.api.wait_for_call(lambda call: call["status"] == "in-progress")
    redis_server.halt()
    try:
        for node in (pair.one, pair.other):
            eventually(lambda node=node: "away" in _ready(node).json()["checks"]["redis"])  # type: ignore[misc]
            assert _ready(node).status_code == 200
        assert pair.other.api.get(f"/calls/{call['id']}/quality")["live"] is True, "still steered"
        pair.one.parties.connected_caller(hold_ms=60_000)  # its share of 4 is 2
        refused = pair.one.parties.caller("refused")
        refused.sip.finish()
        assert refused.sip.wait_for("refused")["status"] == "503"
        for _ in range(2):
            pair.other.parties.connected_caller(hold_ms=60_000)
        agent = pair.one.api.post(
            "/agents", {"name": "New", "voice_id": VOICE, "system_prompt": "Made without notices."}
        )
        eventually(lambda: pair.other.api.http.get(f"/agents/{agent['id']}").status_code == 200, 5)
    finally:
        redis_server.start()
    for node in (pair.one, pair.other):
        eventually(lambda node=node: _ready(node).json()["checks"]["redis"] == "ok")  # type: ignore[misc]
    assert _held(pair.one) == _held(pair.other) == 2
    refused = pair.other.parties.caller("refused")
    refused.sip.finish()
    assert refused.sip.wait_for("refused")["status"] == "503", "an empty Redis learnt what is held"
    pair.one.api.post(f"/calls/{call['id']}/hangup")
    eventually(lambda: _held(pair.one) == 1)
    pair.other.parties.connected_caller(hold_ms=100).sip.finish()


@pytest.mark.timeout(180)
def test_a_campaign_goes_on_within_the_limits_when_the_node_that_dials_it_dies(
    mortal_pair: Pair,
) -> None:
    pair = mortal_pair
    with BatchCallee(lambda number: "answer", hold_s=0.4) as callee:
        caller = Campaigner(pair.other.gateway, callee)
        campaign = caller.campaign(60, max_concurrent_calls=20)
        caller.act(campaign, "start")
        caller.wait_for(campaign, lambda now: now["statistics"]["completed"] >= 10)
        dialing, survivor = pair.one, pair.other
        if dialing.gateway.metrics()["trunkline_calls_outbound_active"] == 0:
            dialing, survivor = survivor, dialing
        dialing.gateway.signal(signal.SIGKILL)
        dialing.gateway.wait(5)
        callee.forget_live()
        caller.api = survivor.api
        caller.completed(campaign, 120)
        contacts = caller.contacts(campaign)
        called = callee.seen.invites
        assert max(called.values()) == 1, "somebody was called twice"
        assert callee.seen.most_at_once <= 4, "the organisation may have 4 calls at once"
        cut = [contact for contact in contacts if contact["state"] == "failed"]
        assert {contact["outcome"] for contact in cut} <= {"gateway-error"}
        assert len(cut) <= 4
        assert len(contacts) == 60
        assert all(contact["attempts"] == 1 for contact in contacts)


def _ready(node: Node) -> httpx.Response:
    return httpx.get(f"{node.gateway.http}/readyz")
