from __future__ import annotations

from pathlib import Path

import pytest

from gateway.backup_commands import backup, restore
from gateway.config import Config
from gateway.errors import ConfigurationError, InvalidRequestError
from gateway.open_store import open_store
from store.identifiers import uuid7
from store.records import Organization
from tests.store.samples import T0


def config(folder: Path) -> Config:
    return Config(data_dir=folder)


async def test_a_database_is_carried_to_another_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup.gz"
    store = await open_store(config(tmp_path / "old"))
    organization = Organization(uuid7(), "Acme", T0)
    await store.organizations.create(organization)
    assert await backup(config(tmp_path / "old"), path=file) == 0  # while the other still has it open
    await store.close()
    assert await restore(config(tmp_path / "new"), path=file) == 0
    said = capsys.readouterr().out
    assert said.count("1 organizations") == 2
    store = await open_store(config(tmp_path / "new"))
    assert await store.organizations.list() == [organization]
    await store.close()
    with pytest.raises(InvalidRequestError, match="not empty"):
        await restore(config(tmp_path / "new"), path=file)


async def test_what_cannot_be_done_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="revision None"):
        await backup(config(tmp_path / "empty"), path=tmp_path / "b.gz")
    with pytest.raises(InvalidRequestError, match=r"missing\.gz cannot be read"):
        await restore(config(tmp_path / "new"), path=tmp_path / "missing.gz")
    store = await open_store(config(tmp_path / "full"))
    await store.close()
    with pytest.raises(InvalidRequestError, match="cannot be written"):
        await backup(config(tmp_path / "full"), path=tmp_path / "no" / "folder" / "b.gz")
    (tmp_path / "text" / "trunkline.db").parent.mkdir()
    (tmp_path / "text" / "trunkline.db").write_text("this is no database at all " * 100)
    with pytest.raises(ConfigurationError, match="not a database"):
        await backup(config(tmp_path / "text"), path=tmp_path / "b.gz")
