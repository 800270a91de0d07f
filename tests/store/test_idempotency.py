from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from store import Store
from store.errors import MissingRowError
from store.idempotency import TIME_TO_LIVE, IdempotencyPhase, IdempotencyState
from tests.store.samples import T0

SCOPE = "org POST /calls"
NEW = IdempotencyState(IdempotencyPhase.NEW)


async def test_a_key_is_new_once_and_then_running(store: Store) -> None:
    assert await store.idempotency.begin(SCOPE, "k", "hash", T0) == NEW
    assert (await store.idempotency.begin(SCOPE, "k", "hash", T0)).phase is IdempotencyPhase.RUNNING


async def test_a_retry_gets_the_first_answer_byte_for_byte(store: Store) -> None:
    await store.idempotency.begin(SCOPE, "k", "hash", T0)
    await store.idempotency.complete(SCOPE, "k", 201, b'{"id":\xff}', {"Location": "/x"})
    state = await store.idempotency.begin(SCOPE, "k", "hash", T0 + timedelta(hours=23))
    assert state == IdempotencyState(IdempotencyPhase.COMPLETED, 201, {"Location": "/x"}, b'{"id":\xff}')


async def test_another_body_is_a_conflict_before_and_after_the_answer(store: Store) -> None:
    await store.idempotency.begin(SCOPE, "k", "hash", T0)
    assert (await store.idempotency.begin(SCOPE, "k", "other", T0)).phase is IdempotencyPhase.CONFLICT
    await store.idempotency.complete(SCOPE, "k", 201, b"")
    assert (await store.idempotency.begin(SCOPE, "k", "other", T0)).phase is IdempotencyPhase.CONFLICT


async def test_scopes_do_not_share_keys(store: Store) -> None:
    await store.idempotency.begin(SCOPE, "k", "hash", T0)
    assert await store.idempotency.begin("another POST /calls", "k", "hash", T0) == NEW


async def test_a_forgotten_key_is_new_again(store: Store) -> None:
    await store.idempotency.begin(SCOPE, "k", "hash", T0)
    await store.idempotency.forget(SCOPE, "k")
    assert await store.idempotency.begin(SCOPE, "k", "other", T0) == NEW


async def test_an_answer_without_a_claim_is_an_error(store: Store) -> None:
    with pytest.raises(MissingRowError):
        await store.idempotency.complete(SCOPE, "k", 201, b"")


async def test_a_key_is_new_again_after_its_time(store: Store) -> None:
    await store.idempotency.begin(SCOPE, "k", "hash", T0)
    almost = T0 + TIME_TO_LIVE - timedelta(microseconds=1)
    assert (await store.idempotency.begin(SCOPE, "k", "hash", almost)).phase is IdempotencyPhase.RUNNING
    assert await store.idempotency.begin(SCOPE, "k", "other", T0 + TIME_TO_LIVE) == NEW


async def test_pruning_removes_what_has_expired(store: Store) -> None:
    await store.idempotency.begin(SCOPE, "old", "hash", T0)
    await store.idempotency.begin(SCOPE, "young", "hash", T0 + timedelta(hours=1))
    assert await store.idempotency.prune(T0 + TIME_TO_LIVE) == 1
    assert await store.idempotency.prune(T0 + TIME_TO_LIVE) == 0
    assert (await store.idempotency.begin(SCOPE, "young", "hash", T0)).phase is IdempotencyPhase.RUNNING


async def test_of_many_at_once_exactly_one_is_new_across_processes(database_url: str) -> None:
    stores = [await Store.open(database_url), await Store.open(database_url)]
    try:
        states = await asyncio.gather(
            *(stores[i % 2].idempotency.begin(SCOPE, "k", "hash", T0) for i in range(20))
        )
    finally:
        for store in stores:
            await store.close()
    assert [state.phase for state in states].count(IdempotencyPhase.NEW) == 1
    assert [state.phase for state in states].count(IdempotencyPhase.RUNNING) == 19
