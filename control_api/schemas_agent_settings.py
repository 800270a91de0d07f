"""The fields of an agent on the wire: types, ranges, and the nested settings in both directions.

Times inside nested settings are kept as milliseconds (`delay_ms`, `duration_ms`, ...), whatever form they
came in.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft202012Validator, validator_for
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, StrictBool, WithJsonSchema

from control_api.envelope import duration
from control_api.schemas_shared import (
    DURATION_PATTERN,
    DurationText,
    JsonObject,
    RequestModel,
    ResponseModel,
    UuidIn,
    milliseconds,
)

LONGEST_DELAY_MS = 600_000
MAX_TOOLS = 100
MAX_INACTIVITY_MESSAGES = 10

_language = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def _delay(value: Any) -> int:
    """A delay as seconds (a number) or as text such as "1.5s", in milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value <= LONGEST_DELAY_MS / 1000:
            raise ValueError(f"must be from 0 to {LONGEST_DELAY_MS // 1000} seconds")
        return round(value * 1000)
    try:
        parsed = milliseconds(value)
    except ValueError as error:
        raise ValueError('must be seconds as a number, or text such as "1.5s"') from error
    if parsed > LONGEST_DELAY_MS:
        raise ValueError(f"must be from 0 to {LONGEST_DELAY_MS // 1000} seconds")
    return parsed


Delay = Annotated[
    int,
    BeforeValidator(_delay),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}]}
    ),
]


def _check_language(value: str) -> str:
    if _language.fullmatch(value) is None:
        raise ValueError("must be a BCP-47 language tag, such as en-US")
    return value


def _check_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError as error:
        raise ValueError("must be an http or https URL") from error
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in value):
        raise ValueError("must be an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password")
    return value


def _check_schema(value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value.get("$schema", ""), str):
        raise ValueError("must be a JSON Schema at ['$schema']: must be text")
    check_json_schema(value, validator_for(value, default=Draft202012Validator))
    return value


def check_json_schema(value: dict[str, Any], draft: Any) -> None:
    """A JSON Schema by the rules of `draft`, a validator class. Raises `ValueError`."""
    try:
        draft.check_schema(value)
    except SchemaError as error:
        place = "".join(f"[{part!r}]" for part in error.absolute_path)
        raise ValueError(f"must be a JSON Schema{place and ' at ' + place}: {error.message[:200]}") from error
    except RecursionError as error:
        raise ValueError("must be a JSON Schema that is not nested so deeply") from error


def _check_not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_check_not_blank)]
Prompt = Annotated[str, Field(min_length=1, max_length=200_000), AfterValidator(_check_not_blank)]
Text = Annotated[str, Field(max_length=10_000)]
Spoken = Annotated[str, Field(min_length=1, max_length=5_000)]
Language = Annotated[str, Field(max_length=16, examples=["en-US"]), AfterValidator(_check_language)]
Url = Annotated[str, Field(max_length=2_048), AfterValidator(_check_url)]
Secret = Annotated[str, Field(min_length=1, max_length=256, json_schema_extra={"writeOnly": True})]
ExtractionSchema = Annotated[JsonObject, AfterValidator(_check_schema)]
Tools = Annotated[list[UuidIn], Field(max_length=MAX_TOOLS)]
KnowledgeBases = Annotated[list[UuidIn], Field(max_length=1)]


class FirstSpeaker(StrEnum):
    AGENT = "FIRST_SPEAKER_AGENT"
    USER = "FIRST_SPEAKER_USER"


class EndBehavior(StrEnum):
    """What follows an inactivity message. `END_BEHAVIOR_HANG_UP` is the product's word for the soft form."""

    UNSPECIFIED = "END_BEHAVIOR_UNSPECIFIED"
    HANG_UP = "END_BEHAVIOR_HANG_UP"
    HANG_UP_SOFT = "END_BEHAVIOR_HANG_UP_SOFT"
    HANG_UP_STRICT = "END_BEHAVIOR_HANG_UP_STRICT"


class GreetingSettingsIn(RequestModel):
    """Who speaks first. With the user first, `text` is said after `delay` if the user stays silent."""

    first_speaker: FirstSpeaker | None = None
    text: Spoken | None = None
    delay: Delay | None = Field(default=None, description="Seconds, or text such as `1.5s`.")
    uninterruptible: StrictBool | None = None


