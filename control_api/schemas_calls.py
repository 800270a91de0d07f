"""Calls on the wire: what is asked for when one is placed, and the call object as it is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from control_api.schemas_shared import (
    DURATION_SCHEMA,
    JsonObject,
    Meta,
    PhoneNumberIn,
    PhoneNumberOut,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    UuidIn,
    duration_between,
    json_object,
)
from control_api.schemas_trunk_identity import SipHeaders
from gateway.new_call import CallSettings, NewCall
from store.records import (
    CallDirection,
    CallStatus,
    RecordingStatus,
    TimelineEvent,
)

LONGEST_RING_MS = 600_000
LONGEST_CALL_MS = 86_400_000

RingTime = Annotated[int, BeforeValidator(duration_between(1_000, LONGEST_RING_MS)), DURATION_SCHEMA]
CallTime = Annotated[int, BeforeValidator(duration_between(1_000, LONGEST_CALL_MS)), DURATION_SCHEMA]

Variables = Annotated[dict[str, str], AfterValidator(json_object)]


STATUS_ALIASES = {"in_progress": "in-progress", "completed": "ended", "created": "queued"}
"""Words that older documents use for statuses, taken in filters only."""


def _without_alias(value: Any) -> Any:
    return STATUS_ALIASES.get(value, value) if isinstance(value, str) else value


CallStatusFilter = Annotated[CallStatus, BeforeValidator(_without_alias)]
"""A status by which calls can be listed."""


class CallSettingsIn(RequestModel):
    """Overrides for one call; what is absent or null is taken from the agent."""

    recording_enabled: StrictBool | None = None
    transcription_enabled: StrictBool | None = None
    greeting: Annotated[str, Field(min_length=1, max_length=5_000)] | None = None
    max_duration: CallTime | None = Field(
        default=None, description='Longest call from answer on, such as "3600s".'
    )
    join_timeout: RingTime | None = Field(default=None, description='How long to let it ring, such as "30s".')
    detect_answering_machine: StrictBool | None = Field(
        default=None, description="Find out who answers; on by itself when the agent leaves voicemail."
    )
    voicemail_message: Annotated[str, Field(min_length=1, max_length=2_000)] | None = Field(
        default=None, description="What to say after the beep, word for word; else the agent finds its words."
    )

    def to_settings(self) -> CallSettings:
        return CallSettings(
            recording_enabled=self.recording_enabled,
            transcription_enabled=self.transcription_enabled,
            greeting=self.greeting,
            max_duration_ms=self.max_duration,
            join_timeout_ms=self.join_timeout,
            detect_answering_machine=self.detect_answering_machine,
            voicemail_message=self.voicemail_message,
        )


class CallCreate(RequestModel):
    """A call to be placed."""

    agent_id: UuidIn
    phone_number: PhoneNumberIn = Field(description="Whom to call.")
    from_number: PhoneNumberIn | None = Field(
        default=None,
        description="Caller ID: one of the agent's outbound numbers; chosen for you when absent.",
    )
    variables: Variables | None = Field(
        default=None, description="Values for the `{{slots}}` of the system prompt."
    )
    metadata: JsonObject | None = Field(default=None, description="Yours; comes back on the call object.")
    call_settings: CallSettingsIn | None = None
    private: StrictBool | None = Field(
        default=None, description="Withhold the caller; null: as the trunk's `caller_identity` has it."
    )
    sip_headers: SipHeaders | None = Field(default=None, description="X-* headers for the INVITE.")

    def to_new_call(self) -> NewCall:
        """The request as the gateway understands it."""
        settings = self.call_settings or CallSettingsIn()
        return NewCall(
            agent_id=self.agent_id,
            phone_number=self.phone_number,
            from_number=self.from_number,
            variables=self.variables or {},
            metadata=self.metadata or {},
            settings=replace(
                settings.to_settings(), private=self.private, sip_headers=self.sip_headers or None
            ),
        )


class TranscriptEntryOut(ResponseModel):
    speaker: str = Field(description="`agent` or `contact`.")
    text: str
    timestamp: float = Field(description="Seconds since the call was answered.")
    interrupted: bool = Field(default=False, description="The contact cut the agent short; with `played_ms`.")
    played_ms: int = Field(
        default=0,
        description="How much of the agent's utterance the contact heard; absent where that is not known.",
    )


class DiversionOut(ResponseModel):
    """Whom the caller dialled before the call was diverted to us."""

    number: str
    reason: str | None = Field(description="Such as `unconditional`, `user-busy`, `no-answer`.")
    header: str = Field(description="`Diversion` or `History-Info`.")


class SipOut(ResponseModel):
    """How the call looked on the SIP side: what a carrier's support asks for."""

    call_id: str | None = Field(description="The SIP Call-ID.")
    status: int | None = Field(description="The last final SIP status.")
    reason: str | None
    q850_cause: int | None = Field(description="The Q.850 cause that the far side gave (RFC 3326).")
    anonymous: bool = Field(description="The caller wishes to be unknown, or was withheld.")
    diversion: DiversionOut | None = Field(description="Null when the call was not diverted to us.")
    headers: dict[str, str] = Field(description="Those of the INVITE that the trunk lets in; untrusted.")


