"""`backup` and `restore`: the database as a file, in words."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from gateway.config import Config
from gateway.errors import ConfigurationError, InvalidRequestError
from store.backup import BackupReport, restore_backup, write_backup
from store.connection import Database
from store.errors import BackupError, StoreError


async def backup(config: Config, *, path: Path) -> int:
    """Write the database into a file, while gateways run on it or not. Raises `ConfigurationError`,
    `InvalidRequestError`.
    """
    database = _prepared(config)
    try:
        report = await write_backup(database, path)
    except BackupError as error:
        raise InvalidRequestError(f"nothing was written: {error}") from error
    except (StoreError, SQLAlchemyError) as error:
        raise ConfigurationError(f"the database cannot be read: {getattr(error, 'orig', error)}") from error
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        await database.close()
    print(f"wrote {path}: {_rows(report)}")
    return 0


async def restore(config: Config, *, path: Path) -> int:
    """Fill an empty database from a file. Raises as `backup`."""
    database = _prepared(config)
    try:
        report = await restore_backup(database, path)
    except BackupError as error:
        raise InvalidRequestError(f"nothing was restored: {error}") from error
    except (StoreError, SQLAlchemyError) as error:
        raise ConfigurationError(f"the database cannot be used: {getattr(error, 'orig', error)}") from error
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror or error}") from error
    finally:
        await database.close()
    print(f"restored {path}: {_rows(report)}")
    return 0


def _prepared(config: Config) -> Database:
    try:
        return Database.prepare(config.database_url())
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise ConfigurationError(f"the database cannot be used: {error}") from error


def _rows(report: BackupReport) -> str:
    filled = [f"{count} {name}" for name, count in report.rows.items() if count]
    return (", ".join(filled) or "nothing") + f" (schema {report.revision})"
