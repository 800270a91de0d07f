from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from control_api.envelope import REQUEST_ID
from control_api.errors import (
    IdempotencyInProgressError,
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
)
from control_api.idempotency import REPLAYED_HEADER, Idempotency, body_hash, idempotency_key
from gateway.errors import GatewayError, InvalidRequestError, LimitExceededError, UnavailableError
from store import Store

pytestmark = pytest.mark.both_databases


def post(key: str | None, body: bytes = b"{}", path: str = "/calls", **more: str) -> Request:
    headers = [(b"x-idempotency-key", key.encode("latin-1"))] if key is not None else []
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        REQUEST_ID: "f98eb11f-9f34-4d13-9075-0e29f106f37d",
    }
    return Request(scope, receive)


class Work:
    """A handler that counts how often it really ran."""

    def __init__(self) -> None:
        self.runs = 0
        self.fail_with: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        self.runs += 1
        self.started.set()
        await self.gate.wait()
        if self.fail_with is not None:
            raise self.fail_with
        return JSONResponse({"run": self.runs}, 201)


async def test_a_retry_gets_the_first_answer_and_nothing_runs(store: Store) -> None:
    work = Work()
    first = await Idempotency(store.idempotency).run("org", post("k", b'{"a":1,"b":2}'), work)
    again = await Idempotency(store.idempotency).run("org", post("k", b'{ "b": 2, "a": 1 }'), work)
    assert work.runs == 1
    assert (again.status_code, again.body) == (first.status_code, first.body)
    assert again.headers[REPLAYED_HEADER] == "true"
    assert REPLAYED_HEADER not in first.headers


async def test_without_a_key_every_request_runs(store: Store) -> None:
    work = Work()
    for _ in range(2):
        await Idempotency(store.idempotency).run("org", post(None), work)
    assert work.runs == 2


async def test_another_body_with_the_same_key_is_refused(store: Store) -> None:
    work = Work()
    await Idempotency(store.idempotency).run("org", post("k", b'{"a":1}'), work)
    with pytest.raises(IdempotencyKeyReusedError):
        await Idempotency(store.idempotency).run("org", post("k", b'{"a":2}'), work)
    assert work.runs == 1


async def test_a_key_belongs_to_one_organisation_and_one_path(store: Store) -> None:
    work = Work()
    await Idempotency(store.idempotency).run("org", post("k"), work)
    await Idempotency(store.idempotency).run("other", post("k"), work)
    await Idempotency(store.idempotency).run("org", post("k", path="/agents"), work)
    assert work.runs == 3


async def test_of_many_at_once_one_runs_and_the_others_are_told_to_wait(store: Store) -> None:
    work = Work()
    work.gate.clear()
    running = asyncio.create_task(Idempotency(store.idempotency).run("org", post("k"), work))
    await work.started.wait()
    for _ in range(3):
        with pytest.raises(IdempotencyInProgressError) as caught:
            await Idempotency(store.idempotency).run("org", post("k"), work)
        assert caught.value.details["retry_after"] >= 1
    work.gate.set()
    assert (await running).status_code == 201
    assert (await Idempotency(store.idempotency).run("org", post("k"), work)).status_code == 201
    assert work.runs == 1


async def test_a_refusal_is_remembered_too(store: Store) -> None:
    work = Work()
    work.fail_with = InvalidRequestError("no number", code="no_phone_number_configured")
    first = await Idempotency(store.idempotency).run("org", post("k"), work)
    work.fail_with = None
    again = await Idempotency(store.idempotency).run("org", post("k"), work)
    assert (first.status_code, again.status_code, work.runs) == (422, 422, 1)
    assert first.body == again.body


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (LimitExceededError("queue", retry_after=3), 429),
        (UnavailableError("draining", retry_after=3), 503),
        (GatewayError("unmapped"), 500),
    ],
)
async def test_after_a_passing_failure_the_same_key_may_try_again(
    store: Store, failure: Exception, status: int
) -> None:
    work = Work()
    work.fail_with = failure
    assert (await Idempotency(store.idempotency).run("org", post("k"), work)).status_code == status
    work.fail_with = None
    assert (await Idempotency(store.idempotency).run("org", post("k"), work)).status_code == 201
    assert work.runs == 2


async def test_after_a_crash_the_same_key_may_try_again(store: Store) -> None:
    work = Work()
    work.fail_with = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await Idempotency(store.idempotency).run("org", post("k"), work)
    work.fail_with = None
    assert (await Idempotency(store.idempotency).run("org", post("k"), work)).status_code == 201


async def test_a_request_cut_off_half_way_keeps_its_key_taken(store: Store) -> None:
    work = Work()
    work.gate.clear()
    running = asyncio.create_task(Idempotency(store.idempotency).run("org", post("k"), work))
    await work.started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(IdempotencyInProgressError):
        await Idempotency(store.idempotency).run("org", post("k"), work)


async def test_an_answer_that_cannot_be_kept_is_still_given(store: Store) -> None:
    class Failing:
        begin = store.idempotency.begin
        forget = store.idempotency.forget
        prune = store.idempotency.prune

        async def complete(self, scope: str, key: str, status: int, body: bytes) -> None:
            raise OSError("disk full")

    work = Work()
    assert (await Idempotency(Failing()).run("org", post("k"), work)).status_code == 201
    with pytest.raises(IdempotencyInProgressError):
        await Idempotency(store.idempotency).run("org", post("k"), work)


async def test_a_too_large_body_is_not_remembered_as_a_crash(store: Store) -> None:
    work = Work()
    work.fail_with = HTTPException(413, "too large")
    assert (await Idempotency(store.idempotency).run("org", post("k"), work)).status_code == 413


def test_either_header_may_carry_the_key() -> None:
    assert idempotency_key(post("k")) == "k"
    assert idempotency_key(post(None, idempotency_key="k")) == "k"
    assert idempotency_key(post("k", idempotency_key="k")) == "k"
    assert idempotency_key(post(None)) is None


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\xe9", "a\x00b"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with pytest.raises(IdempotencyKeyInvalidError):
        idempotency_key(post(key))


def test_two_different_keys_are_refused() -> None:
    with pytest.raises(IdempotencyKeyInvalidError):
        idempotency_key(post("one", idempotency_key="two"))


def test_a_body_that_is_not_json_is_hashed_as_it_is() -> None:
    assert body_hash(b"{") != body_hash(b"{ ")
    assert body_hash(b'{"a": [1, 2]}') == body_hash(b'{"a":[1,2]}')
    assert body_hash(b'{"a": [1, 2]}') != body_hash(b'{"a": [2, 1]}')


async def test_a_key_is_forgotten_after_a_day_and_leaves_nothing_behind(store: Store) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    idempotency = Idempotency(store.idempotency, lambda: now)
    work = Work()
    await idempotency.run("org", post("k"), work)
    now += timedelta(hours=23)
    await idempotency.run("org", post("k"), work)
    assert work.runs == 1
    now += timedelta(hours=2)
    await idempotency.run("org", post("other"), work)
    assert await store.idempotency.prune(now) == 0  # the expired key went with the request before
    await idempotency.run("org", post("k"), work)
    assert work.runs == 3
