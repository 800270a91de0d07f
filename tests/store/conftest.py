"""An open store in memory, an organisation in it, and records to fill it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from store import Store
from store.identifiers import uuid7
from store.records import Organization


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


@pytest.fixture
async def organization(store: Store) -> Organization:
    made = Organization(uuid7(), "Acme", datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC))
    await store.organizations.create(made)
    return made
