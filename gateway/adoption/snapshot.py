"""What another gateway needs, beside the call's record, to go on with a call.

There is no secret in it: keys of the audio are made anew, and what a trunk's digest needs is with the trunk.
"""

from __future__ import annotations

import msgspec

from sip.audio_snapshot import AudioSnapshot
from sip.dialog_snapshot import DialogSnapshot, SnapshotError

VERSION = 1
"""Rises when what is written here changes its meaning: a snapshot of another version is not read."""

MAXIMUM_BYTES = 64 * 1024
MAXIMUM_ENGINE_CALLS = 16


class CallSnapshot(msgspec.Struct, frozen=True):
    """`engine_calls` are the engine's calls so far, the newest last; `sample_rate` (Hz) is the engine's;
    `max_duration_s` counts from the answer. `recorded` says that a recording runs.
    """

    dialog: DialogSnapshot
    audio: AudioSnapshot
    engine_calls: tuple[str, ...]
    sample_rate: int
    max_duration_s: float
    agent_id: str
    dtmf: str
    held: bool = False
    recorded: bool = False
    version: int = VERSION


class _Versioned(msgspec.Struct):
    version: int


def encode(snapshot: CallSnapshot) -> bytes:
    return msgspec.json.encode(snapshot)


def decode(text: bytes) -> CallSnapshot:
    """Raises `SnapshotError` for one of another version, and for what is none."""
    if len(text) > MAXIMUM_BYTES:
        raise SnapshotError("the snapshot is too long")
    try:
        version = msgspec.json.decode(text, type=_Versioned).version
        if version != VERSION:
            raise SnapshotError(f"the snapshot is of version {version}, not {VERSION}")
        snapshot = msgspec.json.decode(text, type=CallSnapshot)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise SnapshotError(f"the snapshot cannot be read: {error}") from error
    if not 0 < len(snapshot.engine_calls) <= MAXIMUM_ENGINE_CALLS:
        raise SnapshotError("the snapshot names no call of the engine")
    return snapshot
