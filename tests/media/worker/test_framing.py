"""Whole messages out of a stream that arrives in any pieces."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.worker.framing import MAX_FRAME_BYTES, FrameError, FrameReader, frame


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.data())
def test_messages_come_out_whole_and_in_order_however_the_stream_is_cut(
    messages: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frame(message) for message in messages)
    reader = FrameReader()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == messages
    assert reader.waiting == 0


def test_a_message_that_has_not_arrived_whole_waits() -> None:
    reader = FrameReader()
    data = frame(b"hello")
    assert reader.feed(data[:-1]) == []
    assert reader.waiting == len(data) - 1
    assert reader.feed(data[-1:] + frame(b"again")[:2]) == [b"hello"]
    assert reader.waiting == 2


@pytest.mark.parametrize("length", [0, MAX_FRAME_BYTES + 1, 0xFFFFFFFF])
def test_a_length_that_no_message_has_ends_the_stream_before_anything_is_stored(length: int) -> None:
    with pytest.raises(FrameError, match=str(length)):
        FrameReader().feed(struct.pack("!I", length))


@pytest.mark.parametrize("size", [0, MAX_FRAME_BYTES + 1])
def test_a_message_that_the_other_side_would_refuse_is_not_sent(size: int) -> None:
    with pytest.raises(FrameError):
        frame(bytes(size))


def test_the_largest_message_passes() -> None:
    payload = bytes(MAX_FRAME_BYTES)
    assert FrameReader().feed(frame(payload)) == [payload]
