from __future__ import annotations

import asyncio

import pytest

from store import Store


async def test_each_change_has_the_next_number(store: Store) -> None:
    assert await store.revisions.current("directory") == 0
    for expected in (1, 2):
        async with store.revisions.turn("directory") as turn:
            assert turn.revision == expected - 1
            assert await turn.changed() == expected
    assert await store.revisions.current("directory") == 2
    assert await store.revisions.current("something else") == 0


async def test_a_change_that_fails_has_none(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.revisions.turn("directory"):
            raise ZeroDivisionError
    assert await store.revisions.current("directory") == 0


async def test_nodes_take_turns(postgres_store: Store) -> None:
    """What one read in its turn nobody changes before the turn is over."""
    counter = 0

    async def change() -> None:
        nonlocal counter
        async with postgres_store.revisions.turn("directory") as turn:
            seen = counter
            await asyncio.sleep(0)
            assert turn.revision == seen
            counter = await turn.changed()

    await asyncio.gather(*(change() for _ in range(10)))
    assert counter == await postgres_store.revisions.current("directory") == 10


async def test_turns_of_other_names_do_not_wait(postgres_store: Store) -> None:
    async with (
        asyncio.timeout(10),
        postgres_store.revisions.turn("one"),
        postgres_store.revisions.turn("other") as turn,
    ):
        await turn.changed()
