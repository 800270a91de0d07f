import numpy as np

from media.quality.speech_detector import SpeechDetector


def judged(levels: list[int]) -> list[bool]:
    detector = SpeechDetector()
    return [detector.active(level) for level in levels]


def test_a_quiet_line_is_silent_and_a_voice_on_it_is_speech() -> None:
    verdicts = judged([20] * 60 + [1500] * 10 + [20] * 10)
    assert not any(verdicts[:60])
    assert all(verdicts[60:70])
    assert not any(verdicts[70:])


def test_comfort_noise_is_no_speech_once_it_has_lasted_two_seconds() -> None:
    noise = np.random.default_rng(1).normal(300, 20, size=500).astype(int).tolist()
    verdicts = judged(noise)
    assert not any(verdicts[50:])


def test_speech_is_found_in_noise_nine_decibels_below_it() -> None:
    noise = [300] * 100
    speech = [1500, 1800, 400, 1600, 320, 1900, 1700, 350] * 10
    verdicts = judged(noise + speech)
    assert sum(verdicts[100:]) >= 50
    assert not any(verdicts[50:100])


def test_loud_noise_is_not_taken_so_far_that_a_shout_is_not_heard() -> None:
    verdicts = judged([5000] * 100 + [9000] * 5)
    assert all(verdicts[100:])


def test_the_floor_sinks_again_when_the_noise_stops() -> None:
    detector = SpeechDetector()
    for level in [600] * 100 + [10] * 50:
        detector.active(level)
    assert detector.active(250)
