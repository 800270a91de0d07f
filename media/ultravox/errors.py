"""What can go wrong with the engine's REST API: one class per cause."""

from __future__ import annotations


class EngineApiError(Exception):
    """Base: the engine did not do what was asked."""


class EngineRefusedError(EngineApiError):
    """The engine said no, and would say it again: bad request, bad key, no allowance left, unknown object."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"the engine refused with HTTP status {status}: {detail or 'no detail given'}")
        self.status = status
        self.detail = detail  # at most 500 characters


class EngineElsewhereError(EngineRefusedError):
    """What was asked for lies at another address."""

    def __init__(self, status: int, location: str) -> None:
        super().__init__(status, "it lies elsewhere")
        self.location = location


class EngineBusyError(EngineApiError):
    """429 or 503, still after the retries that the deadline allowed; `retry_after` is seconds, None if not
    given.
    """

    def __init__(self, status: int, detail: str, retry_after: float | None) -> None:
        super().__init__(f"the engine is busy (HTTP status {status}): {detail or 'no detail given'}")
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


class EngineTimeoutError(EngineApiError):
    """No answer before the deadline."""


class EngineUnreachableError(EngineApiError):
    """No connection, or it broke before the answer."""


class EngineProtocolError(EngineApiError):
    """An answer that is not of the engine's API: no JSON, or without what must be in it."""
