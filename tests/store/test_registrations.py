"""Registered Contacts in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store.database import Store
from store.registrar_records import RegisteredContact

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def contact(name: str, seconds: int = 60) -> RegisteredContact:
    return RegisteredContact(
        contact=f"sip:{name}@192.0.2.1",
        transport="udp",
        host="192.0.2.1",
        port=5062,
        local_port=5060,
        call_id="c",
        cseq=7,
        registered_at=NOW,
        seen_at=NOW,
        expires_at=NOW + timedelta(seconds=seconds),
        path=("<sip:edge.example;lr>",),
        q=0.5,
        instance="<urn:uuid:1>",
        reg_id=1,
        user_agent="Phone",
    )


async def test_what_is_saved_comes_back_and_takes_the_place_of_what_was(store: Store) -> None:
    first, second = contact("first"), contact("second")
    await store.registrations.save("here", {"a": [first], "b": [first, second]})
    await store.registrations.save("there", {"a": [second]})
    assert await store.registrations.of_node("here") == {"a": (first,), "b": (first, second)}
    await store.registrations.save("here", {"a": [second], "b": []})
    assert await store.registrations.of_node("here") == {"a": (second,)}
    assert await store.registrations.nodes_of("a", NOW) == ["here", "there"]
    assert await store.registrations.nodes_of("b", NOW) == []


async def test_what_has_run_out_is_nowhere_and_pruned(store: Store) -> None:
    await store.registrations.save(
        "here", {"a": [contact("x", 60), contact("y", 10)], "b": [contact("z", 10)]}
    )
    later = NOW + timedelta(seconds=30)
    assert await store.registrations.nodes_of("b", later) == []
    assert await store.registrations.prune(later) == 1
    assert list(await store.registrations.of_node("here")) == ["a"]
