from local_engine.input_watch import MAX_AHEAD_MS, InputWatch


def test_audio_in_step_with_the_clock_is_no_news() -> None:
    watch = InputWatch(100.0)
    assert all(watch.check(second * 1000.0, 100.0 + second) is None for second in range(60))


def test_falling_behind_is_told_once_until_it_is_mended() -> None:
    watch = InputWatch(0.0)
    first = watch.check(1000.0, 3.0)
    assert first is not None
    assert first.kind == "audio.underflow"
    assert watch.check(2000.0, 4.0) is None
    assert watch.check(5000.0, 5.0) is None
    assert watch.check(5000.0, 8.0) is not None


def test_a_backlog_delivered_at_once_is_kept_and_told() -> None:
    watch = InputWatch(0.0)
    assert not watch.excessive(3000.0, 20.0, 0.0)
    stray = watch.check(3000.0, 0.0)
    assert stray is not None
    assert stray.kind == "audio.overflow"


def test_gross_excess_is_dropped_and_counted() -> None:
    watch = InputWatch(0.0)
    received = MAX_AHEAD_MS + 20.0
    assert watch.excessive(received, 20.0, 0.0)
    assert watch.dropped_ms == 20.0
    assert not watch.excessive(received, 20.0, 0.0)
