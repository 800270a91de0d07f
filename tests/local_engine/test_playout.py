import math

import pytest

from local_engine.playout import MAX_FRAMES_PER_TICK, Playout

RATE = 8000
SECOND = bytes(2 * RATE)


def sent(playout: Playout, now: float) -> int:
    return sum(len(frame) for frame in playout.due(now))


def test_frames_are_20_ms() -> None:
    playout = Playout(SECOND, RATE, 60, 0.0)
    assert [len(frame) for frame in playout.due(0.0)] == [320, 320, 320]


@pytest.mark.parametrize("buffer_ms", [20, 60, 200, 1000])
def test_the_client_never_holds_more_than_its_buffer_and_one_frame(buffer_ms: int) -> None:
    playout = Playout(SECOND * 3, RATE, buffer_ms, 0.0)
    total_ms = 0.0
    for tick in range(200):
        now = tick * 0.02
        total_ms += sent(playout, now) / 16
        unplayed = total_ms - min(now * 1000, total_ms)
        assert unplayed < buffer_ms + 20
    assert total_ms == 3000


def test_a_large_buffer_takes_the_whole_utterance_in_one_burst() -> None:
    playout = Playout(SECOND * 3, RATE, 30000, 0.0)
    assert sent(playout, 0.0) == 48000
    assert playout.fully_sent
    assert not playout.finished(2.9)
    assert playout.finished(3.0)


def test_one_tick_sends_a_bounded_number_of_frames() -> None:
    playout = Playout(SECOND * 20, RATE, math.inf, 0.0)
    assert len(playout.due(0.0)) == MAX_FRAMES_PER_TICK


def test_a_late_tick_moves_the_playback_clock_instead_of_skipping_audio() -> None:
    playout = Playout(SECOND, RATE, 60, 0.0)
    total = sent(playout, 0.0)
    total += sent(playout, 0.5)
    assert playout.played_ms(0.5) == pytest.approx(60)
    now = 0.5
    while not playout.finished(now):
        now += 0.02
        total += sent(playout, now)
    assert total == len(SECOND)
    assert now == pytest.approx(1.44, abs=0.021)


def test_played_is_never_more_than_sent() -> None:
    playout = Playout(SECOND, RATE, 60, 0.0)
    playout.due(0.0)
    assert playout.played_ms(0.04) == pytest.approx(40)
    assert playout.played_ms(5.0) == 60


def test_frame_sizes_rotate_and_no_byte_is_lost() -> None:
    pcm = bytes(range(256)) * 10
    playout = Playout(pcm, RATE, math.inf, 0.0, (7, 321))
    frames = playout.due(0.0)
    assert [len(frame) for frame in frames[:4]] == [7, 321, 7, 321]
    assert b"".join(frames) == pcm
