"""Campaigns against a far side that answers, is busy, does not pick up, or fails: every contact ends in the
right state, limits are held as the far side sees them, and nobody is called twice, not even across a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.batch_callee import BatchCallee
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import VOICE, new_number
from tests.support.postgres_server import PostgresServer

SETTINGS = UNLIMITED | {
    "TRUNKLINE_MEDIA_PORT_REST": "1s",
    "TRUNKLINE_LOGGING_LEVEL": "warning",
    "TRUNKLINE_BATCH_BREAKER_CALLS": "20",
}
CONTACTS = 200
CONCURRENT = 20

# By the last digit of the number that is called.
MIX = {"0": "no-answer", "1": "busy", "2": "404", "3": "503"}
OUTCOMES = {
    "answer": "answered",
    "no-answer": "no-answer",
    "busy": "busy",
    "404": "invalid-number",
    "503": "trunk-unavailable",
}


def behaviour(number: str) -> str:
    return MIX.get(number[-1], "answer")


class Campaigner:
    """An agent with numbers on a trunk that leads to a callee."""

    def __init__(
        self, gateway: Gateway, callee: BatchCallee, numbers: int = 1, key: str | None = None
    ) -> None:
        self.api = ApiClient(gateway.http, key or gateway.demo_key)
        trunk = self.api.post("/trunks", {"name": "far side", "outbound": {"address": callee.address}})
        agent = self.api.post(
            "/agents",
            {"name": "Caller", "voice_id": VOICE, "system_prompt": "[scenario:echo] Hello {{first_name}}."},
        )
        self.agent_id = self.api.wait_until_active(agent["id"])["id"]
        self.numbers = [new_number() for _ in range(numbers)]
        for number in self.numbers:
            made = self.api.post(
                "/telephony/numbers/import", {"phone_number": number, "trunk_id": trunk["id"]}
            )
            self.api.post(
                "/telephony/numbers/assign",
                {"number_id": made["id"], "agent_id": self.agent_id, "assignment_type": "outbound"},
            )

    def campaign(self, contacts: int, **fields: Any) -> Json:
        """A draft that calls so many numbers, from +1555100000 on."""
        lines = [f"+1555{1000000 + number},Sam {number}" for number in range(contacts)]
        body = {
            "name": "Test",
            "agent_id": self.agent_id,
            "csv": "\n".join(["phone_number,first_name", *lines]),
            "call_settings": {"join_timeout": "2s"},
        }
        made: Json = self.api.post("/batch-calls", body | fields)
        return made

    def act(self, campaign: Json, verb: str) -> Json:
        changed: Json = self.api.post(f"/batch-calls/{campaign['id']}/{verb}")
        return changed

    def read(self, campaign: Json) -> Json:
        found: Json = self.api.get(f"/batch-calls/{campaign['id']}")
        return found

    def wait_for(self, campaign: Json, wanted: Callable[[Json], bool], seconds: float = 60) -> Json:
        limit = time.monotonic() + seconds
        while not wanted(now := self.read(campaign)):
            assert time.monotonic() < limit, f"not so after {seconds} s: {now}"
            time.sleep(0.1)
        return now

    def completed(self, campaign: Json, seconds: float = 60) -> Json:
        return self.wait_for(campaign, lambda now: now["status"] == "completed", seconds)

    def contacts(self, campaign: Json) -> list[Json]:
        found: list[Json] = []
        while page := self.api.get(f"/batch-calls/{campaign['id']}/contacts", limit=100, offset=len(found)):
            found += page
        return found


@pytest.fixture
def dialing_gateway(tmp_path: Path) -> Iterator[Callable[[], Gateway]]:
    """Starts gateways over one and the same data directory."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(watched(Gateway(tmp_path / "data", environment=SETTINGS)))


def assert_all_right(contacts: list[Json], callee: BatchCallee) -> None:
    """Each contact ended as the far side treated it, and was called once."""
    for contact in contacts:
        did = behaviour(contact["phone_number"])
        expected = ("completed" if did == "answer" else "failed", OUTCOMES[did], 1)
        assert (contact["state"], contact["outcome"], contact["attempts"]) == expected, contact
    assert callee.seen.invites == Counter(contact["phone_number"] for contact in contacts)


