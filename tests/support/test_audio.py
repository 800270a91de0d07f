"""The measuring instruments themselves, on signals whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support import audio


@pytest.mark.parametrize("frequency", [300.0, 440.0, 1004.0, 3000.0])
def test_tone_is_found_by_frequency_and_level(frequency: float) -> None:
    signal = audio.tone(frequency, 1000, level_dbfs=-15)
    found, level = audio.dominant_tone(signal)
    assert found == pytest.approx(frequency, abs=0.5)
    assert level == pytest.approx(-15, abs=0.1)
    assert audio.level_dbfs(signal) == pytest.approx(-15, abs=0.1)
    assert audio.tone_level_dbfs(signal, frequency) == pytest.approx(-15, abs=0.1)


def test_absent_tone_has_no_level() -> None:
    assert audio.tone_level_dbfs(audio.tone(440, 1000), 1000) < -80
    assert audio.tone_level_dbfs(audio.silence(1000), 440) == audio.SILENCE_DBFS


def test_tone_is_found_under_noise() -> None:
    mixed = audio.tone(697, 1000, level_dbfs=-20) + audio.noise(1000, level_dbfs=-30)
    found, level = audio.dominant_tone(mixed)
    assert found == pytest.approx(697, abs=1)
    assert level == pytest.approx(-20, abs=0.5)


def test_noise_has_the_level_asked_for() -> None:
    assert audio.level_dbfs(audio.noise(2000, level_dbfs=-30)) == pytest.approx(-30, abs=0.3)


def test_nothing_is_silence() -> None:
    nothing = np.zeros(0, dtype=np.int16)
    assert audio.level_dbfs(nothing) == audio.SILENCE_DBFS
    assert audio.loud_spans(nothing) == []
    assert audio.dominant_tone(nothing) == (0.0, audio.SILENCE_DBFS)
    assert audio.find(audio.chirp(100), nothing) == (0.0, 0.0)


def test_gap_is_found_where_it_is() -> None:
    signal = audio.tone(400, 1000)
    signal[4000:4480] = 0  # 500 to 560 ms
    (gap,) = audio.gaps(signal)
    assert gap.start_ms == pytest.approx(500, abs=5)
    assert gap.duration_ms == pytest.approx(60, abs=5)
    assert audio.gaps(audio.tone(400, 1000)) == []


def test_loud_spans_are_joined_over_short_pauses() -> None:
    beep = audio.tone(400, 200)
    signal = np.concatenate([audio.silence(100), beep, audio.silence(50), beep, audio.silence(300)])
    assert len(audio.loud_spans(signal)) == 2
    (whole,) = audio.loud_spans(signal, join_ms=60)
    assert (whole.start_ms, whole.end_ms) == (100, 550)


@pytest.mark.parametrize("delay_ms", [0.0, 37.5, 400.0])
def test_delay_is_found_by_content(delay_ms: float) -> None:
    needle = audio.chirp(100)
    haystack = np.concatenate([audio.silence(delay_ms), needle // 4, audio.tone(440, 300, level_dbfs=-6)])
    place, likeness = audio.find(needle, haystack)
    assert place == pytest.approx(delay_ms, abs=0.2)
    assert likeness > 0.99


def test_what_is_not_there_is_not_found() -> None:
    _, likeness = audio.find(audio.chirp(100), audio.tone(440, 1000))
    assert likeness < 0.5
    assert audio.find(audio.chirp(100), audio.silence(1000))[1] < 0.1


def test_every_marker_is_found() -> None:
    signal = audio.markers(2000, interval_ms=500)
    delayed = np.concatenate([audio.silence(83), signal])
    places = audio.find_all(audio.chirp(60), delayed)
    assert places == pytest.approx([83, 583, 1083, 1583], abs=0.2)


def test_wav_file_is_read_back(tmp_path: Path) -> None:
    signal = audio.tone(440, 100, rate=16_000)
    audio.write_wav(tmp_path / "tone.wav", signal, 16_000)
    samples, rate = audio.read_wav(tmp_path / "tone.wav")
    assert rate == 16_000
    assert np.array_equal(samples, signal)
