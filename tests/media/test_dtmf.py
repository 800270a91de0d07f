import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.dtmf import Digit, DtmfReceiver
from tests.media.golden import vectors


def event(code: int, duration: int, *, end: bool = False) -> bytes:
    return struct.pack("!BBH", code, (0x80 if end else 0) | 10, duration)


def press(receiver: DtmfReceiver, code: int, timestamp: int, now: float, *, ends: int = 3) -> list[Digit]:
    """A key held for 100 ms: five updates, then its end."""
    digits: list[Digit] = []
    for step in range(1, 6):
        digits += receiver.receive(event(code, step * 160), timestamp, now + step * 0.02)
    for _ in range(ends):
        digits += receiver.receive(event(code, 800, end=True), timestamp, now + 0.1)
    return digits


def test_three_end_packets_are_one_digit() -> None:
    assert press(DtmfReceiver(8000), 5, 1000, 0.0) == [Digit("5", 100)]


@pytest.mark.parametrize(("code", "digit"), list(enumerate("0123456789*#ABCD")))
def test_every_key_has_its_name(code: int, digit: str) -> None:
    assert press(DtmfReceiver(8000), code, 1000, 0.0) == [Digit(digit, 100)]


def test_the_same_key_twice_is_two_digits() -> None:
    receiver = DtmfReceiver(8000)
    digits = press(receiver, 7, 1000, 0.0) + press(receiver, 7, 2600, 0.2)
    assert [digit.digit for digit in digits] == ["7", "7"]


def test_one_end_packet_is_enough() -> None:
    assert press(DtmfReceiver(8000), 1, 1000, 0.0, ends=1) == [Digit("1", 100)]


def test_only_the_end_packets_arriving_is_enough() -> None:
    receiver = DtmfReceiver(8000)
    assert receiver.receive(event(3, 800, end=True), 1000, 0.0) == [Digit("3", 100)]


def test_a_key_whose_end_is_lost_ends_when_nothing_more_is_heard() -> None:
    receiver = DtmfReceiver(8000)
    press(receiver, 9, 1000, 0.0, ends=0)
    assert receiver.active
    assert receiver.poll(0.25) == []
    assert receiver.poll(0.31) == [Digit("9", 100)]
    assert receiver.poll(9.0) == []
    assert not receiver.active


def test_an_end_that_comes_after_the_time_out_is_not_another_digit() -> None:
    receiver = DtmfReceiver(8000)
    press(receiver, 9, 1000, 0.0, ends=0)
    receiver.poll(1.0)
    assert receiver.receive(event(9, 800, end=True), 1000, 1.1) == []


def test_a_new_key_ends_the_one_before_whose_end_was_lost() -> None:
    receiver = DtmfReceiver(8000)
    press(receiver, 1, 1000, 0.0, ends=0)
    assert receiver.receive(event(2, 160), 2600, 0.2) == [Digit("1", 100)]


def test_a_delayed_packet_of_an_old_key_is_ignored() -> None:
    receiver = DtmfReceiver(8000)
    press(receiver, 1, 1000, 0.0)
    press(receiver, 2, 2600, 0.2)
    assert receiver.receive(event(1, 480), 1000, 0.35) == []
    assert not receiver.active


def test_a_key_held_longer_than_the_field_can_tell_is_one_digit() -> None:
    receiver = DtmfReceiver(8000)
    digits = []
    for duration in range(1600, 0xFFFF, 1600):
        digits += receiver.receive(event(6, duration), 0, duration / 8000)
    digits += receiver.receive(event(6, 0xFFFF), 0, 8.19)
    digits += receiver.receive(event(6, 1600), 0xFFFF, 8.39)
    digits += receiver.receive(event(6, 3200, end=True), 0xFFFF, 8.59)
    assert digits == [Digit("6", (0xFFFF + 3200) * 1000 // 8000)]


def test_the_duration_is_told_by_the_negotiated_clock() -> None:
    assert DtmfReceiver(16000).receive(event(1, 1600, end=True), 5, 0.0) == [Digit("1", 100)]


def test_events_that_are_no_keys_and_cut_off_payloads_are_counted() -> None:
    receiver = DtmfReceiver(8000)
    assert receiver.receive(event(16, 800, end=True), 1000, 0.0) == []
    assert receiver.receive(b"\1\2", 1000, 0.0) == []
    assert receiver.ignored == 2


def test_a_new_stream_may_reuse_a_timestamp() -> None:
    receiver = DtmfReceiver(8000)
    press(receiver, 4, 1000, 0.0)
    receiver.reset()
    assert press(receiver, 4, 1000, 5.0) == [Digit("4", 100)]


@given(st.lists(st.integers(0, 7), max_size=8))
def test_any_loss_within_a_key_still_gives_the_key_once(lost: list[int]) -> None:
    receiver = DtmfReceiver(8000)
    packets = [event(8, step * 160) for step in range(1, 6)] + [event(8, 800, end=True)] * 3
    digits: list[Digit] = []
    for index, packet in enumerate(packets):
        if index not in lost:
            digits += receiver.receive(packet, 1000, index * 0.02)
    digits += receiver.poll(10.0)
    assert [digit.digit for digit in digits] == ([] if set(range(8)) <= set(lost) else ["8"])


def test_keys_of_911_as_the_standard_writes_them() -> None:
    golden, receiver = vectors("telephone_event"), DtmfReceiver(8000)
    digits = receiver.receive(golden["nine-begins"], 0, 0.05)
    for _ in range(3):
        digits += receiver.receive(golden["nine-ends"], 0, 0.2)
    digits += receiver.receive(golden["one-begins"], 6400, 0.85)
    digits += receiver.receive(golden["one-ends"], 6400, 1.05)
    digits += receiver.receive(golden["one-begins"], 11_200, 1.45)
    assert digits == [Digit("9", 200), Digit("1", 250)]
    assert receiver.active
    assert receiver.poll(1.7) == [Digit("1", 50)]


def test_the_reserved_bit_is_ignored_and_what_is_no_key_too() -> None:
    golden, receiver = vectors("telephone_event"), DtmfReceiver(8000)
    assert receiver.receive(golden["flash"], 0, 0.0) == []
    assert receiver.receive(golden["reserved-bit"], 800, 0.1) == [Digit("1", 50)]
