"""Sound files to be played: WAV, MP3 and whatever else FFmpeg reads, as PCM at a leg's rate (by PyAV).

Slow: for a thread, never for the audio loop.
"""

from __future__ import annotations

from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

# Formats whose readers are used. FFmpeg knows more, some of which open further files or network addresses
# that their content names (playlists).
FORMATS = frozenset({"wav", "mp3", "flac", "ogg", "mov", "mp4", "m4a", "aac", "w64", "au", "aiff"})
MAX_FILE_BYTES = 64 * 1024 * 1024


class AudioFileError(ValueError):
    """The file cannot be played: the text says why."""


def decode(path: Path, sample_rate: int, max_s: float) -> bytes:
    """The file's first audio stream as s16le mono at `sample_rate`.

    Raises `AudioFileError`; `OSError` when the file cannot be read.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise AudioFileError(f"larger than {MAX_FILE_BYTES // 1024 // 1024} MB")
    most = int(max_s * sample_rate) * 2
    resampler = AudioResampler(format="s16", layout="mono", rate=sample_rate)
    audio = bytearray()
    try:
        # A file object instead of a name: FFmpeg opens nothing by itself.
        with path.open("rb") as file, av.open(file, "r", metadata_errors="replace") as container:
            if not FORMATS & set(container.format.name.split(",")):
                raise AudioFileError(f"{container.format.name} files are not played")
            if not container.streams.audio:
                raise AudioFileError("there is no sound in it")
            form = None
            for frame in container.decode(container.streams.audio[0]):
                if form not in (None, _form(frame)):  # pieces of several recordings, one behind the other
                    _append(audio, resampler.resample(None))
                    resampler = AudioResampler(format="s16", layout="mono", rate=sample_rate)
                form = _form(frame)
                _append(audio, resampler.resample(frame))
                if len(audio) > most:
                    raise AudioFileError(f"longer than {max_s:.0f} s")
            _append(audio, resampler.resample(None))
    except av.FFmpegError as error:
        raise AudioFileError(f"no sound file: {error.strerror or type(error).__name__}") from error
    if not audio:
        raise AudioFileError("there is no sound in it")
    return bytes(audio)


def _form(frame: AudioFrame) -> tuple[str, str, int]:
    """What one resampler can take only one of."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _append(audio: bytearray, frames: list[AudioFrame]) -> None:
    for frame in frames:
        audio += bytes(frame.planes[0])[: frame.samples * 2]
