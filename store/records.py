"""What the store keeps, as plain immutable records.

Field names are those of the product's public API wherever such a field exists there; times are aware UTC
datetimes, durations are milliseconds (`_ms`), identifiers are lower-case UUID strings (version 7, so that
they sort by the time of creation).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from store.registrar_records import InboundRegistrar, ToRegistered
from store.target_records import Redirects, TrunkFailover, TrunkTarget, TrunkTransport
from store.trunk_dialog_records import TrunkDialog
from store.trunk_identity_records import (
    NumberWriting,
    RouteBy,
    TrunkCallerIdentity,
    TrunkHeaders,
    TrunkRates,
)
from store.user_records import Role

T = TypeVar("T")


class AgentStatus(StrEnum):
    """Life of an agent against the voice engine: only an `active` agent takes or places calls."""

    DRAFT = "draft"
    CREATING = "creating"
    ACTIVE = "active"
    FAILED = "failed"


class CallDirection(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    WEBRTC = "webrtc"


class CallStatus(StrEnum):
    """`queued -> ringing -> in-progress -> ended | failed`; `cancelled` from queued and ringing."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in (CallStatus.ENDED, CallStatus.FAILED, CallStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Organization:
    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A bearer key. Only the SHA-256 of the secret is kept; `prefix` is how the secret begins.
    `allowed_addresses` are networks in CIDR form from which alone it is good; empty: from anywhere.
    """

    id: str
    organization_id: str
    name: str
    prefix: str
    secret_hash: str
    created_at: datetime
    revoked_at: datetime | None = None
    allowed_addresses: tuple[str, ...] = ()
    role: Role = Role.ADMIN


class BrowserMode(StrEnum):
    """Who carries the sound of a call that a browser joins."""

    BRIDGED = "bridged"  # the gateway: recorded, measured, the same path as a telephone call
    DIRECT = "direct"  # the engine, and the gateway hears by webhook what becomes of it


@dataclass(frozen=True, slots=True)
class Agent:
    """An AI voice agent. `None` means "not set": the engine's or the gateway's default applies."""

    id: str
    organization_id: str
    name: str
    voice_id: str
    system_prompt: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    model: str = "ultravox-v0.7"
    tools: tuple[str, ...] = ()
    knowledge_bases: tuple[str, ...] = ()
    temperature: float = 0.3
    recording_enabled: bool = False
    language_hint: str | None = None
    join_timeout_ms: int | None = None
    max_duration_ms: int | None = None
    time_exceeded_message: str | None = None
    # first_speaker, text, delay_ms, uninterruptible; only the keys that were set
    greeting_settings: dict[str, Any] | None = None
    # each: duration_ms, message, and end_behavior (one of END_BEHAVIOR_...) if it was set
    inactivity_messages: tuple[dict[str, Any], ...] = ()
    # turn_endpoint_delay_ms, minimum_turn_duration_ms, minimum_interruption_duration_ms,
    # frame_activation_threshold
    vad_settings: dict[str, Any] | None = None
    # transfer {cold, warm}, hang_up, leave_voicemail: all bool
    built_in_config: dict[str, Any] | None = None
    success_criteria: str | None = None
    extraction_schema: dict[str, Any] | None = None
    crm_webhook_url: str | None = None
    crm_webhook_secret: str | None = None
    status: AgentStatus = AgentStatus.DRAFT
    sync_error: str | None = None
    engine_agent_id: str | None = None
    sync_pending: bool = True  # the engine does not have these settings yet
    sync_attempts: int = 0  # refusals of these settings so far
    browser_mode: BrowserMode = BrowserMode.BRIDGED


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A telephone number with two slots: who answers it and who may call out from it."""

    id: str
    organization_id: str
    phone_number: str  # E.164 with the leading plus
    created_at: datetime
    updated_at: datetime
    friendly_name: str | None = None
    provider_type: str = "custom_sip"
    type: str = "local"
    country: str | None = None  # ISO 3166 alpha-2
    trunk_id: str | None = None
    inbound_agent_id: str | None = None
    outbound_agent_id: str | None = None
    managed: bool = False  # from the operator's stock; otherwise the customer's own
    # url, secret, timeout_ms: who is asked before a call to this number is answered
    precall_webhook: dict[str, Any] | None = None
    max_concurrent_calls: int | None = None  # both directions, all nodes; None: no limit


class NumberFormat(StrEnum):
    """How numbers are written on a trunk's wire."""

    E164 = "e164"
    NATIONAL = "national"
    RAW = "raw"


