"""What can go wrong in the store: one class per cause."""

from __future__ import annotations


class StoreError(Exception):
    """Base."""


class ConstraintError(StoreError):
    """The database refused a row: a duplicate, or a reference to something that does not exist."""


class StoreUnavailableError(StoreError):
    """The database is away, locked, full or shutting down; the same may succeed later."""


class UnstorableValueError(StoreError):
    """A value that no column can hold, for example text with a NUL."""


class NewerSchemaError(StoreError):
    """The database was used by a newer version of the program."""


class BackupError(StoreError):
    """A backup cannot be made of this database, or this file cannot be restored into it."""


class MissingRowError(StoreError):
    """The row that was to be changed is not there."""


class WriterFullError(StoreError):
    """More calls wait in a `CallWriter` than it may hold."""


class WriterClosedError(StoreError):
    """Something was put into a `CallWriter` after `close`."""
