"""Opening the database, with faults told in the operator's words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from gateway.config import Config
from gateway.errors import ConfigurationError
from store.database import Store
from store.errors import StoreError


async def open_store(config: Config) -> Store:
    """Raises `ConfigurationError` when the database cannot be used; its URL, which may hold a password, is
    not repeated.
    """
    try:
        return await Store.open(config.database_url())
    except (SQLAlchemyError, StoreError, OSError) as error:
        raise ConfigurationError(f"the database cannot be used: {getattr(error, 'orig', error)}") from error
    except ImportError as error:
        raise ConfigurationError(f"the database's driver is missing: {error}") from error


@asynccontextmanager
async def opened_store(config: Config) -> AsyncIterator[Store]:
    """The store for the time of a block. Raises as `open_store`."""
    store = await open_store(config)
    try:
        yield store
    finally:
        await store.close()