class DtmfMode(StrEnum):
    """How keys come in over a trunk. `auto`: RFC 4733 events and SIP INFO, and tones in the audio where the
    far side offers no events; `inband`: tones always, beside the others.
    """

    AUTO = "auto"
    RFC4733 = "rfc4733"
    INFO = "info"
    INBAND = "inband"


class MediaEncryption(StrEnum):
    """Whether the media of a trunk's calls is SRTP: never, when the far side does it too, or always."""

    DISABLE = "disable"
    ALLOW = "allow"
    REQUIRE = "require"


class SymmetricRtp(StrEnum):
    """Whether a trunk's media goes to where the far side's packets come from: once they come, from the start
    on and nowhere else, or never.
    """

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class SrtpKeying(StrEnum):
    """How we offer to agree on keys: in the session description, or by DTLS on the media path. What is
    offered to us is taken either way.
    """

    SDES = "sdes"
    DTLS = "dtls"


class SessionTimerUse(StrEnum):
    """Session timers (RFC 4028) on a trunk's calls: never, when the far side asks, or asked for by us."""

    OFF = "off"
    ALLOW = "allow"
    ALWAYS = "always"


class ReliableProvisionals(StrEnum):
    """Reliable provisional answers (100rel, RFC 3262): never, where one side asks, or always."""

    OFF = "off"
    ALLOW = "allow"
    REQUIRE = "require"


class EarlyMedia(StrEnum):
    """What becomes of a session description before the answer to a call of ours: nothing, or the media path
    is made at once. Nobody hears early media, and no recording holds it.
    """

    IGNORE = "ignore"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True)
class TrunkSignalling:
    """How calls over a trunk are signalled. `session_expires` is what we ask for and `min_session_expires`
    the least that we take, both in seconds.
    """

    session_timer: SessionTimerUse = SessionTimerUse.ALLOW
    session_expires: int = 1800
    min_session_expires: int = 90
    reliable_provisionals: ReliableProvisionals = ReliableProvisionals.ALLOW
    early_media: EarlyMedia = EarlyMedia.IGNORE
    follow_redirects: Redirects = Redirects.OFF


class StirCheck(StrEnum):
    """What is done with the signed identity of callers: nothing, telling the agent, or insisting on it."""

    OFF = "off"
    RECORD = "record"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class TrunkStir:
    """STIR/SHAKEN on a trunk: `verify` is about calls to us, `sign` about calls from us."""

    verify: StirCheck = StirCheck.RECORD
    sign: bool = False


@dataclass(frozen=True, slots=True)
class TrunkTls:
    """TLS towards a trunk. `ca`, `certificate` and `private_key` are PEM text; without a `ca` the system's
    authorities are believed. `server_name` is for SNI and must be in the far side's certificate, written out
    unless `wildcard` lets `*.example.com` stand for it.
    """

    ca: str | None = None
    server_name: str | None = None
    min_version: str = "1.2"
    certificate: str | None = None
    private_key: str | None = field(default=None, repr=False)
    wildcard: bool = False


@dataclass(frozen=True, slots=True)
class TrunkRegistration:
    """Our REGISTER to a trunk: `expires` is what we ask for in seconds; user and domain of the address of
    record are the digest user and the host of `outbound.address` unless given.
    """

    expires: int = 300
    username: str | None = None
    domain: str | None = None


