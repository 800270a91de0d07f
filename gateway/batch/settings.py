"""What a campaign is told to do: numbers, schedule, limits, retries, and what its calls are made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from gateway.batch.schedule import Schedule
from gateway.new_call import CallSettings


class Rotation(StrEnum):
    """Which of several numbers a call is made from."""

    RANDOM = "random"
    SEQUENTIAL = "sequential"  # the first that has room
    ROUND_ROBIN = "round_robin"


class RetryOutcome(StrEnum):
    """What a contact can be called again for. `failed` is any technical failure."""

    NO_ANSWER = "no-answer"
    BUSY = "busy"
    REJECTED = "rejected"
    VOICEMAIL = "voicemail"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Retries:
    """`max_attempts` counts the first one; `delay_ms` lies between the end of one and the next."""

    max_attempts: int = 1
    delay_ms: int = 3_600_000
    outcomes: frozenset[RetryOutcome] = frozenset(
        {RetryOutcome.NO_ANSWER, RetryOutcome.BUSY, RetryOutcome.FAILED}
    )


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """`from_numbers` None: whichever numbers the agent has. `calls_per_number`: calls at once of one."""

    from_numbers: tuple[str, ...] | None = None
    number_rotation: Rotation = Rotation.ROUND_ROBIN
    calls_per_number: int | None = None
    schedule: Schedule = field(default_factory=Schedule)
    max_concurrent_calls: int = 10
    calls_per_minute: int | None = None
    retries: Retries = field(default_factory=Retries)
    variables: dict[str, str] = field(default_factory=dict)
    call_settings: CallSettings = field(default_factory=CallSettings)


def settings_as_json(settings: CampaignSettings) -> dict[str, Any]:
    """The form in which the store keeps them."""
    kept: dict[str, Any] = msgspec.to_builtins(settings)
    return kept


def settings_from_json(kept: dict[str, Any]) -> CampaignSettings:
    return msgspec.convert(kept, CampaignSettings)
