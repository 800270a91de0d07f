"""Snapshots are written seldom: when something changed that counts, not at all for a call that is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from gateway.adoption.snapshot import CallSnapshot, decode
from gateway.adoption.snapshot_keeper import SnapshotKeeper
from gateway.call import Call
from sip.dialog_snapshot import CSEQ_MARGIN
from store.errors import StoreUnavailableError
from store.records import CallDirection, CallRecord, CallStatus
from tests.gateway.adoption.samples import call_snapshot


class Places:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.writes = 0
        self.away = False

    async def save(self, snapshots: Mapping[str, bytes]) -> None:
        if self.away:
            raise StoreUnavailableError("away")
        self.writes += len(snapshots)
        self.kept |= snapshots

    async def remove(self, call_ids: Sequence[str]) -> None:
        for call_id in call_ids:
            del self.kept[call_id]


class Session:
    def __init__(self) -> None:
        record = CallRecord(
            id="c1",
            organization_id="o1",
            status=CallStatus.IN_PROGRESS,
            direction=CallDirection.INBOUND,
            agent_id="agent-1",
            created_at=datetime.now(UTC),
        )
        self.call = Call(record, lambda record, steps, names: None)
        self.state: CallSnapshot | None = call_snapshot()

    def snapshot(self) -> CallSnapshot | None:
        return self.state


def opened() -> tuple[SnapshotKeeper, Places, Session]:
    places = Places()
    return SnapshotKeeper(places), places, Session()  # type: ignore[arg-type]


async def test_one_write_for_an_answered_call_and_none_for_refreshes() -> None:
    keeper, places, session = opened()
    keeper.changed(session)
    await keeper.flush()
    for number in range(2, 40):
        session.state = call_snapshot(local_cseq=number)
        keeper.changed(session)
        await keeper.flush()
    assert places.writes == 1
    session.state = call_snapshot(local_cseq=CSEQ_MARGIN)
    keeper.changed(session)
    await keeper.flush()
    assert places.writes == 2, "before the room that is left for numbers is used up"


async def test_a_peer_that_moved_is_written() -> None:
    keeper, places, session = opened()
    keeper.changed(session)
    await keeper.flush()
    dialog = replace(call_snapshot().dialog, remote_target="sip:caller@192.0.2.66")
    session.state = replace(call_snapshot(), dialog=dialog)
    keeper.changed(session)
    await keeper.flush()
    assert decode(places.kept["c1"]).dialog.remote_target == "sip:caller@192.0.2.66"


async def test_a_call_that_is_over_before_is_never_written_and_one_that_was_is_removed() -> None:
    keeper, places, session = opened()
    keeper.changed(session)
    keeper.over("c1")
    await keeper.flush()
    assert places.writes == 0
    keeper.changed(session)
    await keeper.flush()
    keeper.over("c1")
    await keeper.flush()
    assert (places.writes, places.kept) == (1, {})


async def test_during_a_transfer_there_is_no_snapshot_and_afterwards_there_is() -> None:
    keeper, places, session = opened()
    keeper.changed(session)
    await keeper.flush()
    session.state = None
    session.call.step("transfer-started")
    await keeper.flush()
    assert places.kept == {}
    session.state = call_snapshot()
    session.call.step("transfer-failed")
    await keeper.flush()
    assert list(places.kept) == ["c1"]


async def test_what_could_not_be_written_is_written_later() -> None:
    keeper, places, session = opened()
    places.away = True
    keeper.changed(session)
    with pytest.raises(StoreUnavailableError):
        await keeper.flush()
    places.away = False
    await keeper.flush()
    assert list(places.kept) == ["c1"]


async def test_the_snapshot_of_a_call_that_somebody_else_has_is_left_to_him() -> None:
    keeper, places, session = opened()
    keeper.changed(session)
    await keeper.flush()
    keeper.left("c1")
    await keeper.flush()
    assert list(places.kept) == ["c1"]


async def test_switched_off_it_keeps_nothing() -> None:
    places = Places()
    keeper = SnapshotKeeper(places, enabled=False)  # type: ignore[arg-type]
    keeper.changed(Session())
    await keeper.flush()
    assert places.writes == 0
