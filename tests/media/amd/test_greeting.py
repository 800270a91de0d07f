import numpy as np

from media.amd.greeting import HIGHEST_THRESHOLD, LOWEST_THRESHOLD, measure, threshold_of


def frames(*parts: tuple[int, int]) -> list[int]:
    """Levels of parts given as (milliseconds, level)."""
    return [level for milliseconds, level in parts for _ in range(milliseconds // 20)]


def test_nobody_has_spoken() -> None:
    greeting = measure(frames((2000, 10)))
    assert greeting.began_ms is None
    assert greeting.speech_ms == 0
    assert greeting.silent_ms == 2000


def test_a_word_and_the_silence_after_it() -> None:
    greeting = measure(frames((400, 10), (300, 3000), (800, 10)))
    assert greeting.began_ms == 400
    assert greeting.span_ms == greeting.speech_ms == 300
    assert greeting.words == 1
    assert greeting.silent_ms == 800


def test_gaps_between_words_count_for_the_span_but_not_for_the_speech() -> None:
    greeting = measure(frames((200, 10), (300, 3000), (200, 10), (400, 3000), (100, 10)))
    assert greeting.span_ms == 900
    assert greeting.speech_ms == 700
    assert greeting.words == 2


def test_a_gap_shorter_than_between_words_is_part_of_the_word() -> None:
    greeting = measure(frames((200, 10), (300, 3000), (60, 10), (300, 3000), (100, 10)))
    assert greeting.words == 1
    assert greeting.speech_ms == 660


def test_a_click_is_no_word() -> None:
    assert measure(frames((400, 10), (40, 9000), (400, 10))).began_ms is None


def test_steady_noise_of_any_level_is_no_speech_and_does_not_hide_it() -> None:
    for level in (50, 300, 800):
        noise = np.random.default_rng(level).normal(level, level * 0.06, 100).astype(int).tolist()
        assert measure(noise).began_ms is None
        greeting = measure(noise[:50] + frames((400, level * 4 + 500)) + noise[50:])
        assert greeting.began_ms == 1000
        assert greeting.speech_ms == 400


def test_the_threshold_stays_within_its_bounds() -> None:
    assert threshold_of([]) == LOWEST_THRESHOLD
    assert threshold_of([0] * 50) == LOWEST_THRESHOLD
    assert threshold_of([20_000] * 50) == HIGHEST_THRESHOLD
