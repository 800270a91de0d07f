from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from gateway.webhooks.deliverer import DeliverySettings
from gateway.webhooks.retry_schedule import SCHEDULE_S
from store.identifiers import uuid7
from tests.gateway.webhooks.conftest import Post
from tests.store.samples import T0


async def test_the_stored_bytes_arrive_signed_with_their_id(post: Post) -> None:
    await post.endpoint(secret="whsec_abc")
    (event,) = await post.happen("call.ended")
    await post.work(post.deliverer())
    (request,) = post.receiver.taken
    assert request.path == "/hook"
    assert request.body == event.payload().encode()
    assert request.event_id == event.id
    assert request.headers["X-Truedy-Timestamp"] == str(int(T0.timestamp()))
    assert request.headers["Content-Type"] == "application/json"
    assert request.signed_with("whsec_abc")
    assert not request.signed_with("whsec_other")
    assert await post.states() == ["delivered"]
    assert post.counted("delivered") == 1


async def test_while_a_secret_is_rotated_both_sign(post: Post) -> None:
    await post.endpoint(
        secret="whsec_new", previous_secret="whsec_old", previous_secret_until=T0 + timedelta(hours=1)
    )
    deliverer = post.deliverer()
    await post.happen("call.ended")
    await post.work(deliverer)
    post.later(3600)
    await post.happen("call.ended")
    await post.work(deliverer)
    during, after = post.receiver.taken
    assert during.signed_with("whsec_new")
    assert during.signed_with("whsec_old")
    assert after.signed_with("whsec_new")
    assert not after.signed_with("whsec_old")


async def test_a_receiver_that_is_down_is_tried_eight_times_over_nine_hours(post: Post) -> None:
    post.receiver.answer = lambda event: 500
    await post.endpoint()
    (event,) = await post.happen("call.ended")
    deliverer = post.deliverer()
    tried_at = []
    while (await post.deliveries())[0].state == "pending":
        before = len(post.receiver.requests)
        await post.work(deliverer)
        if len(post.receiver.requests) > before:
            tried_at.append(post.now)
        post.later(1)
        if post.now - T0 > timedelta(minutes=1):
            post.later(59)
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(tried_at)]
    assert len(tried_at) == len(SCHEDULE_S)
    for pause, scheduled in zip(pauses, SCHEDULE_S[1:], strict=True):
        assert scheduled <= pause <= scheduled + 61
    assert {request.event_id for request in post.receiver.requests} == {event.id}
    assert len({request.body for request in post.receiver.requests}) == 1
    (row,) = await post.deliveries()
    assert (row.state, row.attempts, row.last_status) == ("dead", 8, 500)
    assert row.last_error == "answered with 500"
    assert (post.counted("retried"), post.counted("dead")) == (7, 1)


async def test_events_of_one_call_never_overtake_each_other(post: Post) -> None:
    failing = {"call.started"}
    post.receiver.answer = lambda event: 500 if event["event"] in failing else 200
    await post.endpoint()
    await post.happen("call.ringing", "call.started", "call.ended")
    other = await post.happen("call.started", "call.ended", subject_id=(quick := uuid7()))
    assert quick == other[0].subject_id
    deliverer = post.deliverer()
    await post.work(deliverer)
    assert post.receiver.names() == ["call.ringing"]
    failing.clear()
    assert await post.work(deliverer) == 0  # nothing is due yet
    post.later(5)
    await post.work(deliverer)
    by_call: dict[str, list[str]] = {}
    subjects = {row.event_id: row.subject_id for row in await post.deliveries()}
    for request in post.receiver.taken:
        by_call.setdefault(subjects[request.event_id], []).append(request.json["event"])
    assert sorted(by_call.values()) == [
        ["call.ringing", "call.started", "call.ended"],
        ["call.started", "call.ended"],
    ]


async def test_what_follows_a_dead_event_is_delivered(post: Post) -> None:
    post.receiver.answer = lambda event: 410 if event["event"] == "call.ringing" else 200
    made = await post.endpoint()
    await post.happen("call.ringing", "call.ended")
    deliverer = post.deliverer()
    await post.work(deliverer)
    assert await post.states() == ["dead", "pending"]
    assert post.receiver.names() == []
    row = await post.stored_endpoint(made.id)
    assert (row.enabled, row.disabled_reason) == (False, "The receiver answered 410.")
    await post.happen("call.started")
    assert len(await post.deliveries()) == 2  # nothing is queued for it while it is off
    enabled = await post.store.webhook_endpoints.get(post.organization.id, made.id)
    assert enabled is not None
    await post.store.webhook_endpoints.update(made)
    await post.work(deliverer)
    assert post.receiver.names() == ["call.ended"]


@pytest.mark.parametrize("status", [400, 401, 404, 422, 302])
async def test_a_refusal_is_believed_after_three_attempts(post: Post, status: int) -> None:
    post.receiver.answer = lambda event: web.Response(
        status=status, headers={"Location": f"{post.base_url}/elsewhere"}
    )
    await post.endpoint()
    await post.happen("call.ended")
    deliverer = post.deliverer()
    for _ in range(5):
        await post.work(deliverer)
        post.later(40)
    assert [request.path for request in post.receiver.requests] == ["/hook"] * 3
    assert await post.states() == ["dead"]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_is_left_alone_as_long_as_it_asks(post: Post, status: int) -> None:
    busy = True

    def answer(event: dict[str, Any]) -> web.Response | int:
        return web.Response(status=status, headers={"Retry-After": "60"}) if busy else 204

    post.receiver.answer = answer
    await post.endpoint()
    await post.happen("call.ended")
    deliverer = post.deliverer()
    await post.work(deliverer)
    busy = False
    post.later(59)
    assert await post.work(deliverer) == 0
    post.later(1)
    assert await post.work(deliverer) == 1
    assert await post.states() == ["delivered"]