@pytest.mark.timeout(120)
def test_every_contact_ends_in_the_right_state_within_the_limits(
    dialing_gateway: Callable[[], Gateway],
) -> None:
    gateway = dialing_gateway()
    with BatchCallee(behaviour) as callee:
        caller = Campaigner(gateway, callee, numbers=2)
        campaign = caller.campaign(CONTACTS, max_concurrent_calls=CONCURRENT, calls_per_number=12)
        assert (campaign["status"], campaign["contact_count"]) == ("draft", CONTACTS)
        caller.act(campaign, "start")
        done = caller.completed(campaign)
        assert_all_right(caller.contacts(campaign), callee)

        assert callee.seen.most_at_once <= CONCURRENT
        assert max(callee.seen.most_of_caller.values()) <= 12
        assert sum(callee.seen.most_of_caller.values()) > 12, "one number did it all"
        figures = done["statistics"]
        assert figures["outcomes"] == {
            "answered": CONTACTS * 6 // 10,
            "no-answer": CONTACTS // 10,
            "busy": CONTACTS // 10,
            "invalid-number": CONTACTS // 10,
            "trunk-unavailable": CONTACTS // 10,
        }
        assert (figures["completed"], figures["failed"], figures["pending"]) == (120, 80, 0)
        (newest,) = caller.api.calls(limit=1)
        assert newest["metadata"]["campaign_id"] == campaign["id"]


@pytest.mark.timeout(120)
def test_a_killed_gateway_goes_on_where_it_was_and_calls_nobody_twice(
    dialing_gateway: Callable[[], Gateway],
) -> None:
    with BatchCallee(lambda number: "answer", hold_s=0.3) as callee:
        gateway = dialing_gateway()
        caller = Campaigner(gateway, callee)
        campaign = caller.campaign(CONTACTS, max_concurrent_calls=CONCURRENT)
        caller.act(campaign, "start")
        caller.wait_for(campaign, lambda now: now["statistics"]["completed"] > CONTACTS / 4)
        gateway.signal(signal.SIGKILL)
        gateway.wait(5)
        gateway.stop()
        callee.forget_live()
        gateway = dialing_gateway()
        caller.api = ApiClient(gateway.http, gateway.demo_key)
        caller.completed(campaign)
        contacts = caller.contacts(campaign)
        called = callee.seen.invites
        assert max(called.values()) == 1, "somebody was called twice"
        for contact in contacts:
            assert contact["state"] in ("completed", "failed"), contact
            if contact["state"] == "failed":  # its call was cut off
                assert contact["outcome"] == "gateway-error"
            assert contact["attempts"] == 1
        cut = [contact for contact in contacts if contact["state"] == "failed"]
        assert len(cut) <= CONCURRENT
        assert len(called) >= CONTACTS - CONCURRENT
        silent = [contact for contact in contacts if contact["phone_number"] not in called]
        assert all(contact in cut for contact in silent), "a call is told of that was never made"
        assert not [
            call
            for status in ("queued", "ringing", "in-progress")
            for call in caller.api.calls(status=status)
        ]


@pytest.mark.timeout(150)
def test_another_node_takes_a_campaign_over_and_calls_nobody_twice(
    postgres: PostgresServer, start_gateway: Callable[..., Gateway]
) -> None:
    url = asyncio.run(postgres.new_database())
    nodes = [
        start_gateway(
            environment=SETTINGS
            | {
                "TRUNKLINE_STORE_URL": url,
                "TRUNKLINE_CLUSTER_NODE_ID": name,
                "TRUNKLINE_CLUSTER_NODE_TIMEOUT": "3s",
            }
        )
        for name in ("one", "other")
    ]
    # The demonstration makes a key at each start in place of the earlier one.
    key = nodes[1].demo_key
    with BatchCallee(lambda number: "answer", hold_s=0.3) as callee:
        caller = Campaigner(nodes[0], callee, key=key)
        campaign = caller.campaign(CONTACTS, max_concurrent_calls=CONCURRENT)
        caller.act(campaign, "start")
        caller.wait_for(campaign, lambda now: now["statistics"]["completed"] > CONTACTS / 4)
        calling = max(nodes, key=lambda node: node.metrics()["trunkline_calls_outbound_active"])
        left = nodes[1 - nodes.index(calling)]
        assert left.metrics()["trunkline_calls_outbound_active"] == 0, "two nodes dial one campaign"
        calling.signal(signal.SIGKILL)
        calling.wait(5)
        callee.forget_live()
        caller.api = ApiClient(left.http, key)
        caller.completed(campaign)
        assert max(callee.seen.invites.values()) == 1, "somebody was called twice"
        assert callee.seen.most_at_once <= CONCURRENT
        states = Counter((contact["state"], contact["outcome"]) for contact in caller.contacts(campaign))
        cut_off = states.pop(("failed", "gateway-error"), 0)
        assert states == {("completed", "answered"): CONTACTS - cut_off}
        assert cut_off <= CONCURRENT
        assert len(callee.seen.invites) >= CONTACTS - cut_off
