"""Errors at the edge: one table from our error classes to HTTP statuses, and the one shape of every error
body.

Unknown paths, wrong methods, unreadable JSON and failed validation come from Starlette and FastAPI and are
put into the same shape here. What failed validation is not repeated: it may be a password.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from control_api.envelope import json_response, meta
from gateway.browser_calls.errors import (
    DescriptionError,
    PreconditionFailedError,
    PreconditionRequiredError,
)
from gateway.errors import (
    CarrierError,
    ConfigurationError,
    ConflictError,
    CredentialError,
    EngineError,
    ForbiddenError,
    GatewayError,
    GoneError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
)
from store.errors import StoreUnavailableError, UnstorableValueError

logger = structlog.get_logger(__name__)


class UnauthorizedError(GatewayError):
    """The bearer key is missing, unknown or revoked."""

    code = "unauthorized"


class PayloadTooLargeError(GatewayError):
    """The request's body is larger than the API takes."""

    code = "payload_too_large"


class UnsupportedMediaTypeError(GatewayError):
    """The body is of another kind than this operation takes."""

    code = "unsupported_media_type"


class IdempotencyKeyInvalidError(InvalidRequestError):
    """The idempotency key is empty, too long, not printable, or the two headers differ."""

    code = "idempotency_key_invalid"


class IdempotencyKeyReusedError(InvalidRequestError):
    """The idempotency key was used before, with another request body."""

    code = "idempotency_key_reused"


class IdempotencyInProgressError(ConflictError):
    """The first request with this idempotency key has not been answered yet."""

    code = "idempotency_in_progress"


class SecretNotKeptError(ConflictError):
    """The idempotency key belongs to an answer with a secret, which is not kept anywhere."""

    code = "secret_not_kept"


STATUS_BY_ERROR: dict[type[GatewayError], int] = {
    DescriptionError: 400,
    UnauthorizedError: 401,
    CredentialError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    GoneError: 410,
    PreconditionFailedError: 412,
    PayloadTooLargeError: 413,
    UnsupportedMediaTypeError: 415,
    InvalidRequestError: 422,
    PreconditionRequiredError: 428,
    LimitExceededError: 429,
    ConfigurationError: 500,
    CarrierError: 502,
    EngineError: 502,
    UnavailableError: 503,
}
"""The table. A subclass has the status of its nearest ancestor in it."""

CODE_BY_STATUS: dict[int, str] = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
}
"""Codes of the errors that come from the HTTP framework."""

STORE_AWAY = "The database cannot be reached now; try again."
UNSTORABLE = "The request holds a value that cannot be stored, such as a NUL character or too large a number."

RETRY_AFTER_SECONDS = 1
"""What a 429 or 503 says when its cause names no time."""

INTERNAL_ERROR_MESSAGE = "Something went wrong here; quote meta.request_id when you report it."


def status_of(error: GatewayError) -> int:
    """The HTTP status of `error`, by the table; 500 for a class that nobody has put there."""
    for ancestor in type(error).__mro__:
        status = STATUS_BY_ERROR.get(ancestor)
        if status is not None:
            return status
    return 500


def error_response(
    scope: Scope,
    status: int,
    code: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error in its envelope."""
    body = {
        "error": {"code": code, "message": message, "details": dict(details or {})},
        "meta": meta(scope),
    }
    return json_response(body, status, headers)


def gateway_error_response(scope: Scope, error: GatewayError) -> Response:
    """One of our own errors as a response."""
    status = status_of(error)
    headers: dict[str, str] = {}
    details = {key: _plain(value) for key, value in error.details.items()}
    if status == 422 and "field" in details:
        details["errors"] = [{"field": details["field"], "message": error.message, "type": error.code}]
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="trunkline"'
    if status in (429, 503) or "retry_after" in details:
        seconds = max(1, math.ceil(float(details.get("retry_after", RETRY_AFTER_SECONDS))))
        details["retry_after"] = seconds
        headers["Retry-After"] = str(seconds)
    if status == 500:
        logger.error("request_failed", code=error.code, reason=error.message)
        return error_response(scope, 500, "internal_error", INTERNAL_ERROR_MESSAGE)
    return error_response(scope, status, error.code, error.message, details, headers)


def validation_error_response(scope: Scope, errors: Sequence[Any]) -> Response:
    """What pydantic found: 400 for unreadable JSON, else 422 with `details.field` and `details.errors`."""
    if any(error["type"] == "json_invalid" for error in errors):
        return error_response(scope, 400, "invalid_json", "The request body is not valid JSON.")
    found = [
        {"field": _field(error["loc"]), "message": _message(error), "type": error["type"]} for error in errors
    ]
    first = found[0]
    return error_response(
        scope,
        422,
        "validation_error",
        f"{first['field']}: {first['message']}",
        {"field": first["field"], "reason": first["message"], "errors": found},
    )


def http_error_response(scope: Scope, error: HTTPException) -> Response:
    """An error raised by the HTTP framework."""
    status = error.status_code
    code = CODE_BY_STATUS.get(status, "bad_request" if status < 500 else "internal_error")
    if status == 404:
        message = "There is nothing at this path."
    elif status == 405:
        message = "This path does not take this method."
    else:
        message = str(error.detail)
    return error_response(scope, status, code, message, headers=error.headers)


def response_for(scope: Scope, error: Exception) -> Response | None:
    """The response for `error`, or None if it is not one that a client may cause."""
    if isinstance(error, GatewayError):
        return gateway_error_response(scope, error)
    if isinstance(error, StoreUnavailableError):
        logger.error("store_unavailable", reason=str(error))
        return gateway_error_response(scope, UnavailableError(STORE_AWAY, code="store_unavailable"))
    if isinstance(error, UnstorableValueError):
        return gateway_error_response(scope, InvalidRequestError(UNSTORABLE, field="body"))
    if isinstance(error, RequestValidationError):
        return validation_error_response(scope, error.errors())
    if isinstance(error, HTTPException):
        return http_error_response(scope, error)
    return None


def install_error_handlers(app: FastAPI, allowed_methods: Callable[[Scope], Sequence[str]]) -> None:
    """Give every error that `app` can answer its one shape. `allowed_methods`: what a path takes, for 405."""

    async def handle(request: Request, error: Exception) -> Response:
        response = response_for(request.scope, error)
        if response is None:
            raise error
        if response.status_code == 405:
            # The framework names the methods of one route only, and a path may have several.
            response.headers["Allow"] = ", ".join(allowed_methods(request.scope))
        return response

    for kind in (
        GatewayError,
        StoreUnavailableError,
        UnstorableValueError,
        RequestValidationError,
        HTTPException,
    ):
        app.add_exception_handler(kind, handle)


def _field(location: tuple[int | str, ...]) -> str:
    """`("body", "call_settings", "max_duration")` as `call_settings.max_duration`."""
    parts = location[1:] if len(location) > 1 and location[0] in _SOURCES else location
    name = ".".join(str(part) for part in parts)
    return name.encode("utf-8", "replace").decode()


_SOURCES = frozenset({"body", "query", "path", "header"})


def _message(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not a known field"
    if kind in ("model_attributes_type", "dict_type", "model_type") and tuple(error["loc"]) == ("body",):
        return "must be a JSON object, sent with Content-Type: application/json"
    message: str = error["msg"]
    return message.removeprefix("Value error, ").encode("utf-8", "replace").decode()


def _plain(value: Any) -> Any:
    """A detail in a form that JSON has."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)
