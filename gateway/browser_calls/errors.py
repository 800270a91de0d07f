"""What a browser may be told instead of an answer: one class per cause, codes a page can tell apart."""

from __future__ import annotations

from gateway.errors import (
    ConflictError,
    CredentialError,
    GatewayError,
    GoneError,
    InvalidRequestError,
    NotFoundError,
)


class TokenUnknownError(CredentialError):
    """No call of ours has given out this token."""

    code = "token_unknown"


class TokenUsedError(ConflictError):
    """Somebody has joined by it already."""

    code = "token_used"


class TokenExpiredError(GoneError):
    """Nobody joined in time, or the call is over."""

    code = "token_expired"


class SessionUnknownError(NotFoundError):
    """The address is of no session, or of one that is over."""

    code = "session_unknown"


class DescriptionError(GatewayError):
    """What should be a session description, or a fragment of one, cannot be read."""

    code = "sdp_malformed"


class DescriptionNotAcceptableError(InvalidRequestError):
    """The description can be read, but no call can come of it."""

    code = "sdp_not_acceptable"


class PreconditionRequiredError(GatewayError):
    """The request has to name the ICE session that it means, by If-Match."""

    code = "if_match_required"


class PreconditionFailedError(GatewayError):
    """The ICE session that the request means has been replaced."""

    code = "ice_session_replaced"
