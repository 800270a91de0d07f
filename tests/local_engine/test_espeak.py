import gc

import numpy as np
import pytest

from local_engine.errors import SpeechUnavailable
from local_engine.espeak import Espeak

TEXT = "Hello, this is the front desk."


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def test_text_becomes_speech_with_a_mark_for_each_word(espeak: Espeak) -> None:
    synthesis = espeak.synthesize(TEXT, "en-us", "m3")
    seconds = len(synthesis.pcm) / 2 / synthesis.rate
    assert 1.0 < seconds < 4.0
    assert [TEXT[mark.position :].split()[0] for mark in synthesis.words] == TEXT.split()
    places = [mark.sample for mark in synthesis.words]
    assert places == sorted(places)
    assert places[-1] < len(synthesis.pcm) / 2


def test_speech_has_the_level_and_the_pauses_of_speech(espeak: Espeak) -> None:
    samples = np.frombuffer(espeak.synthesize(TEXT, "en-us", "f3").pcm, dtype="<i2")
    assert np.abs(samples.astype(np.int32)).max() > 3000
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / espeak.rate)
    voice_band = spectrum[(frequencies > 100) & (frequencies < 4000)].sum()
    assert voice_band / spectrum.sum() > 0.8


def test_the_same_text_twice_sounds_alike_whatever_was_spoken_between(espeak: Espeak) -> None:
    first = espeak.synthesize(TEXT, "en-us", "m3")
    espeak.synthesize("Something else in between.", "de", "f2")
    second = espeak.synthesize(TEXT, "en-us", "m3")
    assert abs(len(first.pcm) - len(second.pcm)) < 500
    envelopes = [loudness(each.pcm)[:60] for each in (first, second)]
    assert np.corrcoef(envelopes)[0, 1] > 0.98


def loudness(pcm: bytes) -> np.typing.NDArray[np.float64]:
    """The level of each 20 ms."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    whole = samples[: len(samples) // 441 * 441].reshape(-1, 441)
    return np.sqrt(np.mean(whole**2, axis=1))


def test_voices_and_languages_differ(espeak: Espeak) -> None:
    spoken = {
        espeak.synthesize(TEXT, *voice).pcm for voice in (("en-us", "m3"), ("en-us", "f3"), ("de", "m3"))
    }
    assert len(spoken) == 3


@pytest.mark.parametrize("language", ["en-us", "en-gb", "de", "fr", "es"])
def test_the_languages_of_the_catalogue_are_there(espeak: Espeak, language: str) -> None:
    assert language in espeak.languages
    assert espeak.synthesize("12", language, "f2").words


def test_text_outside_ascii_is_spoken(espeak: Espeak) -> None:
    assert len(espeak.synthesize("Grüße aus Zürich — naïve 😀", "de", "f2").pcm) > 22050


def test_an_unknown_language_is_refused(espeak: Espeak) -> None:
    with pytest.raises(SpeechUnavailable):
        espeak.synthesize(TEXT, "tlh", "m3")


def test_one_goes_on_when_another_was_made_and_dropped() -> None:
    first = Espeak()
    first.synthesize("Hello there.", "en-us", "f3")
    Espeak().synthesize("Guten Tag.", "de", "m3")
    gc.collect()
    assert len(first.synthesize("Hello there.", "en-us", "f3").words) == 2
