import itertools

from media.standing_delay import SPEECH_FRAMES_PER_CUT, STUBBORN_WINDOWS, WINDOW_FRAMES, StandingDelay


def observe(watch: StandingDelay, depths: list[int]) -> None:
    for depth in depths:
        watch.observe(depth)


def test_what_stood_for_a_whole_window_is_excess() -> None:
    watch = StandingDelay(keep=1, ceiling=100)
    observe(watch, [4, 5] * (WINDOW_FRAMES // 2))
    assert watch.excess == 3


def test_a_queue_that_was_needed_once_has_no_excess() -> None:
    watch = StandingDelay(keep=1, ceiling=100)
    observe(watch, [8] * (WINDOW_FRAMES - 1) + [0])
    assert watch.excess == 0


def test_a_queue_that_is_ahead_on_purpose_is_left_alone() -> None:
    watch = StandingDelay(keep=1, ceiling=20)
    observe(watch, [30] * WINDOW_FRAMES)
    assert watch.excess == 0


def test_every_other_quiet_frame_is_dropped_until_the_excess_is_gone() -> None:
    watch = StandingDelay(keep=0, ceiling=100)
    observe(watch, [3] * WINDOW_FRAMES)
    dropped = []
    while watch.excess:
        dropped.append(watch.may_drop(quiet=True, size=1))
    assert dropped == [True, False, True, False, True]


def test_speech_is_cut_only_when_no_pause_has_come_for_long_and_then_gently() -> None:
    watch = StandingDelay(keep=0, ceiling=100)
    cuts = []
    for frame in range((STUBBORN_WINDOWS + 2) * WINDOW_FRAMES):
        watch.observe(30)
        if watch.excess and watch.may_drop(quiet=False, size=1):
            cuts.append(frame)
    assert cuts[0] == (STUBBORN_WINDOWS + 1) * WINDOW_FRAMES - 1
    assert min(after - before for before, after in itertools.pairwise(cuts)) >= SPEECH_FRAMES_PER_CUT
    assert len(cuts) == 6


def test_a_reset_forgets_the_window() -> None:
    watch = StandingDelay(keep=0, ceiling=100)
    observe(watch, [5] * (WINDOW_FRAMES - 1))
    watch.reset()
    watch.observe(5)
    assert watch.excess == 0
    assert watch.watching == 1
