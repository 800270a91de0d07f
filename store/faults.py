"""What a failure of the database means: that it is away, or that a value is not one it can keep.

SQLite's driver has a class for each. asyncpg's faults mostly arrive as a bare `DBAPIError`; there the
SQLSTATE tells (PostgreSQL's appendix A).
"""

from __future__ import annotations

from sqlalchemy import exc

from store.errors import ConstraintError, StoreError, StoreUnavailableError, UnstorableValueError

# 08 connection, 40 transaction rolled back (deadlock, serialization), 53 resources, 55 not in the needed
# state (lock not available), 57 operator intervention (shutting down, starting up), 58 system errors
_PASSING_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
_DATA_CLASS = "22"  # text with a NUL, a number out of range, text too long
_PASSING = (exc.OperationalError, exc.InterfaceError, exc.InternalError)


def store_error(error: exc.SQLAlchemyError | OSError) -> StoreError | None:
    """The store's own error for one of the driver's; None when it is a mistake in a statement."""
    if isinstance(error, OSError | exc.TimeoutError):
        return StoreUnavailableError(str(error))
    if not isinstance(error, exc.DBAPIError):
        return None
    if isinstance(error, exc.IntegrityError):
        return ConstraintError(str(error.orig))
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if error.connection_invalidated or state[:2] in _PASSING_CLASSES:
        return StoreUnavailableError(str(error.orig))
    if state[:2] == _DATA_CLASS or isinstance(error, exc.DataError):
        return UnstorableValueError(str(error.orig))
    return StoreUnavailableError(str(error.orig)) if isinstance(error, _PASSING) else None
