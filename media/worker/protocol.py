"""What gateway and worker say to each other: the messages of `media.messages` in typed envelopes, as
MessagePack.

The first message each way tells the version of this protocol and a fingerprint of all its messages. A worker
started from other code than its gateway (an upgrade under a running gateway) is found out by it before a
call is lost to a field that one of the two does not know.
"""

from __future__ import annotations

import functools
import hashlib
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

import msgspec

from media.config import MediaConfig
from media.messages import Command, CreateLeg, Event, LegClosed, LegCreated, LegStatistics

# Raised when the meaning of a message changes though its fields do not: the fingerprint sees fields only.
PROTOCOL_VERSION = 1


class ProtocolError(Exception):
    """The peer said something that is not in this protocol."""


class Envelope(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Base of all envelopes. `request_id` joins an answer to its request."""


# --- gateway to worker --------------------------------------------------------------------------------------


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the worker is to work. `resting_ports`: port -> seconds for which it must not be used yet."""

    media: MediaConfig
    resting_ports: dict[int, float] = {}
    heartbeat_s: float = 0.5
    log_level: int = 20  # of the standard library's scale: 10 debug, 20 info, 30 warning, 40 error


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's first message. Its shape stays as it is in all versions: `settings` is a
    `WorkerSettings`, decoded only when version and fingerprint are the same.
    """

    version: int
    fingerprint: str
    settings: msgspec.Raw


class CreateRequest(Envelope, frozen=True):
    request_id: int
    command: CreateLeg


class CloseRequest(Envelope, frozen=True):
    request_id: int
    leg_id: str


class StatisticsRequest(Envelope, frozen=True):
    request_id: int
    leg_id: str


class Order(Envelope, frozen=True):
    """A command that has no answer; its outcome comes as an event."""

    command: Command


class Stop(Envelope, frozen=True):
    """End every leg, finish what is being written, and exit."""


ToWorker: TypeAlias = CreateRequest | CloseRequest | StatisticsRequest | Order | Stop


# --- worker to gateway --------------------------------------------------------------------------------------


class Welcome(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's first message. `accepted` is false when version or fingerprint differ; the worker then
    exits. Its shape stays as it is in all versions.
    """

    version: int
    fingerprint: str
    accepted: bool
    pid: int
    error: str = ""


class RefusalKind(StrEnum):
    NO_CAPACITY = "no-capacity"
    UNKNOWN_LEG = "unknown-leg"
    FAULT = "fault"


class Created(Envelope, frozen=True):
    request_id: int
    leg: LegCreated


class Closed(Envelope, frozen=True):
    request_id: int
    leg: LegClosed


class Counted(Envelope, frozen=True):
    request_id: int
    statistics: LegStatistics


class Refused(Envelope, frozen=True):
    request_id: int
    kind: RefusalKind
    message: str


class Told(Envelope, frozen=True):
    """An event of a leg."""

    event: Event


class Heartbeat(Envelope, frozen=True):
    """The worker lives, and how it fares. Counters run since the worker started."""

    at: float  # monotonic seconds of the worker
    cpu_s: float  # user and system, all threads
    legs: int
    ports_free: int
    late_ticks: int
    slots_skipped: int
    worst_lateness_ms: float  # of the clock or the loop, since the last heartbeat
    recording_frames_dropped: int = 0
    messages_dropped: int = 0
    longest_collection_ms: float = 0.0  # of the garbage collector, since the last heartbeat
    rss_bytes: int = 0


class Logged(Envelope, frozen=True):
    """A line of the worker's log, so that all lines have one place and one form."""

    level: str
    event: str
    fields: dict[str, Any]


FromWorker: TypeAlias = Created | Closed | Counted | Refused | Told | Heartbeat | Logged
Answer: TypeAlias = Created | Closed | Counted | Refused


# --- on the wire --------------------------------------------------------------------------------------------

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_hello = msgspec.msgpack.Decoder(Hello)
_welcome = msgspec.msgpack.Decoder(Welcome)
_settings = msgspec.msgpack.Decoder(WorkerSettings)


@functools.cache
def fingerprint() -> str:
    """Changes with every name, field and type of the protocol."""
    kinds = [ToWorker, FromWorker, WorkerSettings]
    _, schemas = msgspec.json.schema_components(kinds)
    return hashlib.sha256(msgspec.json.encode(_bare(schemas), order="deterministic")).hexdigest()[:16]


def _bare(schema: Any) -> Any:
    """A schema without its explanations."""
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if key != "description"}
    return [_bare(item) for item in schema] if isinstance(schema, list) else schema


def encode(message: ToWorker | FromWorker) -> bytes:
    """One envelope as bytes. Whole numbers beyond 64 bits, which JSON knows and MessagePack does not, lose
    their last digits.
    """
    try:
        return _encoder.encode(message)
    except OverflowError:
        return _encoder.encode(_representable(msgspec.to_builtins(message)))


def encode_hello(settings: WorkerSettings) -> bytes:
    raw = msgspec.Raw(_encoder.encode(settings))
    return _encoder.encode(Hello(version=PROTOCOL_VERSION, fingerprint=fingerprint(), settings=raw))


def encode_welcome(welcome: Welcome) -> bytes:
    return _encoder.encode(welcome)


def decode_to_worker(data: bytes) -> ToWorker:
    """Raises `ProtocolError`."""
    return _decode(_to_worker, data)


def decode_from_worker(data: bytes) -> FromWorker:
    """Raises `ProtocolError`."""
    return _decode(_from_worker, data)


def decode_hello(data: bytes) -> Hello:
    """Raises `ProtocolError`."""
    return _decode(_hello, data)


def decode_welcome(data: bytes) -> Welcome:
    """Raises `ProtocolError`."""
    return _decode(_welcome, data)


def decode_settings(hello: Hello) -> WorkerSettings:
    """Raises `ProtocolError`."""
    return _decode(_settings, bytes(hello.settings))


def mismatch(version: int, other_fingerprint: str) -> str | None:
    """Why a peer of that version cannot be spoken to; None when it can."""
    if version != PROTOCOL_VERSION:
        return f"protocol version {version}, ours is {PROTOCOL_VERSION}"
    if other_fingerprint != fingerprint():
        return f"messages {other_fingerprint}, ours are {fingerprint()}"
    return None


def _decode(decoder: msgspec.msgpack.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProtocolError(str(error)) from error


def _representable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _representable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_representable(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        try:
            return float(value)
        except OverflowError:
            return str(value)
    return value
