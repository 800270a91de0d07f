"""What is kept of a recording, by its content: each side in its channel, in time, whole."""

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from media import wav
from media.encoding import Encoded, EncodingError, EncodingJob, RecordingFormat
from media.recording_encoder import encode
from tests.support.audio import Samples, dominant_tone, silence, tone

CODED = [RecordingFormat.MP3, RecordingFormat.OPUS]
ALL = [*CODED, RecordingFormat.WAV]


def recording(path: Path, left: Samples, right: Samples, rate: int = 8000, *, header_says: int = -1) -> str:
    """A file as the recorder leaves it; `header_says` bytes when it was killed."""
    data = np.stack([left, right], axis=1).tobytes()
    path.write_bytes(wav.header(2, rate, len(data) if header_says < 0 else header_says) + data)
    return str(path)


def decoded(path: str) -> tuple[Samples, int]:
    """Samples of shape (frames, channels), decoded by libav."""
    with av.open(path) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout=stream.layout)
        pieces = [
            out.to_ndarray().reshape(-1, len(stream.layout.channels))
            for frame in file.decode(stream)
            for out in resampler.resample(frame)
        ]
        return np.concatenate(pieces).astype(np.int16), stream.rate


def job(source: str, tmp_path: Path, format: RecordingFormat, **options: int) -> EncodingJob:
    return EncodingJob(source=source, target=str(tmp_path / "kept"), format=format, **options)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("format", ALL)
def test_the_caller_is_left_and_the_agent_right(tmp_path: Path, format: RecordingFormat, rate: int) -> None:
    source = recording(tmp_path / "a.wav", tone(440, 3000, rate=rate), tone(1000, 3000, rate=rate), rate)
    result = encode(job(source, tmp_path, format))
    audio, found_rate = decoded(str(tmp_path / "kept"))
    assert found_rate == (48_000 if format is RecordingFormat.OPUS else rate)
    assert audio.shape[1] == 2
    assert abs(len(audio) / found_rate - 3) < 0.03
    middle = audio[found_rate : 2 * found_rate]
    for side, (wanted, other) in enumerate([(440, 1000), (1000, 440)]):
        assert round(dominant_tone(middle[:, side], found_rate)[0], -1) == wanted
        assert _level(middle[:, side], other, found_rate) < _level(middle[:, side], wanted, found_rate) / 20
    content = (tmp_path / "kept").read_bytes()
    assert result == Encoded(
        duration_ms=3000,
        size_bytes=len(content),
        sample_rate=rate,
        channels=2,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _level(audio: Samples, frequency: float, rate: int) -> float:
    at = np.arange(len(audio)) / rate
    return float(abs(np.mean(audio * np.exp(-2j * np.pi * frequency * at))))


@pytest.mark.parametrize("format", ALL)
def test_words_stay_where_they_were_said(tmp_path: Path, format: RecordingFormat) -> None:
    left, right = silence(20_000), silence(20_000)
    left[5 * 8000 : 6 * 8000] = tone(600, 1000)
    right[15 * 8000 : 16 * 8000] = tone(600, 1000)
    encode(job(recording(tmp_path / "a.wav", left, right), tmp_path, format))
    audio, rate = decoded(str(tmp_path / "kept"))
    for side, second in enumerate((5, 15)):
        loud = np.flatnonzero(np.abs(audio[:, side]) > 2000) / rate
        assert abs(loud[0] - second) < 0.02
        assert abs(loud[-1] - (second + 1)) < 0.02


@pytest.mark.parametrize("format", ALL)
def test_mono_holds_both_voices(tmp_path: Path, format: RecordingFormat) -> None:
    source = recording(tmp_path / "a.wav", tone(440, 2000), tone(1000, 2000))
    assert encode(job(source, tmp_path, format, channels=1)).channels == 1
    audio, rate = decoded(str(tmp_path / "kept"))
    assert audio.shape[1] == 1
    middle = audio[rate // 2 : rate * 3 // 2, 0]
    assert _level(middle, 440, rate) == pytest.approx(_level(middle, 1000, rate), rel=0.2)
    assert _level(middle, 440, rate) > 1000


def test_voices_that_are_loud_together_do_not_wrap_around(tmp_path: Path) -> None:
    loud = np.full(8000, 30_000, dtype=np.int16)
    encode(job(recording(tmp_path / "a.wav", loud, loud), tmp_path, RecordingFormat.WAV, channels=1))
    assert (decoded(str(tmp_path / "kept"))[0] == 32_767).all()


@pytest.mark.parametrize("format", ALL)
def test_what_a_killed_process_left_is_used_to_its_last_sample(
    tmp_path: Path, format: RecordingFormat
) -> None:
    source = recording(tmp_path / "a.wav", tone(440, 2000), tone(440, 2000), header_says=4 * 8000)
    with open(source, "ab") as file:
        file.write(b"\1\2\3")  # it died in the middle of a sample
    assert encode(job(source, tmp_path, format)).duration_ms == 2000


def test_the_bit_rate_is_what_was_asked_for(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.wav", tone(440, 10_000), tone(700, 10_000))
    sizes = [
        encode(job(source, tmp_path, RecordingFormat.MP3, bitrate_kbps=kbps)).size_bytes
        for kbps in (16, 32, 320)
    ]
    # The last one is all that 8 kHz can have.
    assert [size * 8 / 10_000 for size in sizes] == pytest.approx([16, 32, 64], rel=0.05)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header is missing"),
        (b"\0" * 44, "header is missing"),
        (wav.header(2, 8000, 0), "nothing was recorded"),
        (wav.header(2, 44_100, 4) + b"\0" * 4, "44100 Hz"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(EncodingError, match=message):
        encode(job(str(tmp_path / "a.wav"), tmp_path, RecordingFormat.MP3))


def test_a_file_that_is_not_there_is_an_encoding_error(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match="FileNotFoundError"):
        encode(job(str(tmp_path / "none.wav"), tmp_path, RecordingFormat.MP3))
    source = recording(tmp_path / "a.wav", silence(20), silence(20))
    for format in ALL:
        with pytest.raises(EncodingError):
            encode(EncodingJob(source=source, target=str(tmp_path / "no" / "where"), format=format))
