from media.digit_merge import DigitMerge


def test_a_key_that_comes_three_ways_counts_once() -> None:
    merge = DigitMerge()
    assert merge.is_new("5", "rfc4733", 10.0, 120)
    assert not merge.is_new("5", "info", 10.05, 160)
    assert not merge.is_new("5", "inband", 10.08, 110)
    assert merge.merged == 2


def test_the_order_of_the_ways_does_not_matter() -> None:
    merge = DigitMerge()
    assert merge.is_new("5", "info", 9.9, 100)
    assert not merge.is_new("5", "rfc4733", 10.4, 300)


def test_a_key_pressed_twice_counts_twice_whichever_ways_it_comes() -> None:
    for order in (
        [("rfc4733", 1.0), ("rfc4733", 1.2), ("info", 1.25), ("info", 1.3)],
        [("rfc4733", 1.0), ("info", 1.1), ("rfc4733", 1.2), ("info", 1.3)],
        [("info", 1.0), ("info", 1.2), ("rfc4733", 1.3), ("rfc4733", 1.4)],
    ):
        merge = DigitMerge()
        assert sum(merge.is_new("1", by, at, 80) for by, at in order) == 2, order


def test_one_way_alone_is_never_merged() -> None:
    merge = DigitMerge()
    assert all(merge.is_new("7", "rfc4733", 1.0 + press * 0.1, 50) for press in range(20))


def test_different_keys_are_different_however_close() -> None:
    merge = DigitMerge()
    assert merge.is_new("1", "rfc4733", 1.0, 100)
    assert merge.is_new("2", "info", 1.0, 100)


def test_a_later_press_by_another_way_is_another_press() -> None:
    merge = DigitMerge()
    assert merge.is_new("1", "rfc4733", 1.0, 100)
    assert merge.is_new("1", "info", 3.0, 100)


def test_a_key_held_long_is_one_key_though_info_came_at_its_begin() -> None:
    merge = DigitMerge()
    assert merge.is_new("1", "info", 1.0, 100)
    assert not merge.is_new("1", "rfc4733", 6.0, 4_900)


def test_what_is_remembered_is_bounded() -> None:
    merge = DigitMerge()
    for press in range(1_000):
        merge.is_new("1", "rfc4733", press * 0.001, 0)
    assert merge.is_new("1", "info", 100.0, 0)
    assert len(merge._presses) <= 32
