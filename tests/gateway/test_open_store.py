"""A database that cannot be opened, in words."""

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.open_store import open_store
from tests.gateway.scene import config_for


async def test_a_good_database_is_opened(tmp_path: Path) -> None:
    store = await open_store(config_for(tmp_path / "new"))
    assert await store.calls.unfinished() == []
    await store.close()


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////proc/none/x.db", "oracle://127.0.0.1/x"])
async def test_a_bad_one_is_a_fault_of_the_configuration(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="database"):
        await open_store(config_for(tmp_path, store={"url": url}))


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "trunkline.db").write_bytes(b"this is text, not a database" * 100)
    with pytest.raises(ConfigurationError, match="not a database"):
        await open_store(config_for(tmp_path))
