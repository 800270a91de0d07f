"""Campaigns on the wire: what is asked for, and the campaign object as it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from control_api.schemas_calls import CallSettingsIn, Variables
from control_api.schemas_contacts import ContactFields, PlainText, contact_fields
from control_api.schemas_shared import (
    DURATION_SCHEMA,
    PhoneNumberIn,
    PhoneNumberOut,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    UuidIn,
    duration_between,
    unsent,
)
from control_api.schemas_trunks import Country
from gateway.batch.campaigns import NewCampaign
from gateway.batch.contact_source import ContactSource, InlineContact
from gateway.batch.schedule import MINUTES_OF_DAY, Schedule, known_timezone
from gateway.batch.settings import CampaignSettings, Retries, RetryOutcome, Rotation
from gateway.contacts.new_contact import NewContact
from gateway.errors import InvalidRequestError
from store.batch_records import CampaignStatus, ContactState

MAX_INLINE = 10_000
MAX_CONCURRENT = 1_000
MAX_PER_MINUTE = 6_000
MAX_PER_DAY = 1_000_000
MAX_ATTEMPTS = 10
LONGEST_DELAY_MS = 7 * 86_400_000

_clock = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)


def _clock_time(value: str) -> str:
    if _clock.fullmatch(value) is None:
        raise ValueError("must be a time of day, HH:MM from 00:00 to 24:00")
    return value


def _zone(value: str) -> str:
    try:
        return known_timezone(value)
    except InvalidRequestError as error:
        raise ValueError(error.message) from error


def _aware(value: datetime) -> datetime:
    """A time without a zone is UTC. Raises `ValueError` for one at the edge of the calendar."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if not 1970 <= aware.year < 9000:
        raise ValueError("must be a time between 1970 and 9000")
    return aware.astimezone(UTC)


ClockTime = Annotated[str, AfterValidator(_clock_time), Field(examples=["09:00"])]
TimeZone = Annotated[str, AfterValidator(_zone), Field(examples=["America/New_York"], max_length=64)]
Moment = Annotated[datetime, AfterValidator(_aware)]
Day = Annotated[int, Field(ge=1, le=7, description="1 is Monday, 7 is Sunday.")]
Delay = Annotated[int, BeforeValidator(duration_between(1_000, LONGEST_DELAY_MS)), DURATION_SCHEMA]


class ScheduleIn(RequestModel):
    """When calls may begin, by the wall clock of a time zone."""

    timezone: TimeZone = "UTC"
    working_days: Annotated[list[Day], Field(min_length=1, max_length=7)] = Field(default=[1, 2, 3, 4, 5])
    start_time: ClockTime = "09:00"
    end_time: ClockTime = Field(default="17:00", description="Exclusive; `24:00` is the end of the day.")
    max_calls_per_day: Annotated[int, Field(ge=1, le=MAX_PER_DAY)] | None = Field(
        default=None, description="Attempts in one calendar day of the time zone."
    )
    start_at: Moment | None = Field(default=None, description="Nobody is called before.")
    end_at: Moment | None = Field(default=None, description="Nobody is called from then on.")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if _minutes(self.end_time) <= _minutes(self.start_time):
            raise ValueError("end_time must be after start_time")
        if self.start_at is not None and self.end_at is not None and self.end_at <= self.start_at:
            raise ValueError("end_at must be after start_at")
        return self

    def to_schedule(self) -> Schedule:
        return Schedule(
            timezone=self.timezone,
            working_days=frozenset(self.working_days),
            start=_minutes(self.start_time),
            end=_minutes(self.end_time),
            start_at=self.start_at,
            end_at=self.end_at,
            max_calls_per_day=self.max_calls_per_day,
        )


class RetriesIn(RequestModel):
    """Whether somebody is called again who was not reached."""

    max_attempts: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)] = Field(
        default=1, description="The first one included; 1 is no retry."
    )
    delay: Delay = Field(default=3_600_000, description='Between two attempts, such as "3600s".')
    outcomes: list[RetryOutcome] = Field(
        default=[RetryOutcome.NO_ANSWER, RetryOutcome.BUSY, RetryOutcome.FAILED],
        description="`failed` is any technical failure.",
    )

    def to_retries(self) -> Retries:
        return Retries(self.max_attempts, self.delay, frozenset(self.outcomes))


class BatchFields(RequestModel):
    """What a campaign may be given when it is made, and what may be changed later."""

    from_numbers: Annotated[list[PhoneNumberIn], Field(min_length=1, max_length=1_000)] | None = Field(
        default=None, description="Outbound numbers of the agent; all of them when absent."
    )
    number_ids: Annotated[list[UuidIn], Field(min_length=1, max_length=1_000)] | None = Field(
        default=None, description="The same by their ids."
    )
    number_rotation: Rotation = Rotation.ROUND_ROBIN
    calls_per_number: Annotated[int, Field(ge=1, le=MAX_CONCURRENT)] | None = Field(
        default=None, description="Calls at once from one number."
    )
    schedule: ScheduleIn | None = Field(default=None, description="Any time on any day when absent.")
    max_concurrent_calls: Annotated[int, Field(ge=1, le=MAX_CONCURRENT)] = 10
    calls_per_minute: Annotated[int, Field(ge=1, le=MAX_PER_MINUTE)] | None = Field(
        default=None, description="New calls in any sixty seconds, evenly spaced."
    )
    retries: RetriesIn = Field(default_factory=RetriesIn)
    variables: Variables = Field(
        default_factory=dict, description="Values for the prompt's `{{slots}}`; a contact's own go over them."
    )
    call_settings: CallSettingsIn = Field(default_factory=CallSettingsIn)

    @model_validator(mode="after")
    def _numbers_once(self) -> Self:
        if self.from_numbers is not None and self.number_ids is not None:
            raise ValueError("give from_numbers or number_ids, not both")
        return self

    def to_settings(self) -> CampaignSettings:
        return self.changed(CampaignSettings(), set(BatchFields.model_fields))

    def changed(self, settings: CampaignSettings, given: set[str]) -> CampaignSettings:
        """`settings` with the fields that are `given`."""
        values: dict[str, Callable[[], Any]] = {
            "from_numbers": lambda: None if self.from_numbers is None else tuple(self.from_numbers),
            "number_rotation": lambda: self.number_rotation,
            "calls_per_number": lambda: self.calls_per_number,
            "schedule": lambda: Schedule() if self.schedule is None else self.schedule.to_schedule(),
            "max_concurrent_calls": lambda: self.max_concurrent_calls,
            "calls_per_minute": lambda: self.calls_per_minute,
            "retries": self.retries.to_retries,
            "variables": lambda: dict(self.variables),
            "call_settings": self.call_settings.to_settings,
        }
        return replace(settings, **{name: make() for name, make in values.items() if name in given})

    def chosen_ids(self) -> tuple[str, ...] | None:
        return None if self.number_ids is None else tuple(self.number_ids)


