from pathlib import Path

import av
import numpy as np
import pytest

from media.audio_file import AudioFileError, decode
from tests.support.audio import Samples, dominant_tone, level_dbfs, tone, write_wav


def samples(sound: bytes) -> Samples:
    return np.frombuffer(sound, dtype="<i2").astype(np.int16)


def write_compressed(path: Path, sound: Samples, rate: int, codec: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in stream.encode(frame):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def test_a_file_of_the_leg_s_own_kind_is_taken_as_it_is(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 100))
    assert decode(tmp_path / "a.wav", 8000, 10) == tone(440, 100).tobytes()


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("file_rate", [8000, 11025, 22050, 44100, 48000])
def test_a_file_of_any_rate_keeps_pitch_level_and_length(tmp_path: Path, file_rate: int, rate: int) -> None:
    write_wav(tmp_path / "a.wav", tone(1000, 500, rate=file_rate), file_rate)
    sound = samples(decode(tmp_path / "a.wav", rate, 10))
    assert abs(len(sound) - rate // 2) < rate // 100
    frequency, _ = dominant_tone(sound, rate)
    assert frequency == pytest.approx(1000, abs=3)
    assert level_dbfs(sound) == pytest.approx(-12, abs=0.6)


def test_what_the_lower_rate_cannot_carry_does_not_fold_back(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(6000, 500, rate=16000, level_dbfs=-6), 16000)
    assert level_dbfs(samples(decode(tmp_path / "a.wav", 8000, 10))[200:-200]) < -50


def test_an_mp3_file_is_played(tmp_path: Path) -> None:
    write_compressed(tmp_path / "a.mp3", tone(700, 1000, rate=44100), 44100, "libmp3lame")
    sound = samples(decode(tmp_path / "a.mp3", 8000, 10))
    assert abs(len(sound) - 8000) < 800
    assert dominant_tone(sound)[0] == pytest.approx(700, abs=3)


def test_a_file_put_together_from_pieces_of_two_rates_is_played_whole(tmp_path: Path) -> None:
    for name, rate in (("a.aac", 44100), ("b.aac", 22050)):
        write_compressed(tmp_path / name, tone(700, 1000, rate=rate), rate, "aac")
    (tmp_path / "both.aac").write_bytes((tmp_path / "a.aac").read_bytes() + (tmp_path / "b.aac").read_bytes())
    sound = samples(decode(tmp_path / "both.aac", 8000, 10))
    assert abs(len(sound) - 16000) < 1600
    for part in (sound[2000:6000], sound[10000:14000]):
        assert dominant_tone(part)[0] == pytest.approx(700, abs=3)


def test_stereo_becomes_mono(tmp_path: Path) -> None:
    both = np.stack([tone(500, 200), tone(900, 200)], axis=1).reshape(1, -1)
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    assert len(decode(tmp_path / "a.wav", 8000, 10)) == 3200


def test_what_is_too_long_is_refused_before_it_is_decoded_whole(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 3000))
    with pytest.raises(AudioFileError, match="longer than 2 s"):
        decode(tmp_path / "a.wav", 8000, 2)


@pytest.mark.parametrize("content", [b"", b"not a sound at all" * 50, b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_what_is_no_sound_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioFileError):
        decode(tmp_path / "a.wav", 8000, 10)


def test_a_playlist_does_not_make_it_open_other_files(tmp_path: Path) -> None:
    write_wav(tmp_path / "secret.wav", tone(440, 100))
    (tmp_path / "a.wav").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path / 'secret.wav'}\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(AudioFileError):
        decode(tmp_path / "a.wav", 8000, 10)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "none.wav", 8000, 10)
