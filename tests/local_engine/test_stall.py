import math

from local_engine.stall import MAX_HELD, Held, Stall


def test_output_is_held_in_the_window_and_released_in_order() -> None:
    stall = Stall(1.0, 2.0)
    assert [stall.holds(now) for now in (0.9, 1.0, 1.99, 2.0)] == [False, True, True, False]
    stall.hold(b"a", text=False)
    stall.hold(b"b", text=True)
    assert stall.ends_at == 2.0
    assert stall.release() == [Held(b"a", False), Held(b"b", True)]
    assert stall.release() == []
    assert stall.ends_at == math.inf


def test_what_is_held_is_bounded_and_the_oldest_is_lost() -> None:
    stall = Stall(0.0, 1.0)
    for index in range(MAX_HELD + 3):
        stall.hold(str(index).encode(), text=False)
    assert stall.lost == 3
    assert stall.release()[0].data == b"3"


def test_a_call_without_the_fault_is_never_held() -> None:
    assert not Stall().holds(1e12)
