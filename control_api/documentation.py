"""What the OpenAPI document says beyond the models: errors of each operation, headers, security scheme."""

from __future__ import annotations

from enum import Flag, auto
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from control_api.authentication import SECURITY_SCHEMES
from control_api.schemas_shared import ErrorEnvelope

DESCRIPTION = """\
Places and follows telephone calls held by AI voice agents.

Every answer carries `meta.request_id`, also as the header `X-Request-Id`. Lists have `data`, `pagination`
and `meta`; errors have `error` (`code`, `message`, `details`) and `meta`. Identifiers are UUIDs; a prefix
such as `call_` is tolerated in requests. Times are ISO 8601 in UTC.
"""

_MEANINGS = {
    400: "The body is not valid JSON.",
    401: "The API key is missing, unknown or revoked.",
    403: "Not from your address, or not from this page's origin; a link was changed or has expired.",
    404: "There is no such object in your organisation.",
    409: "The object's state forbids it, or the first request with this idempotency key is still running.",
    410: "The call is over, or nobody joined it in time.",
    412: "The ICE session that `If-Match` names has been replaced.",
    413: "The body is larger than it may be: 1 MiB, for files what the operator has set.",
    415: "The body is of another kind than this operation takes.",
    416: "There are no such bytes; `Content-Range` tells how many there are.",
    422: "A field is missing or wrong; `details.field` names it.",
    428: "`If-Match` is missing.",
    429: "Too many requests; wait `Retry-After` seconds.",
    500: "Our mistake.",
    502: "The voice engine, or a carrier's API, refused or did not answer.",
    503: "Not now (shutting down, overloaded); wait `Retry-After` seconds.",
}

_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string", "examples": ["Bearer"]}}}
_RATE_LIMIT = {
    "X-RateLimit-Limit": {"description": "Requests a minute.", "schema": {"type": "integer"}},
    "X-RateLimit-Remaining": {
        "description": "Requests that may come at once.",
        "schema": {"type": "integer"},
    },
    "X-RateLimit-Reset": {"description": "Seconds until that is full again.", "schema": {"type": "integer"}},
}
_IDEMPOTENCY_KEY = {
    "name": "X-Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes a retry safe: the same key and body get the first answer, and nothing happens "
    "twice. `Idempotency-Key` is accepted too.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


# By reference, because a model named here would be built anew for every error of every operation.
_SCHEMAS = "#/components/schemas/{model}"
_ERROR = {"schema": {"$ref": _SCHEMAS.format(model=ErrorEnvelope.__name__)}}


class Answers(Flag):
    """What kind of operation it is, which tells the errors it can answer."""

    PLAIN = auto()
    QUERY = auto()
    IDEMPOTENT = auto()
    BODY = auto()
    VISITOR = auto()  # of a page, without a key


WITHOUT_KEY: dict[str, Any] = {"security": []}
"""The `openapi_extra` of an operation under the prefix that takes no API key."""


def answers(kind: Answers, *more: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation: the errors of its kind and `more`."""
    statuses = {401, 403, 422, 429, 500, 503, *more}  # 422: no operation takes a parameter it does not know
    if kind & Answers.VISITOR:
        statuses = statuses - {401} | {400, 413}
    if kind & Answers.IDEMPOTENT:
        statuses |= {409, 413}
    if kind & Answers.BODY:
        statuses |= {400, 409, 413}
    return {status: _answer(status) for status in sorted(statuses)}


def _answer(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _MEANINGS[status], "content": {"application/json": _ERROR}}
    headers: dict[str, Any] = {}
    if status == 401:
        headers |= _CHALLENGE
    if status in (429, 503):
        headers |= _RETRY_AFTER
    if status == 429:
        headers |= _RATE_LIMIT
    if headers:
        answer["headers"] = headers
    return answer


def document(app: FastAPI, prefix: str) -> dict[str, Any]:
    """The OpenAPI document of `app`; what stands under `prefix` needs a key, unless it says otherwise."""
    described = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    components = described.setdefault("components", {})
    components["securitySchemes"] = SECURITY_SCHEMES
    error = ErrorEnvelope.model_json_schema(mode="serialization", ref_template=_SCHEMAS)
    schemas = components.setdefault("schemas", {})
    schemas |= error.pop("$defs") | {ErrorEnvelope.__name__: error}
    for path, operations in described["paths"].items():
        if not path.startswith(prefix):
            continue
        for method, operation in operations.items():
            # What needs no key says so itself.
            operation.setdefault("security", [{name: []} for name in SECURITY_SCHEMES])
            if method == "post" and operation["security"]:
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    return described