class InlineContactIn(ContactFields):
    """A contact that is not kept among the contacts."""

    folder_id: None = None
    phone_number: PhoneNumberIn
    variables: Variables = Field(default_factory=dict)

    def to_inline(self) -> InlineContact:
        return InlineContact(
            NewContact(phone_number=self.phone_number, **contact_fields(self)), dict(self.variables)
        )


class BatchCreate(BatchFields):
    """A campaign: an agent, numbers, contacts from exactly one source, a schedule and limits."""

    name: PlainText
    agent_id: UuidIn | None = None
    agent_ids: Annotated[list[UuidIn], Field(min_length=1, max_length=1)] | None = Field(
        default=None, description="In place of `agent_id`; one for now."
    )
    folder_id: UuidIn | None = Field(default=None, description="Source: every contact of a folder.")
    contact_ids: Annotated[list[UuidIn], Field(min_length=1, max_length=MAX_INLINE)] | None = None
    contacts: Annotated[list[InlineContactIn], Field(min_length=1, max_length=MAX_INLINE)] | None = None
    csv: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="Source: a CSV file with headings, as in an import of contacts."
    )
    default_country: Country | None = Field(
        default=None, description="The country of numbers in `csv` that have no country code."
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.agent_id is None) == (self.agent_ids is None):
            raise ValueError("give agent_id")
        sources = (self.folder_id, self.contact_ids, self.contacts, self.csv)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("give exactly one of folder_id, contact_ids, contacts and csv")
        return self

    def to_new(self) -> NewCampaign:
        inline = None if self.contacts is None else tuple(one.to_inline() for one in self.contacts)
        agents = self.agent_ids or [self.agent_id or ""]
        return NewCampaign(
            name=self.name,
            agent_id=agents[0],
            settings=self.to_settings(),
            source=ContactSource(
                folder_id=self.folder_id,
                contact_ids=None if self.contact_ids is None else tuple(dict.fromkeys(self.contact_ids)),
                contacts=inline,
                csv=self.csv,
                default_country=None if self.default_country is None else self.default_country.upper(),
            ),
            number_ids=self.chosen_ids(),
        )


class BatchUpdate(BatchFields):
    """What is to change; absent fields stay, each given one is replaced as a whole."""

    name: PlainText = unsent()
    agent_id: UuidIn = unsent()


class ScheduleOut(ResponseModel):
    timezone: str
    working_days: list[int]
    start_time: str
    end_time: str
    max_calls_per_day: int | None
    start_at: Timestamp | None
    end_at: Timestamp | None


class RetriesOut(ResponseModel):
    max_attempts: int
    delay: str
    outcomes: list[RetryOutcome]


class CallSettingsOut(ResponseModel):
    recording_enabled: bool | None
    transcription_enabled: bool | None
    greeting: str | None
    max_duration: str | None
    join_timeout: str | None
    detect_answering_machine: bool | None
    voicemail_message: str | None


class StatisticsOut(ResponseModel):
    """How far a campaign is: contacts by their state, attempts by their outcome."""

    total: int
    pending: int
    dialing: int
    completed: int
    failed: int
    cancelled: int
    attempts: int
    outcomes: dict[str, int]


class BatchOut(ResponseModel):
    """A campaign."""

    id: Uuid
    name: str
    status: CampaignStatus
    status_reason: str | None = Field(description="Why it is paused, or was ended.")
    agent_id: Uuid
    from_numbers: list[PhoneNumberOut] | None
    number_rotation: Rotation
    calls_per_number: int | None
    schedule: ScheduleOut
    max_concurrent_calls: int
    calls_per_minute: int | None
    retries: RetriesOut
    variables: dict[str, str]
    call_settings: CallSettingsOut
    contact_count: int
    statistics: StatisticsOut
    started_at: Timestamp | None
    ended_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class BatchContactOut(ResponseModel):
    """A contact of a campaign."""

    id: Uuid
    contact_id: Uuid | None
    phone_number: PhoneNumberOut
    variables: dict[str, str]
    state: ContactState
    scheduled_at: Timestamp | None = Field(description="When it is due, or was.")
    attempts: int
    call_id: Uuid | None = Field(description="The last call.")
    from_number: PhoneNumberOut | None
    last_attempt_at: Timestamp | None
    outcome: str | None


def _minutes(value: str) -> int:
    hours, minutes = value.split(":")
    return min(int(hours) * 60 + int(minutes), MINUTES_OF_DAY)
