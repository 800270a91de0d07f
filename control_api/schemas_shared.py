"""Types that several request and response bodies are made of: identifiers, numbers, durations, envelopes,
errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from store.identifiers import parse_identifier

T = TypeVar("T")

PHONE_NUMBER_PATTERN = r"^\+[1-9]\d{1,14}$"
DURATION_PATTERN = r"^\d{1,7}(\.\d{1,9})?s$"

MAX_OBJECT_BYTES = 16_384
"""Encoded size up to which a free-form JSON object (metadata, variables, a schema) is kept."""

_phone_number = re.compile(r"\+[1-9][0-9]{1,14}")
_duration = re.compile(r"(\d{1,7}(?:\.\d{1,9})?)s", re.ASCII)


class RequestModel(BaseModel):
    """A request body: unknown fields are mistakes that its sender should hear of."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """A part of a response body. These models are the documentation; the bodies are written by the `render`
    functions."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _identifier(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a UUID")
    parsed = parse_identifier(value)
    if parsed is None:
        raise ValueError("must be a UUID")
    return parsed


def _check_phone_number(value: str) -> str:
    if _phone_number.fullmatch(value) is None:
        raise ValueError("must be a phone number in E.164 form, such as +14155551234")
    return value


def _query_plus(value: Any) -> Any:
    """A `+` that a client did not escape arrives in a query as a space."""
    return "+" + value[1:] if isinstance(value, str) and value.startswith(" ") else value


def milliseconds(value: Any) -> int:
    """Milliseconds from the API's duration, such as `"30s"` or `"0.5s"`. Raises `ValueError`."""
    match = _duration.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a duration in seconds, such as "30s"')
    return round(float(match[1]) * 1000)


def json_object(value: Any) -> Any:
    """Refuse an object that is too big to keep or that JSON cannot carry. Raises `ValueError`."""
    try:
        size = len(msgspec.json.encode(value))
    except (UnicodeEncodeError, RecursionError, TypeError) as error:
        raise ValueError("must be a JSON object of valid Unicode text") from error
    if size > MAX_OBJECT_BYTES:
        raise ValueError(f"must be at most {MAX_OBJECT_BYTES} bytes of JSON")
    return value


def without_default(schema: dict[str, Any]) -> None:
    """For a field that may be absent but whose default is no value of its own: keeps it out of the
    document.
    """
    schema.pop("default", None)


UuidIn = Annotated[str, BeforeValidator(_identifier), WithJsonSchema({"type": "string", "format": "uuid"})]
"""An identifier in a request: a UUID, a known prefix (`agent_`) forgiven."""

PhoneNumberIn = Annotated[
    str,
    AfterValidator(_check_phone_number),
    Field(examples=["+14155551234"], json_schema_extra={"pattern": PHONE_NUMBER_PATTERN}),
]
"""A phone number in a request: E.164."""

PhoneNumberQuery = Annotated[PhoneNumberIn, BeforeValidator(_query_plus)]
"""A phone number in a query string."""

TextQuery = Annotated[str, BeforeValidator(_query_plus), Field(min_length=1, max_length=256)]
"""Any dialled text in a query string."""

JsonObject = Annotated[dict[str, Any], AfterValidator(json_object)]
"""A free-form JSON object of limited size."""

Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
PhoneNumberOut = Annotated[
    str, Field(examples=["+14155551234"], json_schema_extra={"pattern": PHONE_NUMBER_PATTERN})
]
Timestamp = Annotated[datetime, Field(examples=["2024-04-05T14:22:01Z"])]
DurationText = Annotated[str, Field(examples=["30s"], json_schema_extra={"pattern": DURATION_PATTERN})]


DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["30s"]})


def duration_between(lowest_ms: int, highest_ms: int) -> Callable[[Any], int]:
    """A validator of duration fields between two bounds (milliseconds); their value is milliseconds."""

    def parse(value: Any) -> int:
        parsed = milliseconds(value)
        if not lowest_ms <= parsed <= highest_ms:
            raise ValueError(f'must be from "{lowest_ms / 1000:g}s" to "{highest_ms // 1000}s"')
        return parsed

    return parse


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def unsent() -> Any:
    """The default of a field that may be left out of a change, but not emptied: it stands for "not sent" and
    is no value that a client could send.
    """
    return Field(default="", json_schema_extra=_without_default)


class Meta(ResponseModel):
    request_id: Uuid
    ts: Timestamp


class Pagination(ResponseModel):
    total: int = Field(description="How many objects there are in all.")
    limit: int
    offset: int
    has_more: bool


class Envelope(ResponseModel, Generic[T]):
    data: T
    meta: Meta


class ListEnvelope(ResponseModel, Generic[T]):
    data: list[T]
    pagination: Pagination
    meta: Meta


class ErrorBody(ResponseModel):
    code: str = Field(
        description="Machine-readable; the list is in docs/api.md.", examples=["validation_error"]
    )
    message: str = Field(description="For people.")
    details: dict[str, Any] = Field(
        description="What helps to put it right: `field` and `errors` for 422, `retry_after` for 429 and 503."
    )


class ErrorEnvelope(ResponseModel):
    error: ErrorBody
    meta: Meta
