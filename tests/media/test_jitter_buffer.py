import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.jitter_buffer import JitterBuffer

FRAME = 160


def buffer(max_depth_ms: int = 200) -> JitterBuffer:
    return JitterBuffer(8000, max_depth_ms, lambda payload: FRAME, constant_rate=False)


def put(into: JitterBuffer, index: int, *, sequence: int | None = None, base: int = 0) -> None:
    """Packet number `index` of a stream of 20 ms packets; its payload is its number."""
    number = index if sequence is None else sequence
    into.put(number & 0xFFFF, (base + index * FRAME) & 0xFFFFFFFF, bytes((index % 256,)), index * 0.02)


def take_all(from_buffer: JitterBuffer) -> list[bytes | int]:
    taken: list[bytes | int] = []
    while (item := from_buffer.take(0.0)) is not None:
        taken.append(item)
    return taken


def test_packets_in_order_come_out_at_once() -> None:
    jitter = buffer()
    for index in range(5):
        put(jitter, index)
        assert jitter.take(0.0) == bytes((index,))
        assert jitter.take(0.0) is None


def test_packets_out_of_order_are_put_in_order() -> None:
    jitter = buffer()
    for index in (0, 2, 1, 4, 3):
        put(jitter, index)
    assert take_all(jitter) == [b"\0", b"\1", b"\2", b"\3", b"\4"]
    assert (jitter.out_of_order, jitter.late, jitter.duplicate) == (2, 0, 0)


def test_a_lost_packet_shows_as_a_gap_before_the_next() -> None:
    jitter = buffer()
    put(jitter, 0)
    put(jitter, 2)
    assert take_all(jitter) == [b"\0", FRAME, b"\2"]


def test_a_packet_that_comes_after_its_gap_was_filled_is_late() -> None:
    jitter = buffer()
    put(jitter, 0)
    put(jitter, 2)
    take_all(jitter)
    put(jitter, 1)
    assert jitter.take(0.0) is None
    assert (jitter.late, jitter.out_of_order) == (1, 1)


def test_duplicates_are_dropped_whether_played_or_not() -> None:
    jitter = buffer()
    put(jitter, 0)
    put(jitter, 0)
    assert take_all(jitter) == [b"\0"]
    put(jitter, 0)
    put(jitter, 1)
    put(jitter, 1)
    assert take_all(jitter) == [b"\1"]
    assert (jitter.duplicate, jitter.late) == (3, 0)


def test_a_delayed_packet_is_played_late_instead_of_lost() -> None:
    jitter = buffer()
    put(jitter, 0)
    assert take_all(jitter) == [b"\0"]
    assert jitter.take(0.0) is None  # 20 ms were made up for
    put(jitter, 1)
    assert jitter.take(0.0) == b"\1"
    assert jitter.late == 0


def test_a_lost_packet_after_an_empty_buffer_is_not_filled_twice() -> None:
    jitter = buffer()
    put(jitter, 0)
    take_all(jitter)
    assert jitter.take(0.0) is None  # this was the time of packet 1, which is lost
    put(jitter, 2)
    assert take_all(jitter) == [b"\2"]


@pytest.mark.parametrize("lost", [1, 2, 3, 5, 10, 25])
def test_a_burst_of_loss_leaves_no_delay(lost: int) -> None:
    jitter = buffer()
    for index in range(100 + lost):
        if index < 50 or index >= 50 + lost:
            put(jitter, index)
        taken = jitter.take(index * 0.02)
        if isinstance(taken, int):  # a gap is filled, and what is behind it comes in its turn
            taken = jitter.take(index * 0.02)
    assert taken == bytes((99 + lost,)), "what has just come is heard at once"
    assert jitter.depth == 0


def test_a_pause_of_the_sender_leaves_no_gap_to_fill() -> None:
    jitter = buffer()
    put(jitter, 0)
    take_all(jitter)
    for _ in range(100):
        assert jitter.take(0.0) is None
    put(jitter, 101, sequence=1)
    assert take_all(jitter) == [bytes((101,))]
    assert jitter.resyncs == 0


