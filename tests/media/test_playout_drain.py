import pytest

from media.playout import Playout
from media.playout_drain import PlayoutDrain


@pytest.fixture
def playout() -> Playout:
    made = Playout(8000, 1000)
    made.put(b"\x00\x10" * 320)  # 40 ms
    return made


def test_nobody_waits_at_first(playout: Playout) -> None:
    assert PlayoutDrain().check(playout, 100.0) is None


def test_the_end_is_told_once_when_all_was_played(playout: Playout) -> None:
    drain = PlayoutDrain()
    drain.wait(1.0)
    assert drain.check(playout, 0.0) is None
    while playout.take() is not None:
        pass
    assert drain.check(playout, 0.1) == (True, 0)
    assert drain.check(playout, 0.2) is None


def test_it_ends_with_its_time_and_tells_what_is_left(playout: Playout) -> None:
    drain = PlayoutDrain()
    drain.wait(1.0)
    assert drain.check(playout, 0.99) is None
    assert drain.check(playout, 1.0) == (False, 40)
    assert drain.check(playout, 1.1) is None
