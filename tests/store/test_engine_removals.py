from __future__ import annotations

from store import Store
from store.engine_removals import EngineObject, EngineRemoval


async def test_an_entry_is_there_once_and_until_it_is_done(store: Store) -> None:
    first, second = (EngineRemoval(EngineObject.AGENT, each) for each in ("a", "b"))
    for entry in (first, second, first):
        await store.engine_removals.add(entry)
    assert await store.engine_removals.list() == [first, second]
    assert await store.engine_removals.list(limit=1) == [first]
    await store.engine_removals.done(first)
    assert await store.engine_removals.list() == [second]
