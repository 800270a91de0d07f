from hypothesis import given
from hypothesis import strategies as st

from media.jitter_buffer import JitterBuffer

FRAME = 160


def buffer(max_depth_ms: int = 200) -> JitterBuffer:
    return JitterBuffer(8000, max_depth_ms, lambda payload: FRAME, constant_rate=False)


def put(into: JitterBuffer, index: int, *, sequence: int | None = None, base: int = 0) -> None:
    """Packet number `index` of a stream of 20 ms packets; its payload is its number."""
    number = index if sequence is None else sequence
    into.put(number & 0xFFFF, (base + index * FRAME) & 0xFFFFFFFF, bytes((index % 256,)))


def take_all(from_buffer: JitterBuffer) -> list[bytes | int]:
    taken: list[bytes | int] = []
    while (item := from_buffer.take()) is not None:
        taken.append(item)
    return taken


def test_packets_in_order_come_out_at_once() -> None:
    jitter = buffer()
    for index in range(5):
        put(jitter, index)
        assert jitter.take() == bytes((index,))
        assert jitter.take() is None


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
    assert jitter.take() is None
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
    assert jitter.take() is None  # 20 ms were made up for
    put(jitter, 1)
    assert jitter.take() == b"\1"
    assert jitter.late == 0


def test_a_lost_packet_after_an_empty_buffer_is_not_filled_twice() -> None:
    jitter = buffer()
    put(jitter, 0)
    take_all(jitter)
    assert jitter.take() is None  # this was the time of packet 1, which is lost
    put(jitter, 2)
    assert take_all(jitter) == [b"\2"]


def test_a_pause_of_the_sender_leaves_no_gap_to_fill() -> None:
    jitter = buffer()
    put(jitter, 0)
    take_all(jitter)
    for _ in range(100):
        assert jitter.take() is None
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
    jitter.put(1, 500_000, b"far")
    assert take_all(jitter) == [b"\0", b"far"]
    assert jitter.resyncs == 1


def test_a_timestamp_that_jumps_back_is_followed_from_the_second_packet_on() -> None:
    jitter = buffer()
    for index in range(100, 103):
        put(jitter, index)
    take_all(jitter)
    put(jitter, 0, sequence=103)
    put(jitter, 1, sequence=104)
    put(jitter, 2, sequence=105)
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
    assert jitter.take() is None
    jitter.put(60000, 123, b"new")
    assert take_all(jitter) == [b"new"]


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=120))
def test_whatever_comes_the_order_holds_and_the_depth_is_bounded(steps: list[tuple[int, bool]]) -> None:
    jitter = buffer(max_depth_ms=200)
    played: list[int] = []
    for index, takes in steps:
        put(jitter, index)
        assert 0 <= jitter.depth <= 10 * FRAME
        if takes and isinstance(item := jitter.take(), bytes):
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
    assert not jitter.put(1, 0, b"")
    assert jitter.put(1, 0, bytes(FRAME))
    assert jitter.depth == FRAME


def test_payloads_of_any_length_follow_one_another() -> None:
    jitter = JitterBuffer(8000, 200, len, constant_rate=True)
    at = 0
    for sequence, length in enumerate((80, 80, 240, 160)):
        jitter.put(sequence, at, bytes(length))
        at += length
    assert jitter.depth == at
    assert [len(item) for item in take_all(jitter) if isinstance(item, bytes)] == [80, 80, 240, 160]


def test_what_is_next_can_be_looked_at_before_it_is_taken() -> None:
    jitter = JitterBuffer(8000, 200, len, constant_rate=True)
    assert jitter.peek() is None
    jitter.put(0, 0, b"1" * 160)
    jitter.put(2, 320, b"3" * 160)
    assert jitter.take() == b"1" * 160
    assert jitter.take() == 160
    assert jitter.peek() == b"3" * 160
    assert jitter.take() == b"3" * 160
    assert jitter.peek() is None
