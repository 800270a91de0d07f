from __future__ import annotations

import gzip
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store import Store, backup
from store.backup import LEFT_OUT, BackupReport, restore_backup, write_backup
from store.cluster_records import NodeRecord
from store.connection import Database
from store.errors import BackupError
from store.migrations import newest_revision, revision_of, upgrade_to
from store.records import Organization
from store.tables import metadata, webhook_deliveries
from store.webhook_records import OutboxEvent, WebhookEndpoint
from tests.store.released_rows import RELEASED_ROWS
from tests.store.samples import T0, call, events


@pytest.fixture
async def target(database_url: str) -> AsyncIterator[Database]:
    """Nothing, not even a schema, on the other kind of database or on the same."""
    database = Database.prepare(database_url)
    yield database
    await database.close()


async def content(database: Database) -> dict[str, list[Any]]:
    """Every row of every table."""
    async with database.reading() as connection:
        return {
            table.name: sorted(map(tuple, (await connection.execute(sa.select(table))).all()), key=repr)
            for table in metadata.sorted_tables
            if table.name not in LEFT_OUT
        }


async def fill(store: Store) -> None:
    """A row in each table that the first release had, and some hundreds of calls."""
    async with store.database.transaction() as connection:
        for name, row in RELEASED_ROWS.items():
            await connection.execute(metadata.tables[name].insert(), row)
    owner = RELEASED_ROWS["organizations"]["id"]
    many = [call(owner, variables={"name": "Zoë ☎\n", "n": number}) for number in range(620)]
    await store.calls.save_batch(many, [event for made in many[:3] for event in events(made.id, 4)])


async def test_everything_goes_from_either_kind_of_database_into_either(
    store: Store, target: Database, tmp_path: Path
) -> None:
    await fill(store)
    await store.nodes.enter(NodeRecord("here", "run"))
    file = tmp_path / "backup.gz"
    written = await write_backup(store.database, file)
    assert (written.rows["calls"], written.rows["call_timeline"]) == (621, 13)
    assert oct(os.stat(file).st_mode & 0o777) == "0o600"
    assert await restore_backup(target, file) == written
    assert await content(target) == await content(store.database)
    restored = Store(target)
    assert await restored.nodes.list() == [], "what is true of running gateways only is left behind"
    async with target.reading() as connection:
        assert await connection.run_sync(revision_of) == newest_revision()


async def test_a_backup_is_of_one_moment(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that comes while it is written is not in it, neither whole nor half."""
    store = await Store.open(database_url)
    organization = Organization("o", "Acme", T0)
    await store.organizations.create(organization)
    write = backup._write

    async def write_while_a_call_comes(connection: AsyncConnection, file: gzip.GzipFile) -> BackupReport:
        await connection.execute(sa.text("SELECT 1 FROM organizations"))
        late = call(organization.id)
        await store.calls.save_batch([late], events(late.id, 3))
        return await write(connection, file)

    monkeypatch.setattr(backup, "_write", write_while_a_call_comes)
    report = await write_backup(store.database, tmp_path / "b.gz")
    assert (report.rows["organizations"], report.rows["calls"], report.rows["call_timeline"]) == (1, 0, 0)
    assert (await store.calls.list(organization.id)).total == 1
    await store.close()


async def test_a_database_that_holds_anything_is_left_alone(store: Store, tmp_path: Path) -> None:
    await fill(store)
    file = tmp_path / "backup.gz"
    await write_backup(store.database, file)
    before = await content(store.database)
    with pytest.raises(BackupError, match="not empty"):
        await restore_backup(store.database, file)
    assert await content(store.database) == before


async def test_a_database_that_is_migrated_and_empty_is_filled(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "backup.gz"
    empty = await Store.open("sqlite:///:memory:")
    await fill(empty)
    await write_backup(empty.database, file)
    await store.nodes.enter(NodeRecord("here", "run"))  # a gateway was here, and nothing else
    await restore_backup(store.database, file)
    assert await content(store.database) == await content(empty.database)
    await empty.close()


async def test_deliveries_go_on_behind_those_that_were_restored(
    store: Store, target: Database, organization: Organization, tmp_path: Path
) -> None:
    """Their order is a number that the database gives."""
    await store.webhook_endpoints.create(
        WebhookEndpoint("e", organization.id, "https://example.com", "whsec_x", T0, T0)
    )
    async with store.database.transaction() as connection:
        for number in range(3):
            await store.outbox.append(connection, [_event(organization.id, f"event {number}")])
    await write_backup(store.database, tmp_path / "b.gz")
    await restore_backup(target, tmp_path / "b.gz")
    restored = Store(target)
    async with target.transaction() as connection:
        assert await restored.outbox.append(connection, [_event(organization.id, "later")]) == 1
    async with target.reading() as connection:
        query = sa.select(webhook_deliveries.c.event_id).order_by(webhook_deliveries.c.sequence)
        assert list((await connection.execute(query)).scalars())[-1] == "later"


def _event(organization_id: str, event_id: str) -> OutboxEvent:
    return OutboxEvent(event_id, organization_id, "call.started", "call", T0, lambda: "{}")


async def test_a_backup_of_an_older_version_is_brought_to_the_newest_schema(
    target: Database, tmp_path: Path
) -> None:
    file = tmp_path / "old.gz"
    lines: list[Any] = [{"format": "trunkline-backup", "version": 1, "revision": "0001"}]
    for name, row in RELEASED_ROWS.items():
        values = [{"base64": "e30="} if isinstance(value, bytes) else value for value in row.values()]
        lines += [{"table": name, "columns": list(row)}, values]
    lines.append({"rows": dict.fromkeys(RELEASED_ROWS, 1)})
    with gzip.open(file, "wt") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)
    await restore_backup(target, file)
    (found,) = (await Store(target).calls.list(RELEASED_ROWS["organizations"]["id"])).items
    assert found.recording_status == "processing", "as the migration has it"


def _changed(data: bytes, old: bytes, new: bytes) -> bytes:
    return gzip.compress(gzip.decompress(data).replace(old, new))


DAMAGES: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda data: data[: len(data) // 2], "to its end"),
    (lambda data: gzip.compress(b"\n".join(gzip.decompress(data).splitlines()[:-1])), "cut short"),
    (lambda data: _changed(data, b'"organizations":1', b'"organizations":2'), "rows"),
    (lambda data: _changed(data, b'"revision":"', b'"revision":"9'), "newer"),
    (lambda data: _changed(data, b'"engine_agent_id"', b'"no_such_column"'), "of this shape"),
    (lambda data: gzip.compress(b'{"some": "thing"}\n'), "no backup"),
    (lambda data: b"not even compressed", "to its end"),
]


@pytest.mark.parametrize(("damage", "why"), DAMAGES)
async def test_a_damaged_file_leaves_nothing(
    target: Database, tmp_path: Path, damage: Callable[[bytes], bytes], why: str
) -> None:
    source = await Store.open("sqlite:///:memory:")
    await fill(source)
    file = tmp_path / "backup.gz"
    await write_backup(source.database, file)
    await source.close()
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(BackupError, match=why):
        await restore_backup(target, file)
    async with target.reading() as connection:
        assert await connection.run_sync(revision_of) is None


async def test_a_schema_that_was_not_brought_up_to_date_is_told(target: Database, tmp_path: Path) -> None:
    async with target.transaction() as connection:
        await connection.run_sync(upgrade_to, "0003")
    with pytest.raises(BackupError, match="0003"):
        await write_backup(target, tmp_path / "backup.gz")
    assert not [name for name in os.listdir(tmp_path) if "backup" in name], "no half file is left"
