import audioop

import numpy as np
import pytest
from numpy.typing import NDArray

from media.amd.tones import Tone, ToneKind, ToneTracker, pure_tone
from tests.media.amd.corpus import HUMAN, MACHINE, beep, over_the_line, silence, speak


def track(pcm: bytes) -> list[tuple[int, Tone]]:
    """The tones found, with the millisecond at which they were told."""
    tracker = ToneTracker()
    found = []
    for start in range(0, len(pcm) - 319, 320):
        frame = pcm[start : start + 320]
        tone = tracker.feed(frame, audioop.rms(frame, 2))
        if tone is not None:
            found.append((start // 16 + 20, tone))
    return found


def line(*parts: NDArray[np.float64], snr_db: float | None = 30.0, a_law: bool = False) -> bytes:
    return over_the_line(np.concatenate(parts), snr_db, a_law, np.random.default_rng(3))


@pytest.mark.parametrize("frequency", [352, 440, 620, 853, 1000, 1337, 1633, 1999, 2195])
def test_a_pure_tone_is_measured_to_three_hertz(frequency: int) -> None:
    samples = beep(frequency, 20)
    measured, share = pure_tone(samples)
    assert measured == pytest.approx(frequency, abs=3)
    assert share > 0.98


def test_noise_and_silence_are_no_tone() -> None:
    noise = np.random.default_rng(1).normal(0, 1000, 160)
    assert pure_tone(noise)[1] < 0.3
    assert pure_tone(np.zeros(160))[1] == 0


@pytest.mark.parametrize("milliseconds", [110, 200, 400, 1000])
@pytest.mark.parametrize("frequency", [360, 800, 1400, 2150])
@pytest.mark.parametrize("snr_db", [None, 20.0, 10.0])
def test_a_beep_is_told_within_100_ms_of_its_end(
    frequency: int, milliseconds: int, snr_db: float | None
) -> None:
    pcm = line(silence(513), beep(frequency, milliseconds), silence(500), snr_db=snr_db)
    ((told_ms, tone),) = track(pcm)
    assert tone.kind is ToneKind.BEEP
    assert tone.frequency_hz == pytest.approx(frequency, abs=10)
    assert tone.duration_ms == pytest.approx(milliseconds, abs=45)
    assert 0 <= told_ms - (513 + milliseconds) <= 100


def test_a_tone_too_short_or_too_long_is_no_beep() -> None:
    assert track(line(silence(500), beep(1000, 50), silence(500))) == []
    assert track(line(silence(500), beep(425, 2500), silence(500))) == []


def test_two_tones_at_once_are_no_beep() -> None:
    for low, high in ((697, 1209), (941, 1633), (440, 480), (480, 620)):
        both = beep(low, 300, 2500) + beep(high, 300, 3300)
        assert track(line(silence(500), both, silence(500))) == []


def test_a_whistle_that_glides_is_no_beep() -> None:
    times = np.arange(3200) / 8000
    glide: NDArray[np.float64] = 4000 * np.sin(2 * np.pi * (500 * times + 1500 * times**2))
    assert track(line(silence(500), glide, silence(500))) == []


def test_special_information_tones_are_told_at_the_second_of_them() -> None:
    sit = np.concatenate([beep(950, 330), beep(1400, 330), beep(1800, 330)])
    ((told_ms, tone),) = track(line(silence(500), sit, silence(600)))
    assert tone.kind is ToneKind.SIT
    assert 830 <= told_ms <= 950


def test_the_answer_tone_of_a_fax_is_told_while_it_lasts() -> None:
    ((told_ms, tone),) = track(line(silence(500), beep(2100, 3000), silence(500)))
    assert tone.kind is ToneKind.FAX
    assert told_ms < 2500


def test_speech_holds_no_beeps() -> None:
    """Forty-five minutes of twelve voices in five languages, with and without noise, through both laws."""
    random = np.random.default_rng(5)
    minutes = 0.0
    false = []
    for language, text in HUMAN + MACHINE:
        for index, voice in enumerate(
            ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5")
        ):
            said = np.concatenate([silence(100), speak(language, text, voice), silence(300)])
            for snr_db in (None, 20.0, 10.0):
                pcm = over_the_line(said, snr_db, bool(index % 2), random)
                minutes += len(pcm) / 16_000 / 60
                false += [(text, voice, tone) for _, tone in track(pcm)]
    assert minutes > 45
    assert false == []
