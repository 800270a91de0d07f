"""WAV files: the header of a growing file. Files to be played are read by `media.audio_file`."""

from __future__ import annotations

import struct

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
HEADER_BYTES = _HEADER.size
_PCM = 1
_MAX_DATA = 0xFFFFFFFF - HEADER_BYTES


def header(channels: int, sample_rate: int, data_bytes: int) -> bytes:
    """The 44 bytes in front of 16-bit PCM."""
    data_bytes = min(data_bytes, _MAX_DATA)
    block = channels * 2
    return _HEADER.pack(
        b"RIFF",
        data_bytes + HEADER_BYTES - 8,
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        channels,
        sample_rate,
        sample_rate * block,
        block,
        16,
        b"data",
        data_bytes,
    )