class AnalysisOut(ResponseModel):
    """By the agent's `success_criteria` and `extraction_schema`."""

    success: bool | None = Field(description="Null when the agent has no `success_criteria`.")
    summary: str
    extracted: Any = Field(description="As the `extraction_schema` says; null when there is none.")


class CallTransferOut(ResponseModel):
    """A call's newest transfer."""

    status: str = Field(
        description="`started`, then words such as `accepted`, `ringing`, `answered`, `consulting`,"
        " `joining`, and in the end `completed` or `failed`."
    )
    mode: str = Field(description="`cold` or `warm`.")
    method: str = Field(description="`refer` or `bridge`: the one that is tried now, or was used.")
    target: str
    sip_status: int | None = Field(description="The newest SIP answer that is known.")
    reason: str | None = Field(description="Why it came to its end.")
    started_at: Timestamp
    ended_at: Timestamp | None = Field(
        description="When it was completed or had failed. After a completed one of the method `bridge` the"
        " call goes on without its agent."
    )


class CallOut(ResponseModel):
    """A call. Only `ended`, `failed` and `cancelled` are terminal, and terminal is for ever."""

    id: Uuid
    status: CallStatus
    direction: CallDirection
    agent_id: Uuid
    phone_number: PhoneNumberOut | None = Field(description="The far party; null when it is not known.")
    from_number: PhoneNumberOut | None = Field(description="Our number: called from, or called on.")
    duration_seconds: int | None = Field(description="From answer to hang-up; null if never connected.")
    transcript: list[TranscriptEntryOut] | None = Field(description="Null until the call is over.")
    recording_url: str | None = Field(
        description="A link that needs no key, fresh at each read; null until the recording is `ready`."
    )
    recording_status: RecordingStatus
    cost_cents: int | None
    outcome: str | None = Field(
        description="What came of it, as a hyphenated word; null until that is known."
    )
    analysis: AnalysisOut | None = Field(
        description="What the transcript told; null until it was read, and when nobody reads it."
    )
    answered_by: str | None = Field(description="`human`, `machine`, `unknown`; null when nobody looked.")
    variables: dict[str, Any]
    metadata: dict[str, Any]
    failure_reason: str | None = Field(description="Null unless the call failed.")
    end_reason: str | None = Field(description="Why a call that is over came to its end.")
    cancelled_from: str | None = Field(description="`queued` or `ringing`, on a cancelled call.")
    transfer: CallTransferOut | None = Field(description="Null when nobody has transferred the call.")
    sip: SipOut
    started_at: Timestamp | None = Field(description="When it was answered.")
    ended_at: Timestamp | None
    created_at: Timestamp


class CallReadOut(CallOut):
    """The answer to a read of one call: the call's fields stand both at the top and under `data`."""

    data: CallOut
    meta: Meta


class TimelineEventOut(ResponseModel):
    """One step of a call's life."""

    sequence: int
    t_ms: int = Field(description="Milliseconds since the call was created.")
    kind: str
    detail: dict[str, Any]


def render_timeline_event(event: TimelineEvent) -> dict[str, Any]:
    """One step of the timeline."""
    return {"sequence": event.sequence, "t_ms": event.t_ms, "kind": event.kind, "detail": event.detail}
