"""From the WAV file of a finished recording to the file that is kept: MP3, Opus in Ogg (RFC 7845) or WAV, in
stereo or mono.

Blocks, and takes about a quarter of a second of processor time for a minute of sound: it runs in a process
of its own (`media.encoder_process`), never on an event loop.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import numpy as np
import numpy.typing as npt

from media import wav
from media.encoding import Encoded, EncodingError, EncodingJob, RecordingFormat

SOURCE_CHANNELS = 2
_SAMPLE_BYTES = 2
# Rate and data of the header as `media.wav` writes it.
_RATE = struct.Struct("<24xI")
_READ_BYTES = 1 << 18


# Container, codec, and how hard the codec tries: on telephone sound nobody hears more, and it costs twice.
_CODECS = {
    RecordingFormat.MP3: ("mp3", "libmp3lame", "7"),
    RecordingFormat.OPUS: ("ogg", "libopus", "3"),
}
# LAME's limits for MPEG-2.5 (8 kHz) and MPEG-2 (16 kHz).
_MP3_MAX_KBPS = {8000: 64, 16000: 160}
# Per channel: what speech of that bandwidth needs.
_KBPS_PER_CHANNEL = {8000: 16, 16000: 24}


def encode(job: EncodingJob) -> Encoded:
    """Write `target`, and to the disk before this returns. Raises `EncodingError`."""
    try:
        with open(job.source, "rb") as source:
            rate, frames = _layout(source)
            pieces = _pieces(source, frames, job.channels)
            if job.format is RecordingFormat.WAV:
                _write_wav(job, rate, frames, pieces)
            else:
                _write_coded(job, rate, pieces)
        with open(job.target, "rb+") as target:
            os.fsync(target.fileno())
            digest = hashlib.file_digest(target, "sha256").hexdigest()
    except (OSError, av.FFmpegError) as error:
        raise EncodingError(f"{type(error).__name__}: {error}") from error
    return Encoded(
        duration_ms=frames * 1000 // rate,
        size_bytes=Path(job.target).stat().st_size,
        sample_rate=rate,
        channels=job.channels,
        sha256=digest,
    )


def _layout(source: IO[bytes]) -> tuple[int, int]:
    """Sample rate and frames. The length is the file's, because a killed process leaves an older header."""
    head = source.read(wav.HEADER_BYTES)
    if len(head) < wav.HEADER_BYTES or head[:4] != b"RIFF":
        raise EncodingError("no recording: the WAV header is missing")
    (rate,) = _RATE.unpack_from(head)
    if rate not in _KBPS_PER_CHANNEL:
        raise EncodingError(f"no recording: {rate} Hz")
    size = os.fstat(source.fileno()).st_size - wav.HEADER_BYTES
    frames = size // (SOURCE_CHANNELS * _SAMPLE_BYTES)
    if not frames:
        raise EncodingError("nothing was recorded")
    return rate, frames


def _pieces(source: IO[bytes], frames: int, channels: int) -> Iterator[npt.NDArray[np.int16]]:
    """The sound in pieces of shape (frames, channels)."""
    left = frames * SOURCE_CHANNELS * _SAMPLE_BYTES
    while left:
        data = source.read(min(left, _READ_BYTES))
        if not data:
            raise EncodingError("the recording was cut while it was read")
        left -= len(data)
        piece = np.frombuffer(data, dtype="<i2").reshape(-1, SOURCE_CHANNELS)
        if channels == 1:
            # Two people rarely speak at once: the sum keeps each as loud as he was.
            both = piece.sum(axis=1, dtype=np.int32, keepdims=True)
            piece = np.clip(both, -32768, 32767).astype("<i2")
        yield piece


def _write_wav(job: EncodingJob, rate: int, frames: int, pieces: Iterator[npt.NDArray[np.int16]]) -> None:
    with open(job.target, "wb") as target:
        target.write(wav.header(job.channels, rate, frames * job.channels * _SAMPLE_BYTES))
        for piece in pieces:
            target.write(piece.tobytes())


def _write_coded(job: EncodingJob, rate: int, pieces: Iterator[npt.NDArray[np.int16]]) -> None:
    container, codec, effort = _CODECS[job.format]
    layout = "mono" if job.channels == 1 else "stereo"
    with av.open(job.target, "w", format=container) as target:
        stream = target.add_stream(codec, rate=rate, layout=layout, options={"compression_level": effort})
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = _kbps(job, rate) * 1000
        at = 0
        for piece in pieces:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(piece).reshape(1, -1), format="s16", layout=layout
            )
            frame.sample_rate = rate
            frame.time_base = Fraction(1, rate)
            frame.pts = at
            at += len(piece)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def _kbps(job: EncodingJob, rate: int) -> int:
    wanted = job.bitrate_kbps or _KBPS_PER_CHANNEL[rate] * job.channels
    return min(wanted, _MP3_MAX_KBPS[rate]) if job.format is RecordingFormat.MP3 else wanted
