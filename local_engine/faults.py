"""Faults on demand and the knobs for behaviour the service does not document.

Per call, by `metadata.fault` or a marker `[fault:...]` in the system prompt; for the next calls, by `POST
/faults`. The text is a comma-separated list of `name` or `name=value`.
"""

from __future__ import annotations

import dataclasses
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from local_engine.errors import InvalidRequest

_MARKER = re.compile(r"\[fault:([^\]]*)\]")
_CLOSE = re.compile(r"close_(\d{4})_after_ms")

# Sizes that are no multiple of a frame; the odd one splits a sample in two.
ODD_FRAME_SIZES = (1333, 7, 640, 321, 2, 998)


@dataclass(frozen=True, slots=True)
class CallFaults:
    """What goes wrong, or differently, in one call. Times count from the join, in ms."""

    close_after_ms: float | None = None
    """Close the socket with `close_code`; the call ends as `system_error`."""
    close_code: int = 1011
    reset_after_ms: float | None = None
    """Reset the TCP connection, with no close frame."""
    stall_after_ms: float | None = None
    """Send nothing for `stall_ms`, then everything held back at once."""
    stall_ms: float = 1000.0
    burst: bool = False
    """Send whole utterances at once, whatever the client's buffer."""
    frame_bytes: int = 0
    """Cut output into frames of this size (0: 20 ms)."""
    odd_frames: bool = False
    """Cut output into frames of uneven and odd sizes."""
    silence_frames: bool = False
    """Send zero frames while the agent is quiet."""
    empty_final: bool = False
    """Send an empty final agent transcript before a tool is used."""
    slow_upgrade_ms: float = 0.0
    """Hold the WebSocket upgrade back."""
    refuse_upgrade: int = 0
    """Answer the upgrade with this HTTP status."""
    malformed_message: bool = False
    """Send a text frame that is not JSON after the join."""
    unknown_message: bool = False
    """Send a data message of an unknown type after the join."""
    state_first: bool = False
    """Send the first `state` before `call_started`."""
    idle_at_start: bool = False
    """Send `state: idle` first."""
    idle_at_end: bool = False
    """Send `state: idle` before the close."""
    partial_user_transcripts: bool = False
    """Send a non-final user transcript when the caller begins to speak."""
    think_ms: float = 0.0
    """Stay in `thinking` at least this long."""
    close_before_played: bool = False
    """At the end, close as soon as the farewell was sent instead of when it should have been heard."""
    end_close_code: int = 1000
    """The close code of an orderly end."""
    client_close_reason: str = "hangup"
    """`endReason` after the client closed the socket."""
    second_client_close_code: int = 1008
    """How a second client on the same call is closed."""


_FIELDS = {field.name: field for field in dataclasses.fields(CallFaults)}


def parse_faults(text: str, base: CallFaults | None = None) -> CallFaults:
    """`"close_1011_after_ms=1500,burst"` as faults on top of `base`.

    Raises `InvalidRequest` for an unknown name.
    """
    values: dict[str, object] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in item.partition("="))
        close = _CLOSE.fullmatch(name)
        if close:
            values["close_code"] = int(close[1])
            name = "close_after_ms"
        field = _FIELDS.get(name)
        if field is None:
            raise InvalidRequest(f"fault: unknown name {name!r}")
        try:
            values[name] = _convert(str(field.type), value, bool(equals))
        except ValueError as error:
            raise InvalidRequest(f"fault: {name} needs a value: {value!r} does not fit") from error
    return dataclasses.replace(base or CallFaults(), **values)  # type: ignore[arg-type]


def _convert(kind: str, value: str, given: bool) -> object:
    if kind == "bool":
        if value.lower() not in ("", "1", "0", "true", "false"):
            raise ValueError(value)
        return not given or value.lower() in ("1", "true")
    if kind == "int":
        return int(value)
    if kind == "str":
        if not value:
            raise ValueError(value)
        return value
    return float(value)


def call_faults(
    metadata: Mapping[str, str], system_prompt: str, base: CallFaults | None = None
) -> CallFaults:
    """The faults a call asks for itself, on top of `base`. Raises `InvalidRequest`."""
    faults = base or CallFaults()
    for marker in _MARKER.findall(system_prompt):
        faults = parse_faults(marker, faults)
    if "fault" in metadata:
        faults = parse_faults(metadata["fault"], faults)
    return faults


class CreateFault(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What happens to the creation of the next `count` calls: body of `POST /faults`.

    `status` refuses (429, 503, 402, ...), with `Retry-After: retryAfter` when given; `delayMs` comes first;
    `disconnect` drops the connection without an answer; `call` gives the calls that are created these faults.
    """

    count: int = 1
    status: int = 0
    retry_after: float | None = None
    detail: str | None = None
    delay_ms: float = 0.0
    disconnect: bool = False
    call: str = ""


class FaultPlan:
    """The faults waiting for the next calls, first come first served, at most `limit` calls ahead."""

    def __init__(self, limit: int = 10_000) -> None:
        self._waiting: deque[CreateFault] = deque()
        self._limit = limit
        self.served = 0

    @property
    def waiting(self) -> int:
        """How many creations still will be met by a fault."""
        return len(self._waiting)

    def add(self, fault: CreateFault) -> None:
        """Arm `fault.count` creations. Raises `InvalidRequest` when it makes no sense or too many wait."""
        if fault.count < 1 or fault.count + len(self._waiting) > self._limit:
            raise InvalidRequest(f"count: from 1, and at most {self._limit} waiting")
        if fault.status and not 400 <= fault.status <= 599:
            raise InvalidRequest("status: 400 to 599")
        parse_faults(fault.call)
        self._waiting.extend([fault] * fault.count)

    def clear(self) -> None:
        """Disarm all."""
        self._waiting.clear()

    def take(self) -> CreateFault | None:
        """The fault for a creation that is happening now."""
        if not self._waiting:
            return None
        self.served += 1
        return self._waiting.popleft()
