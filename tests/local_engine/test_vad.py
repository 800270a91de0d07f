import pytest

from local_engine.tones import silence, tone
from local_engine.vad import (
    FRAME_MS,
    SpeechEnded,
    SpeechStarted,
    VadEvent,
    VadSettings,
    VoiceActivityDetector,
)
from tests.support.audio import noise


def feed(vad: VoiceActivityDetector, pcm: bytes, piece: int = 320) -> list[VadEvent]:
    events: list[VadEvent] = []
    for start in range(0, len(pcm), piece):
        events += vad.feed(pcm[start : start + piece])
    return events


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_speech_is_found_with_its_begin_and_end(rate: int) -> None:
    vad = VoiceActivityDetector(rate, VadSettings())
    events = feed(vad, silence(512, rate) + tone((400.0,), 960, rate) + silence(640, rate), rate // 50 * 2)
    assert isinstance(events[0], SpeechStarted)
    assert events[0].at_ms == pytest.approx(512, abs=FRAME_MS)
    (ended,) = events[1:]
    assert isinstance(ended, SpeechEnded)
    assert ended.end_ms == pytest.approx(1472, abs=FRAME_MS)
    assert ended.speech_ms == pytest.approx(960, abs=2 * FRAME_MS)


def test_a_pause_shorter_than_the_endpoint_delay_does_not_end_the_turn() -> None:
    vad = VoiceActivityDetector(8000, VadSettings())
    pcm = tone((400.0,), 320, 8000) + silence(320, 8000) + tone((400.0,), 320, 8000)
    assert [type(event) for event in feed(vad, pcm)] == [SpeechStarted]
    assert vad.speaking


@pytest.mark.parametrize("delay_ms", [192, 384, 960])
def test_the_turn_ends_after_the_endpoint_delay(delay_ms: int) -> None:
    vad = VoiceActivityDetector(8000, VadSettings(turn_endpoint_delay_ms=delay_ms))
    feed(vad, tone((400.0,), 320, 8000))
    waited = 0
    while vad.speaking:
        vad.feed(silence(FRAME_MS, 8000))
        waited += FRAME_MS
    assert delay_ms <= waited <= delay_ms + 2 * FRAME_MS


def test_steady_line_noise_is_no_speech() -> None:
    vad = VoiceActivityDetector(8000, VadSettings())
    assert feed(vad, noise(5000, level_dbfs=-50).astype("<i2").tobytes()) == []


def test_a_higher_threshold_ignores_quiet_speech() -> None:
    quiet = tone((400.0,), 640, 8000, peak=300)
    assert feed(
        VoiceActivityDetector(8000, VadSettings(activation_threshold=0.1)), silence(320, 8000) + quiet
    )
    assert not feed(
        VoiceActivityDetector(8000, VadSettings(activation_threshold=0.95)), silence(320, 8000) + quiet
    )


def test_the_size_of_the_pieces_does_not_matter() -> None:
    pcm = silence(320, 8000) + tone((400.0,), 640, 8000) + silence(640, 8000)
    events = [
        feed(VoiceActivityDetector(8000, VadSettings()), pcm, piece) for piece in (2, 320, 4000, len(pcm))
    ]
    assert events[0]
    assert all(each == events[0] for each in events)
