"""An organisation with a contact book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.contacts.contact_book import ContactBook
from store import Store
from store.identifiers import uuid7
from store.records import Organization


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


@pytest.fixture
def book(store: Store) -> ContactBook:
    return ContactBook(store, import_max_rows=500)


@pytest.fixture
async def ours(store: Store) -> str:
    organization = Organization(uuid7(), "ours", datetime(2026, 1, 1, tzinfo=UTC))
    await store.organizations.create(organization)
    return organization.id
