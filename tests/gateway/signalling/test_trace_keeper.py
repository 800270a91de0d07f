"""Which calls' messages are saved, when, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.signalling.saved_signalling import LegMessage, unpacked
from gateway.signalling.trace_keeper import SETTLE_S, Saving, TraceKeeper
from store import Store
from store.records import CallStatus
from tests.gateway.signalling.messages import sip, traced
from tests.gateway.test_metrics import RECORD

MESSAGES: list[LegMessage] = [("c1", "contact", traced(sip()))]
FAILED = replace(RECORD, status=CallStatus.FAILED)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


def keeper(store: Store, saving: Saving, messages: list[LegMessage] = MESSAGES) -> TraceKeeper:
    return TraceKeeper(store.call_signalling, lambda _: (messages, 0), saving, 3600.0, clock=lambda: 100.0)


@pytest.mark.parametrize(
    ("saving", "ended", "failed"), [("all", True, True), ("failed", False, True), ("none", False, False)]
)
async def test_what_is_saved_is_a_setting(store: Store, saving: Saving, ended: bool, failed: bool) -> None:
    kept = keeper(store, saving)
    kept.ended(replace(RECORD, id="ended"))
    kept.ended(replace(FAILED, id="failed"))
    await kept.save_due(100.0 + SETTLE_S)
    assert (await kept.saved("ended") is not None, await kept.saved("failed") is not None) == (ended, failed)


async def test_the_answer_to_the_last_bye_is_waited_for(store: Store) -> None:
    kept = keeper(store, "all")
    kept.ended(FAILED)
    await kept.save_due(100.0 + SETTLE_S - 0.1)
    assert (await kept.saved(FAILED.id), kept.waiting) == (None, 1)
    await kept.save_due(100.0 + SETTLE_S)
    value = await kept.saved(FAILED.id)
    assert value is not None
    assert unpacked(value) == (MESSAGES, 0)
    assert kept.waiting == 0


async def test_what_waits_is_saved_at_the_end(store: Store) -> None:
    kept = keeper(store, "all")
    kept.start()
    for number in range(150):
        kept.ended(replace(FAILED, id=f"{number}"))
    await kept.close()
    assert await kept.saved("149") is not None


async def test_a_call_without_messages_leaves_no_row(store: Store) -> None:
    kept = keeper(store, "all", [])
    kept.ended(FAILED)
    await kept.save_due(200.0)
    assert (await kept.saved(FAILED.id), kept.waiting) == (None, 0)


async def test_old_ones_are_forgotten(store: Store) -> None:
    await store.call_signalling.save(datetime.now(UTC) - timedelta(hours=2), [("old", b"x")])
    await store.call_signalling.save(datetime.now(UTC), [("new", b"x")])
    kept = keeper(store, "failed")
    kept.start()
    async with asyncio.timeout(10):
        while await kept.saved("old") is not None:
            await asyncio.sleep(0.01)
    await kept.close()
    assert await kept.saved("new") == b"x"
