"""Everything the engine raises on purpose."""

from __future__ import annotations


class EngineError(Exception):
    """Base of the engine's own errors."""


class InvalidRequest(EngineError):
    """The body or query of a request breaks a rule: answered with 400 and `detail`."""


class NotFound(EngineError):
    """No such object: answered with 404."""


class WrongState(EngineError):
    """The call is not joined, so that it cannot take a data message: answered with 422."""


class SpeechUnavailable(EngineError):
    """The speech library could not be loaded or refused the text."""


class SpeechQueueFull(EngineError):
    """Too many utterances wait for the one synthesis thread."""