class InactivityMessageIn(RequestModel):
    """Said when the user has been silent for `duration`."""

    duration: Delay = Field(description='Such as "10s".')
    message: Spoken
    end_behavior: EndBehavior | None = Field(
        default=None,
        validation_alias=AliasChoices("endBehavior", "end_behavior"),
        description="Also accepted as `end_behavior`.",
    )


InactivityMessages = Annotated[list[InactivityMessageIn], Field(max_length=MAX_INACTIVITY_MESSAGES)]


class VadSettingsIn(RequestModel):
    """Voice activity detection: times as text such as `0.384s` (or seconds)."""

    turn_endpoint_delay: Delay | None = None
    minimum_turn_duration: Delay | None = None
    minimum_interruption_duration: Delay | None = None
    frame_activation_threshold: Annotated[float, Field(ge=0.1, le=1)] | None = None


class TransferConfig(RequestModel):
    cold: StrictBool = False
    warm: StrictBool = False


class BuiltInConfigIn(RequestModel):
    """Which built-in tools the agent has."""

    transfer: TransferConfig | None = None
    hang_up: StrictBool | None = None
    leave_voicemail: StrictBool | None = None


def stored_greeting(settings: GreetingSettingsIn | None) -> dict[str, Any] | None:
    """Greeting settings as the store keeps them."""
    if settings is None:
        return None
    stored = settings.model_dump(mode="json", exclude_none=True)
    if "delay" in stored:
        stored["delay_ms"] = stored.pop("delay")
    return stored


def stored_inactivity(messages: list[InactivityMessageIn]) -> tuple[dict[str, Any], ...]:
    """Inactivity messages as the store keeps them."""
    stored = []
    for message in messages:
        entry: dict[str, Any] = {"duration_ms": message.duration, "message": message.message}
        if message.end_behavior is not None:
            entry["end_behavior"] = message.end_behavior.value
        stored.append(entry)
    return tuple(stored)


def stored_vad(settings: VadSettingsIn | None) -> dict[str, Any] | None:
    """VAD settings as the store keeps them."""
    if settings is None:
        return None
    return {
        key if key == "frame_activation_threshold" else f"{key}_ms": value
        for key, value in settings.model_dump(exclude_none=True).items()
    }


def stored_built_ins(config: BuiltInConfigIn | None) -> dict[str, Any] | None:
    """The choice of built-in tools as the store keeps it."""
    return None if config is None else config.model_dump(exclude_none=True)


class GreetingSettingsOut(ResponseModel):
    first_speaker: FirstSpeaker | None = None
    text: str | None = None
    delay: float | None = Field(default=None, description="Seconds.")
    uninterruptible: bool | None = None


class InactivityMessageOut(ResponseModel):
    duration: DurationText
    message: str
    endBehavior: EndBehavior | None = None  # noqa: N815 - the product's spelling


class VadSettingsOut(ResponseModel):
    turn_endpoint_delay: DurationText | None = None
    minimum_turn_duration: DurationText | None = None
    minimum_interruption_duration: DurationText | None = None
    frame_activation_threshold: float | None = None


class BuiltInConfigOut(ResponseModel):
    transfer: TransferConfig | None = None
    hang_up: bool | None = None
    leave_voicemail: bool | None = None


def render_greeting(stored: dict[str, Any] | None) -> dict[str, Any] | None:
    """As `GreetingSettingsOut`."""
    if stored is None:
        return None
    shown = {key: value for key, value in stored.items() if key != "delay_ms"}
    if "delay_ms" in stored:
        seconds = stored["delay_ms"] / 1000
        shown["delay"] = int(seconds) if seconds.is_integer() else seconds
    return shown


def render_inactivity(stored: dict[str, Any]) -> dict[str, Any]:
    """As `InactivityMessageOut`."""
    shown = {"duration": duration(stored["duration_ms"]), "message": stored["message"]}
    if "end_behavior" in stored:
        shown["endBehavior"] = stored["end_behavior"]
    return shown


def render_vad(stored: dict[str, Any] | None) -> dict[str, Any] | None:
    """As `VadSettingsOut`."""
    if stored is None:
        return None
    return {
        key.removesuffix("_ms"): duration(value) if key.endswith("_ms") else value
        for key, value in stored.items()
    }
