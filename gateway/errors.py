"""What can go wrong when somebody asks the gateway for something: one class per cause.

`code` is the machine-readable word of the public API, `details` what helps to put it right. The API edge
maps the classes to HTTP statuses in one table (`control_api.errors`).
"""

from __future__ import annotations

from typing import Any


class GatewayError(Exception):
    """Base: a request that cannot be granted."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        if code is not None:
            self.code = code


class NotFoundError(GatewayError):
    """The object does not exist, or belongs to another organisation."""

    code = "not_found"


class InvalidRequestError(GatewayError):
    """The request is well-formed but cannot be meant; `details["field"]` names the field."""

    code = "validation_error"


class CredentialError(GatewayError):
    """Whoever asks shows a secret that is none of ours."""

    code = "unauthorized"


class GoneError(GatewayError):
    """It was there, and will not be again."""

    code = "gone"


class ForbiddenError(GatewayError):
    """Whoever asks has not shown that he may."""

    code = "forbidden"


class ConflictError(GatewayError):
    """The object's state forbids it (for example hanging up an ended call)."""

    code = "conflict"


class LimitExceededError(GatewayError):
    """A limit was reached; `details["retry_after"]` is seconds."""

    code = "rate_limited"


class UnavailableError(GatewayError):
    """We cannot do it now (draining, no capacity); `details["retry_after"]` is seconds."""

    code = "unavailable"


class EngineError(GatewayError):
    """The voice engine refused or did not answer."""

    code = "upstream_error"


class CarrierError(GatewayError):
    """A carrier's own API refused or did not answer."""

    code = "carrier_unavailable"


class ConfigurationError(GatewayError):
    """The configuration is wrong; `details["key"]` names the key."""

    code = "configuration_error"
