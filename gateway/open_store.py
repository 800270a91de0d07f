"""Opening the database, with faults told in the operator's words."""

from __future__ import annotations

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