def test_the_delay_is_bounded_and_the_oldest_goes() -> None:
    jitter = buffer(max_depth_ms=200)
    for index in range(30):
        put(jitter, index)
    assert jitter.depth == 10 * FRAME
    assert jitter.overflowed == 20
    assert take_all(jitter) == [bytes((index,)) for index in range(20, 30)]


def test_sequence_and_timestamp_wrap() -> None:
    jitter = buffer()
    base = 0x100000000 - 2 * FRAME
    for index in range(5):
        put(jitter, index, sequence=65534 + index, base=base)
    assert take_all(jitter) == [bytes((index,)) for index in range(5)]
    assert jitter.resyncs == 0


def test_a_timestamp_that_jumps_ahead_is_a_new_time_base_not_a_gap() -> None:
    jitter = buffer()
    put(jitter, 0)
    jitter.put(1, 500_000, b"far", 0.02)
    assert take_all(jitter) == [b"\0", b"far"]
    assert jitter.resyncs == 1


def test_a_timestamp_that_jumps_back_while_the_sequence_goes_on_costs_no_packet() -> None:
    jitter = buffer()
    for index in range(100, 103):
        put(jitter, index)
    put(jitter, 0, sequence=103)
    put(jitter, 1, sequence=104)
    assert take_all(jitter) == [b"d", b"e", b"f", b"\0", b"\1"]
    assert (jitter.late, jitter.resyncs) == (0, 1)


def test_a_sender_that_starts_anew_is_followed_from_the_second_packet_on() -> None:
    jitter = buffer()
    for index in range(300, 303):
        put(jitter, index)
    take_all(jitter)
    for index in range(3):
        put(jitter, index)
    assert take_all(jitter) == [b"\1", b"\2"]
    assert (jitter.late, jitter.resyncs) == (1, 1)


def test_a_sender_that_restarts_its_sequence_is_followed() -> None:
    jitter = buffer()
    put(jitter, 0, sequence=40000)
    put(jitter, 1, sequence=5)
    put(jitter, 2, sequence=6)
    assert take_all(jitter) == [b"\0", b"\1", b"\2"]
    assert jitter.duplicate == 0


def test_packets_without_audio_leave_no_hole_in_the_sequence() -> None:
    jitter = buffer()
    put(jitter, 0)
    take_all(jitter)
    for sequence in (1, 2, 3):
        jitter.skip(sequence)
    put(jitter, 4)
    put(jitter, 4)
    assert jitter.duplicate == 1
    jitter.skip(2)
    assert jitter.duplicate == 2


def test_a_new_stream_begins_with_nothing_of_the_old() -> None:
    jitter = buffer()
    put(jitter, 7)
    jitter.reset()
    assert jitter.take(0.0) is None
    jitter.put(60000, 123, b"new", 1.0)
    assert take_all(jitter) == [b"new"]


def test_for_a_day_sequence_and_timestamp_wrap_unnoticed() -> None:
    """60 ms packets on the clock of Opus; the timestamp wraps once, the sequence 22 times."""
    jitter = JitterBuffer(48_000, 200, lambda payload: 2880, constant_rate=True)
    packets = 24 * 3600 * 50 // 3
    timestamp = 0xFFFFFFFF - packets // 2 * 2880
    played = 0
    for index in range(packets):
        now = index * 0.06
        jitter.put(index & 0xFFFF, (timestamp + index * 2880) & 0xFFFFFFFF, b"x", now)
        played += jitter.take(now + 0.01) == b"x"
    assert played == packets
    assert (jitter.resyncs, jitter.late, jitter.duplicate, jitter.target) == (0, 0, 0, 0)


