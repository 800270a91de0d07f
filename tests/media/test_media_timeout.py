from media.media_timeout import FIRST_PACKET, MID_CALL, MediaTimeout


def test_no_first_packet_is_told_once() -> None:
    watch = MediaTimeout(10_000, 30_000)
    watch.expect(True, 100.0)
    assert watch.check(None, 109.9) is None
    assert watch.check(None, 110.0) == (FIRST_PACKET, 10_000)
    assert watch.check(None, 111.0) is None


def test_silence_in_mid_call_is_told_once_and_again_after_the_next_packet() -> None:
    watch = MediaTimeout(10_000, 30_000)
    watch.expect(True, 0.0)
    assert watch.check(5.0, 34.9) is None
    assert watch.check(5.0, 35.0) == (MID_CALL, 30_000)
    assert watch.check(5.0, 36.0) is None
    assert watch.check(40.0, 70.0) == (MID_CALL, 30_000)


def test_before_negotiation_nothing_is_expected() -> None:
    assert MediaTimeout(10_000, 30_000).check(None, 1e6) is None


def test_hold_pauses_the_watch_and_resuming_starts_it_anew() -> None:
    watch = MediaTimeout(10_000, 30_000)
    watch.expect(True, 0.0)
    watch.expect(False, 10.0)
    assert watch.check(9.0, 500.0) is None
    watch.expect(True, 500.0)
    assert watch.check(9.0, 529.0) is None
    assert watch.check(9.0, 530.0) == (MID_CALL, 30_000)


def test_a_second_negotiation_does_not_start_the_watch_again() -> None:
    watch = MediaTimeout(10_000, 30_000)
    watch.expect(True, 0.0)
    watch.expect(True, 9.0)
    assert watch.check(None, 10.0) == (FIRST_PACKET, 10_000)


def test_zero_means_never() -> None:
    watch = MediaTimeout(0, 0)
    watch.expect(True, 0.0)
    assert watch.check(None, 1e6) is None
    assert watch.check(1.0, 1e6) is None


def test_the_return_of_the_far_party_is_told_once_and_only_after_its_silence_was() -> None:
    watch = MediaTimeout(10_000, 30_000)
    watch.expect(True, 0.0)
    assert not watch.returned(5.0)
    assert watch.check(5.0, 35.0) == (MID_CALL, 30_000)
    assert not watch.returned(5.0)
    assert watch.returned(36.0)
    assert not watch.returned(37.0)