async def test_private_addresses_are_not_spoken_to(post: Post) -> None:
    port = post.base_url.rpartition(":")[2]
    literal = await post.endpoint(url=f"http://127.0.0.1:{port}/a")
    named = await post.endpoint(url=f"http://localhost:{port}/b")
    await post.happen("call.ended")
    deliverer = post.deliverer(allow_private=False)
    await post.work(deliverer)
    rows = {row.endpoint_id: row for row in await post.deliveries()}
    assert rows[literal.id].state == "dead"
    assert rows[literal.id].last_error == "The URL leads to a private address."
    assert rows[named.id].last_error == "the host has a private address"
    assert rows[named.id].state == "pending"  # what a name leads to may change
    assert post.receiver.requests == []


async def test_a_receiver_that_never_answers_costs_an_attempt(post: Post) -> None:
    post.receiver.hold = asyncio.Event()
    await post.endpoint()
    await post.happen("call.ended")
    await post.work(post.deliverer(DeliverySettings(timeout_s=0.05)))
    post.receiver.hold.set()
    (row,) = await post.deliveries()
    assert (row.state, row.attempts, row.last_error) == ("pending", 1, "no answer within 0.05 s")


async def test_nobody_listening_is_told_in_plain_words(post: Post) -> None:
    await post.receiver.stop()
    await post.endpoint()
    await post.happen("call.ended")
    await post.work(post.deliverer())
    (row,) = await post.deliveries()
    assert row.last_error == "Connection refused"


async def test_a_slow_receiver_holds_up_nobody_else(post: Post) -> None:
    post.receiver.hold = asyncio.Event()
    quick, url = await post.another_receiver()
    await post.endpoint()
    await post.endpoint(url=url)
    for _ in range(30):
        await post.happen("call.ended")
    deliverer = post.deliverer(DeliverySettings(timeout_s=30, concurrency=6, endpoint_concurrency=4))
    async with asyncio.timeout(10):
        while len(quick.taken) < 30:
            await deliverer.turn()
            await asyncio.sleep(0.001)
    assert post.receiver.requests == []
    assert quick.most_at_once <= 4
    post.receiver.hold.set()
    await post.work(deliverer)
    assert len(post.receiver.taken) == 30
    assert post.receiver.most_at_once == 4


async def test_an_endpoint_that_does_not_answer_gets_one_request_at_a_time(post: Post) -> None:
    await post.endpoint()
    for _ in range(9):
        await post.happen("call.ended")
    post.receiver.hold = asyncio.Event()
    deliverer = post.deliverer(DeliverySettings(timeout_s=0.05))
    assert await deliverer.turn() == 8
    async with asyncio.timeout(10):
        while deliverer.busy:
            begun = await deliverer.turn()
            assert begun <= 1
            await asyncio.sleep(0.001)
    post.receiver.hold.set()


async def test_two_nodes_never_deliver_the_same_at_once(post: Post) -> None:
    await post.endpoint()
    for _ in range(40):
        await post.happen("call.started", "call.ended")
    post.receiver.hold = asyncio.Event()
    one, other = post.deliverer(), post.deliverer()
    assert [await one.turn(), await other.turn()] == [8, 8]
    post.receiver.hold.set()
    await asyncio.gather(post.work(one), post.work(other))
    ids = [request.event_id for request in post.receiver.requests]
    assert len(ids) == len(set(ids)) == 80


async def test_what_a_dead_node_had_claimed_comes_back(post: Post) -> None:
    await post.endpoint()
    await post.happen("call.ended")
    dead = await post.store.webhook_queue.claim(
        {(await post.deliveries())[0].endpoint_id: 5}, post.now, post.now + timedelta(minutes=1), uuid7()
    )
    assert len(dead) == 1
    deliverer = post.deliverer()
    assert await post.work(deliverer) == 0
    post.later(60)
    assert await post.work(deliverer) == 1
    assert await post.states() == ["delivered"]


async def test_a_stop_gives_back_what_was_under_way(post: Post) -> None:
    await post.endpoint()
    await post.happen("call.ended")
    post.receiver.hold = asyncio.Event()
    stopped = post.deliverer()
    await stopped.turn()
    await stopped.close()
    post.receiver.hold.set()
    assert await post.work(post.deliverer()) == 1
    assert await post.states() == ["delivered"]


async def test_what_waits_is_counted(post: Post) -> None:
    post.receiver.answer = lambda event: 500
    await post.endpoint()
    await post.happen("call.started", "call.ended")
    deliverer = post.deliverer()
    await post.work(deliverer)
    post.later(5)
    await deliverer.turn()
    assert deliverer.waiting == 2
    post.receiver.answer = lambda event: 200
    await post.work(deliverer)
    post.later(30)
    await post.work(deliverer)
    post.later(30)
    await deliverer.turn()
    assert deliverer.waiting == 0


async def test_the_running_loop_delivers_by_itself(post: Post) -> None:
    await post.endpoint()
    deliverer = post.deliverer()
    deliverer.start()
    await post.happen("call.started", "call.ended")
    deliverer.wake()
    await post.receiver.wait_for(lambda: len(post.receiver.taken) == 2)
    assert post.receiver.names() == ["call.started", "call.ended"]
