from __future__ import annotations

import pytest
from sqlalchemy.exc import SQLAlchemyError

from store import Store
from store.errors import StoreError


@pytest.mark.parametrize("url", ["", "no url", "nosuchdatabase://x", "sqlite:////dev/null/x.db"])
async def test_an_unusable_url_is_an_error(url: str) -> None:
    with pytest.raises((SQLAlchemyError, StoreError, OSError)):
        await Store.open(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite:///:memory:"])
async def test_a_store_in_memory_is_opened_by_each_spelling(url: str) -> None:
    store = await Store.open(url)
    assert await store.organizations.list() == []
    await store.close()
