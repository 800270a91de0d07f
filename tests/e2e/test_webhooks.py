"""Webhooks over real calls: a receiver that fails gets everything once and in order, and a crash loses
nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties
from tests.e2e.webhook_server import WebhookServer
from tests.support.model_server import API_KEY, ModelServer
from tests.support.webhook_receiver import Received

PRIVATE = UNLIMITED | {"TRUNKLINE_WEBHOOKS_ALLOW_PRIVATE": "true"}
CALLED = "+15557650100"


@pytest.fixture(scope="module")
def telling_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with watched(Gateway(tmp_path_factory.mktemp("telling"), environment=PRIVATE)) as running:
        yield running


@pytest.fixture
def customer(telling_gateway: Gateway) -> Iterator[ApiClient]:
    with contextlib.closing(ApiClient(telling_gateway.http, telling_gateway.demo_key)) as client:
        yield client


@pytest.fixture
def people(telling_gateway: Gateway, customer: ApiClient, tmp_path: Path) -> Iterator[Parties]:
    with Parties(telling_gateway, customer, tmp_path) as opened:
        yield opened


def test_a_receiver_that_fails_a_third_of_the_time_gets_everything_once_and_in_order(
    customer: ApiClient, people: Parties
) -> None:
    count = itertools.count(1)

    def every_third_fails(event_id: str, attempt: int) -> int:
        return 500 if next(count) % 3 == 0 and attempt == 1 else 200

    with WebhookServer(every_third_fails) as receiver:
        webhook = customer.post("/webhooks", {"url": receiver.url})
        callers = [people.caller(hold_ms=300 + 200 * index) for index in range(5)]
        refused = people.outbound_route("callee_refuses")
        failed_id = customer.place_call(refused.agent_id, CALLED)["id"]
        unanswered = people.outbound_route("callee_never_answers")
        cancelled_id = customer.place_call(unanswered.agent_id, CALLED)["id"]
        unanswered.callee.sip.wait_for("invited")
        customer.post(f"/calls/{cancelled_id}/cancel")
        for party in (*callers, refused.callee, unanswered.callee):
            party.sip.finish()

        taken = receiver.wait_for(lambda requests: len(requests) >= 5 * 4 + 2 + 2, seconds=40)
        assert all(request.signed_with(webhook["secret"]) for request in taken)
        ids = [request.event_id for request in taken]
        assert len(ids) == len(set(ids)) == 24
        assert receiver.refused >= 5
        by_call: dict[str, list[str]] = defaultdict(list)
        for request in taken:
            assert request.json["id"] == request.event_id
            by_call[request.json["data"]["id"]].append(request.json["event"])
        assert by_call.pop(failed_id) == ["call.ringing", "call.failed"]
        assert by_call.pop(cancelled_id) == ["call.ringing", "call.cancelled"]
        assert list(by_call.values()) == [["call.ringing", "call.started", "call.ended", "call.analyzed"]] * 5
        for request in taken:
            if request.json["event"] in ("call.ended", "call.failed", "call.cancelled"):
                shown = customer.call(request.json["data"]["id"])
                assert request.json["data"] == shown
        path = f"/webhooks/{webhook['id']}"
        _until(lambda: len(customer.get(f"{path}/deliveries", state="delivered", limit=100)) == 24)
        customer.http.delete(path).raise_for_status()


def test_dead_events_are_replayed_when_the_receiver_is_well(customer: ApiClient, people: Parties) -> None:
    gone = True
    with WebhookServer(lambda event_id, attempt: 410 if gone else 200) as receiver:
        webhook = customer.post("/webhooks", {"url": receiver.url, "events": ["call.ended"]})
        path = f"/webhooks/{webhook['id']}"
        people.caller(hold_ms=300).sip.finish()
        customer.wait_for_call(lambda call: call["status"] == "ended")
        _until(lambda: len(customer.get(f"{path}/deliveries", state="dead")) == 1)
        (dead,) = customer.get(f"{path}/deliveries", state="dead")
        assert customer.get(path)["disabled_reason"] == "The receiver answered 410."
        gone = False
        customer.http.patch(path, json={"enabled": True}).raise_for_status()
        assert customer.post(f"{path}/replay-dead") == {"replayed": 1}
        (request,) = receiver.wait_for(lambda requests: len(requests) == 1)
        assert request.event_id == dead["event_id"]
        assert customer.post(f"{path}/test")["delivered"]
        customer.http.delete(path).raise_for_status()


def test_a_killed_gateway_tells_of_every_end_exactly_once(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with WebhookServer() as receiver, contextlib.ExitStack() as stack:
        first = start_gateway(data=data, environment=PRIVATE)
        api = stack.enter_context(contextlib.closing(ApiClient(first.http, first.demo_key)))
        webhook = api.post("/webhooks", {"url": receiver.url})
        people = stack.enter_context(Parties(first, api, tmp_path))
        people.connected_caller(hold_ms=60_000)
        people.connected_caller(hold_ms=60_000)
        receiver.wait_for(lambda requests: _count(requests, "call.started") == 2)
        # What was delivered is noted: else it would, rightly, come once more when its lease is over.
        _until(lambda: not api.get(f"/webhooks/{webhook['id']}/deliveries", state="pending"))
        first.signal(signal.SIGKILL)
        first.wait(5)
        start_gateway(data=data, environment=PRIVATE)
        taken = receiver.wait_for(lambda requests: _count(requests, "call.failed") == 2)
    by_call: dict[str, list[str]] = defaultdict(list)
    for request in taken:
        by_call[request.json["data"]["id"]].append(request.json["event"])
    assert list(by_call.values()) == [["call.ringing", "call.started", "call.failed"]] * 2
    assert len({request.event_id for request in taken}) == 6
    assert taken[-1].json["data"]["failure_reason"] == "gateway-error"


def _count(requests: list[Received], name: str) -> int:
    return sum(request.json["event"] == name for request in requests)


def _until(met: Callable[[], bool], seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < limit, f"not within {seconds} s"
        time.sleep(0.05)


def test_a_transcript_is_read_and_the_crm_told(start_gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    answer = {
        "summary": "The agent greeted the caller.",
        "success": True,
        "outcome": "interested",
        "extracted": {"greeted": True},
    }
    schema = {"type": "object", "properties": {"greeted": {"type": "boolean"}}, "required": ["greeted"]}
    with (
        ModelServer(lambda request: answer) as model,
        WebhookServer() as receiver,
        WebhookServer() as crm,
        contextlib.ExitStack() as stack,
    ):
        reading = {
            "TRUNKLINE_ANALYSIS_BASE_URL": model.base_url,
            "TRUNKLINE_ANALYSIS_MODEL": "small",
            "TRUNKLINE_ANALYSIS_API_KEY": API_KEY,
        }
        gateway = start_gateway(environment=PRIVATE | reading)
        api = stack.enter_context(contextlib.closing(ApiClient(gateway.http, gateway.demo_key)))
        people = stack.enter_context(Parties(gateway, api, tmp_path))
        api.post("/webhooks", {"url": receiver.url, "events": ["call.ended", "call.analyzed"]})
        of_crm = {"crm_webhook_url": f"{crm.url}/crm", "crm_webhook_secret": "a secret of the CRM"}
        wanted = {"success_criteria": "The caller was greeted.", "extraction_schema": schema}
        number = people.inbound_number(**wanted, **of_crm)
        caller = people.connected_caller(number=number, hold_ms=2500)
        caller.audio.wait_for_audio()
        caller.sip.finish()

        ended, analyzed = receiver.wait_for(lambda requests: len(requests) == 2)
        assert [ended.json["event"], analyzed.json["event"]] == ["call.ended", "call.analyzed"]
        call = api.call(ended.json["data"]["id"])
        assert (call["outcome"], call["analysis"]) == (
            "interested",
            {"success": True, "summary": "The agent greeted the caller.", "extracted": {"greeted": True}},
        )
        assert analyzed.json["data"] == call
        assert ended.json["data"]["outcome"] is None
        (told,) = crm.wait_for(lambda requests: len(requests) == 1)
        assert (told.path, told.json["event"], told.json["data"]) == ("/crm", "crm.call", call)
        assert told.signed_with("a secret of the CRM")
        assert call["transcript"][0]["text"] in model.requests[0]["messages"][1]["content"]

        route = people.outbound_route("callee_refuses", agent=wanted | of_crm)
        failed_id = api.place_call(route.agent_id, CALLED)["id"]
        route.callee.sip.finish()
        told = crm.wait_for(lambda requests: len(requests) == 2)[1]
        assert (told.json["data"]["id"], told.json["data"]["outcome"]) == (failed_id, "busy")
        assert told.json["data"]["analysis"] is None
