"""From what the wire said to the words of the call object: one table each way.

`failure_reason` follows the product's documents (`no-answer`, `busy`, `invalid-number`, `agent-error`) and
extends them in the same style; the raw SIP pair stays beside it on the call.
"""

from __future__ import annotations

from enum import StrEnum


class FailureReason(StrEnum):
    """Why a call is `failed`."""

    NO_ANSWER = "no-answer"
    BUSY = "busy"
    INVALID_NUMBER = "invalid-number"
    AGENT_ERROR = "agent-error"
    REJECTED = "rejected"
    TRUNK_AUTH_FAILED = "trunk-auth-failed"
    TRUNK_FORBIDDEN = "trunk-forbidden"
    MEDIA_NEGOTIATION_FAILED = "media-negotiation-failed"
    TRUNK_UNAVAILABLE = "trunk-unavailable"
    MEDIA_TIMEOUT = "media-timeout"
    CAPACITY = "capacity"
    GATEWAY_ERROR = "gateway-error"
    CALLER_HANGUP = "caller-hangup"


class EndReason(StrEnum):
    """Who or what ended a call that had been answered. On failed and cancelled calls the failure reason, or
    `cancelled`, stands in its place."""

    CONTACT_HANGUP = "contact-hangup"
    AGENT_HANGUP = "agent-hangup"
    API_HANGUP = "api-hangup"
    MAX_DURATION = "max-duration"
    INACTIVITY = "inactivity"
    VOICEMAIL = "voicemail"
    SHUTDOWN = "shutdown"
    TRANSFERRED = "transferred"
    CANCELLED = "cancelled"


_BY_STATUS = {
    401: FailureReason.TRUNK_AUTH_FAILED,
    403: FailureReason.TRUNK_FORBIDDEN,
    404: FailureReason.INVALID_NUMBER,
    407: FailureReason.TRUNK_AUTH_FAILED,
    408: FailureReason.NO_ANSWER,
    410: FailureReason.INVALID_NUMBER,
    415: FailureReason.MEDIA_NEGOTIATION_FAILED,
    480: FailureReason.NO_ANSWER,
    484: FailureReason.INVALID_NUMBER,
    486: FailureReason.BUSY,
    487: FailureReason.NO_ANSWER,
    488: FailureReason.MEDIA_NEGOTIATION_FAILED,
    600: FailureReason.BUSY,
    603: FailureReason.REJECTED,
    604: FailureReason.INVALID_NUMBER,
    606: FailureReason.MEDIA_NEGOTIATION_FAILED,
    607: FailureReason.REJECTED,
    608: FailureReason.REJECTED,
}


# Statuses that carriers answer with when all that they know is the Q.850 cause beside them.
_VAGUE = frozenset({408, 480, 500, 502, 503, 504})
_BY_CAUSE = {
    1: FailureReason.INVALID_NUMBER,  # unallocated
    17: FailureReason.BUSY,
    18: FailureReason.NO_ANSWER,
    19: FailureReason.NO_ANSWER,
    20: FailureReason.NO_ANSWER,  # subscriber absent
    21: FailureReason.REJECTED,
    22: FailureReason.INVALID_NUMBER,  # number changed
    28: FailureReason.INVALID_NUMBER,  # number incomplete
}


def failure_of_status(status: int, *, from_peer: bool, q850: int | None = None) -> FailureReason:
    """The failure that a final SIP status means, or the Q.850 cause beside it where the status is vague.

    A 408 made by our own stack means that nobody answered at all, not even with 100: that is a trunk
    problem. A 408 that was received is a person who did not pick up (RFC 3398 maps Q.850 cause 18 to it).
    """
    if not from_peer:
        return FailureReason.TRUNK_UNAVAILABLE
    if q850 is not None and is_about_callee(status, q850):
        return _BY_CAUSE[q850]
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if 500 <= status < 600 or 300 <= status < 400:
        return FailureReason.TRUNK_UNAVAILABLE
    return FailureReason.REJECTED


def is_about_callee(status: int, q850: int | None) -> bool:
    """Whether the Q.850 cause says of whom we call what the status alone would say of the trunk: they are
    busy, say, and no other way leads to anybody else.
    """
    return status in _VAGUE and q850 in _BY_CAUSE


_ENGINE_END = {
    "hangup": EndReason.AGENT_HANGUP,
    "agent_hangup": EndReason.AGENT_HANGUP,
    "timeout": EndReason.MAX_DURATION,
}


def end_of_engine_reason(reason: str | None) -> EndReason:
    """The end reason for the engine's own `endReason` after a normal close; unknown words mean that the
    agent hung up.
    """
    return _ENGINE_END.get(reason or "", EndReason.AGENT_HANGUP)
