"""A campaign of a thousand contacts, told to a receiver that fails a third of the time."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.batch_callee import BatchCallee
from tests.e2e.conftest import watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.test_batch_calls import SETTINGS, Campaigner, assert_all_right, behaviour
from tests.e2e.webhook_server import WebhookServer

CONTACTS = 1000
CONCURRENT = 60
PER_NUMBER = 25
EVENTS = ["call.started", "call.ended", "call.failed", "batch.status.changed", "batch.completed"]


@pytest.mark.timeout(240)
def test_a_thousand_contacts_end_in_the_right_state_and_every_event_is_told_once(
    tmp_path: Path,
) -> None:
    count = itertools.count(1)

    def every_third_fails(event_id: str, attempt: int) -> int:
        return 500 if next(count) % 3 == 0 and attempt == 1 else 200

    settings = SETTINGS | {"TRUNKLINE_WEBHOOKS_ALLOW_PRIVATE": "true"}
    with (
        watched(Gateway(tmp_path / "data", environment=settings)) as gateway,
        WebhookServer(every_third_fails) as receiver,
        BatchCallee(behaviour, hold_s=0.2) as callee,
    ):
        caller = Campaigner(gateway, callee, numbers=3)
        caller.api.post("/webhooks", {"url": receiver.url, "events": EVENTS})
        campaign = caller.campaign(CONTACTS, max_concurrent_calls=CONCURRENT, calls_per_number=PER_NUMBER)
        begun = time.monotonic()
        caller.act(campaign, "start")
        done = caller.completed(campaign, 150)
        print(f"{CONTACTS / (time.monotonic() - begun):.1f} contacts a second")

        assert_all_right(caller.contacts(campaign), callee)
        assert callee.seen.most_at_once <= CONCURRENT
        assert max(callee.seen.most_of_caller.values()) <= PER_NUMBER
        assert done["statistics"]["outcomes"] == {
            "answered": 600,
            "busy": 100,
            "invalid-number": 100,
            "no-answer": 100,
            "trunk-unavailable": 100,
        }

        expected = {"call.started": 600, "call.ended": 600, "call.failed": 400}
        expected |= {"batch.status.changed": 2, "batch.completed": 1}
        total = sum(expected.values())
        taken = receiver.wait_for(lambda requests: len(requests) >= total, seconds=60)
        assert Counter(request.json["event"] for request in taken) == expected
        assert len({request.event_id for request in taken}) == total
        assert receiver.refused > total / 4
        ends = Counter(
            request.json["data"]["id"]
            for request in taken
            if request.json["event"] in ("call.ended", "call.failed")
        )
        assert (len(ends), max(ends.values())) == (CONTACTS, 1)
        changes = [
            (request.json["data"]["previous_status"], request.json["data"]["status"])
            for request in taken
            if request.json["event"] == "batch.status.changed"
        ]
        assert changes == [("draft", "active"), ("active", "completed")]
