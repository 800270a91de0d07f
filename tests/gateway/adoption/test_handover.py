"""A node that stops gives its calls away, and keeps those that nobody wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.adoption.handover import Handover
from gateway.adoption.places import SnapshotPlaces
from gateway.adoption.snapshot import CallSnapshot
from gateway.call import Call
from store import Store
from store.records import CallStatus, RecordingStatus
from tests.gateway.adoption.samples import call_snapshot
from tests.gateway.doubles import until
from tests.store.samples import call


class Session:
    over = False

    def __init__(self, **fields: Any) -> None:
        record = call("o1", status=CallStatus.IN_PROGRESS, **fields)
        self.call = Call(record, lambda record, steps, names: None)
        self.gone = False
        self.state: CallSnapshot | None = call_snapshot()

    def snapshot(self) -> CallSnapshot | None:
        return self.state

    def let_go(self) -> None:
        self.gone = True


class Adopter:
    """Wants some calls and not others."""

    def __init__(self, *wanted: str) -> None:
        self.wanted = wanted
        self.asked: list[tuple[str, str]] = []

    async def take_over(self, call_id: str, from_node: str) -> bool:
        self.asked.append((call_id, from_node))
        if call_id not in self.wanted:
            raise RuntimeError("no port is free")
        return True


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


async def _written() -> None:
    pass


def node(store: Store, name: str, adopter: Adopter, *, others: int = 1) -> Handover:
    return Handover(
        store.call_handovers,
        SnapshotPlaces(store.call_snapshots),
        adopter,  # type: ignore[arg-type]
        name,
        enabled=True,
        others=lambda: others,
        busy=lambda: False,
        written=_written,
    )


async def test_what_another_takes_is_let_go_and_the_rest_stays(store: Store) -> None:
    wanted, refused, transferring = Session(), Session(), Session()
    recorded = Session(recording_status=RecordingStatus.RECORDING)
    transferring.state = None
    adopter = Adopter(wanted.call.id)
    staying = node(store, "staying", adopter)
    staying.start()
    sessions: Any = (wanted, refused, transferring, recorded)
    assert await node(store, "leaving", Adopter()).hand_over(sessions, recorded=False) == 1
    assert [each.gone for each in sessions] == [True, False, False, False]
    assert sorted(adopter.asked) == sorted((each.call.id, "leaving") for each in (wanted, refused))
    assert await store.call_handovers.states("leaving") == {}, "nothing is offered any more"
    await staying.close()


async def test_a_recorded_call_is_given_away_rather_than_ended(store: Store) -> None:
    recorded = Session(recording_status=RecordingStatus.RECORDING)
    staying = node(store, "staying", Adopter(recorded.call.id))
    staying.start()
    sessions: Any = (recorded,)
    assert await node(store, "leaving", Adopter()).hand_over(sessions, recorded=True) == 1
    await until(lambda: recorded.gone)
    await staying.close()


async def test_a_node_alone_offers_nothing(store: Store) -> None:
    session = Session()
    sessions: Any = (session,)
    assert await node(store, "alone", Adopter(), others=0).hand_over(sessions, recorded=True) == 0
    assert not session.gone
    assert await store.call_snapshots.get(session.call.id) is None