def test_a_packet_that_may_still_come_is_waited_for_where_packets_come_late() -> None:
    jitter = buffer()
    for index in range(202):  # every fifth is 50 ms late and overtaken
        if index % 5 != 4:
            put(jitter, index)
        if index % 5 == 1 and index > 5:
            jitter.put(index - 2, (index - 2) * FRAME, bytes((index - 2,)), index * 0.02 + 0.01)
        jitter.take(index * 0.02 + 0.015)
    while jitter.take(9.0) is not None:  # so late that nothing more is waited for
        pass
    assert 50 * 8 <= jitter.target <= 55 * 8
    late = jitter.late
    put(jitter, 202)
    put(jitter, 204)
    assert jitter.take(4.088) == bytes((202,))
    assert jitter.take(4.108) is None
    jitter.put(203, 203 * FRAME, b"came", 4.11)
    assert jitter.take(4.128) == b"came"
    assert jitter.take(4.148) == bytes((204,))
    assert jitter.late == late


def test_after_a_pause_the_first_word_waits_as_long_as_jitter_asks_for() -> None:
    jitter = buffer()
    for index in range(0, 200, 2):
        for late in (index, index + 1):  # every other 20 ms and more late
            jitter.put(late, late * FRAME, b"x", (index + 1) * 0.02 + (0.05 if index % 10 == 0 else 0))
    take_all(jitter)
    waits = -(-jitter.target // FRAME)
    assert waits >= 2
    jitter.put(200, 300 * FRAME, b"word", 300 * 0.02)
    taken = [jitter.take(6.0 + 0.02 * tick) for tick in range(waits + 1)]
    assert taken.index(b"word") in (waits - 1, waits)


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=120))
def test_whatever_comes_the_order_holds_and_the_depth_is_bounded(steps: list[tuple[int, bool]]) -> None:
    jitter = buffer(max_depth_ms=200)
    played: list[int] = []
    for index, takes in steps:
        put(jitter, index)
        assert 0 <= jitter.depth <= 10 * FRAME
        if takes and isinstance(item := jitter.take(0.0), bytes):
            played.append(item[0])
    played += [item[0] for item in take_all(jitter) if isinstance(item, bytes)]
    assert jitter.depth == 0
    if not jitter.resyncs:
        assert played == sorted(set(played)), "each packet at most once, in order"


@given(st.permutations(range(8)))
def test_any_order_within_the_depth_loses_nothing(order: list[int]) -> None:
    jitter = buffer()
    put(jitter, 0)
    for index in order:
        put(jitter, index + 1)
    assert take_all(jitter) == [bytes((index,)) for index in range(9)]
    assert (jitter.late, jitter.duplicate) == (0, 0)


def test_a_payload_that_is_not_valid_is_refused() -> None:
    jitter = JitterBuffer(8000, 200, len, constant_rate=True)
    assert not jitter.put(1, 0, b"", 0.0)
    assert jitter.put(1, 0, bytes(FRAME), 0.0)
    assert jitter.depth == FRAME


def test_payloads_of_any_length_follow_one_another() -> None:
    jitter = JitterBuffer(8000, 200, len, constant_rate=True)
    at = 0
    for sequence, length in enumerate((80, 80, 240, 160)):
        jitter.put(sequence, at, bytes(length), at / 8000)
        at += length
    assert jitter.depth == at
    assert [len(item) for item in take_all(jitter) if isinstance(item, bytes)] == [80, 80, 240, 160]


def test_what_is_next_can_be_looked_at_before_it_is_taken() -> None:
    jitter = JitterBuffer(8000, 200, len, constant_rate=True)
    assert jitter.peek() is None
    jitter.put(0, 0, b"1" * 160, 0.0)
    jitter.put(2, 320, b"3" * 160, 0.04)
    assert jitter.take(0.0) == b"1" * 160
    assert jitter.take(0.0) == 160
    assert jitter.peek() == b"3" * 160
    assert jitter.take(0.0) == b"3" * 160
    assert jitter.peek() is None