class SourceMatch(StrEnum):
    """Of a trunk with networks and a digest user: whether a call needs both, or one of the two will do."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class TrunkDigest:
    """Whom we challenge. Of his password only the HA1 for each algorithm is kept."""

    username: str
    ha1_sha256: str = field(default="", repr=False)
    ha1_md5: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TrunkInbound:
    """Who may send calls: source networks in CIDR form, a digest user, or both. Neither means that the trunk
    takes no calls.
    """

    allowed_addresses: tuple[str, ...] = ()
    digest: TrunkDigest | None = None
    match: SourceMatch = SourceMatch.ALL
    registrar: InboundRegistrar | None = None
    route_by: RouteBy = RouteBy.REQUEST_URI


@dataclass(frozen=True, slots=True)
class TrunkOutbound:
    """Where calls are sent: `address` is host or host:port, and empty where they go to whoever has registered
    (`to_registered`).
    """

    address: str
    transport: TrunkTransport = TrunkTransport.UDP
    auth_username: str | None = None
    auth_password: str | None = None
    from_host: str | None = None
    tls: TrunkTls | None = None
    registration: TrunkRegistration | None = None
    probe_interval: int = 0  # seconds between two OPTIONS; 0: none are sent
    targets: tuple[TrunkTarget, ...] = ()  # none: `address` alone
    proxy: str | None = None  # host or host:port that takes the calls for the targets
    failover: TrunkFailover = field(default_factory=TrunkFailover)
    to_registered: ToRegistered | None = None
    caller_identity: TrunkCallerIdentity = field(default_factory=TrunkCallerIdentity)


@dataclass(frozen=True, slots=True)
class Trunk:
    id: str
    organization_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    inbound: TrunkInbound | None = None
    outbound: TrunkOutbound | None = None
    number_format: NumberFormat = NumberFormat.E164
    default_country: str | None = None  # ISO 3166 alpha-2, for `national`
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    enabled: bool = True
    dtmf: DtmfMode = DtmfMode.AUTO
    media_encryption: MediaEncryption = MediaEncryption.ALLOW
    srtp_keying: SrtpKeying = SrtpKeying.SDES
    stir: TrunkStir = TrunkStir()
    dialog: TrunkDialog = TrunkDialog()  # noqa: RUF009 - frozen
    number_writing: NumberWriting = field(default_factory=NumberWriting)
    headers: TrunkHeaders = field(default_factory=TrunkHeaders)
    rates: TrunkRates = field(default_factory=TrunkRates)
    symmetric: SymmetricRtp = SymmetricRtp.AUTO
    signalling: TrunkSignalling = TrunkSignalling()
    max_concurrent_calls: int | None = None  # both directions, all nodes; None: no limit


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """One utterance: `speaker` is `agent` or `contact`, `timestamp` seconds since the call was answered. Of
    the agent's, `played_ms` is how much of it the contact heard (None: not known), and `interrupted` that it
    was cut short there.
    """

    speaker: str
    text: str
    timestamp: float
    interrupted: bool = False
    played_ms: int | None = None


class RecordingStatus(StrEnum):
    """`recording` while the call lives, `processing` until the file is encoded and stored."""

    NONE = "none"
    RECORDING = "recording"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A recording that is kept. `location` is the storage's own name for it."""

    location: str
    format: str  # mp3, opus, wav
    channels: int
    sample_rate: int
    duration_ms: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as the store keeps it; see `gateway.call` for the rules by which it changes."""

    id: str
    organization_id: str
    status: CallStatus
    direction: CallDirection
    agent_id: str
    created_at: datetime
    phone_number: str | None = None  # the far party, E.164; None for WebRTC and anonymous callers
    from_number: str | None = None  # our number: placed from (outbound) or received on (inbound)
    trunk_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    transcript: tuple[TranscriptEntry, ...] | None = None
    recording_path: str | None = None  # the WAV file, until it has been encoded
    cost_cents: int | None = None
    outcome: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    call_settings: dict[str, Any] = field(default_factory=dict)
    failure_reason: str | None = None
    end_reason: str | None = None
    cancelled_from: str | None = None
    sip_call_id: str | None = None
    sip_status: int | None = None
    sip_reason: str | None = None
    sip_from: str | None = None
    engine_call_id: str | None = None
    statistics: dict[str, Any] | None = None
    answered_by: str | None = None  # human, machine or unknown; None when nobody looked
    recording_status: RecordingStatus = RecordingStatus.NONE
    recording_file: RecordingFile | None = None
    engine_billed_ms: int | None = None  # what the engine charges for; None until it has said so
    node_id: str | None = None  # the gateway that has the call
    analysis: dict[str, Any] | None = None  # success, summary, extracted; None until, or if never, it is read
    transfer: dict[str, Any] | None = None  # the newest one; see `gateway.transfers.report`
    # q850_cause, anonymous, diversion, headers: what SIP told beside the status; only the keys that it told
    sip_details: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One step in a call's life: `t_ms` milliseconds since the call object was created."""

    call_id: str
    sequence: int
    t_ms: int
    kind: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list; `None` means "any". `created_after` is inclusive, `created_before` exclusive."""

    agent_id: str | None = None
    status: CallStatus | None = None
    direction: CallDirection | None = None
    phone_number: str | None = None
    from_number: str | None = None
    outcome: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A slice of a list ordered by `created_at desc, id desc`, with the size of the whole."""

    items: tuple[T, ...]
    total: int
    limit: int
    offset: int

    @property
    def has_more(self) -> bool:
        return self.offset + len(self.items) < self.total
