"""What is said to the process that encodes recordings, and what it answers."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class RecordingFormat(StrEnum):
    MP3 = "mp3"
    OPUS = "opus"
    WAV = "wav"


class EncodingError(Exception):
    """This recording cannot be encoded: the text says why."""


class EncodingJob(msgspec.Struct, frozen=True, kw_only=True):
    """`source` is a stereo WAV file of `media.recorder`, whole or cut off; `target` is overwritten."""

    source: str
    target: str
    format: RecordingFormat = RecordingFormat.MP3
    channels: int = 2
    bitrate_kbps: int | None = None  # of all channels together; None: what suits the sample rate


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    duration_ms: int
    size_bytes: int
    sample_rate: int
    channels: int
    sha256: str


class EncodingResult(msgspec.Struct, frozen=True, kw_only=True):
    """Either of the two is set."""

    encoded: Encoded | None = None
    error: str | None = None
