from __future__ import annotations

import time

import pytest

from sip.errors import FramingError, ParseError
from sip.message import Request, Response
from sip.stream_parser import KeepAlive, StreamItem, StreamParser

HEAD = (
    b"%s SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
    b"Call-ID: c\r\nCSeq: 1 %s\r\n%s\r\n"
)


def message(method: bytes = b"OPTIONS", body: bytes = b"", length: bytes | None = None) -> bytes:
    declared = b"Content-Length: %s\r\n" % (str(len(body)).encode() if length is None else length)
    return HEAD % (method + b" sip:b@h", method, declared) + body


def feed_in_pieces(parser: StreamParser, *data: bytes) -> list[StreamItem]:
    joined = b"".join(data)
    return [item for at in range(0, len(joined), 1000) for item in parser.feed(joined[at : at + 1000])]


def test_message_split_at_every_byte_comes_out_once_and_whole() -> None:
    data = message(b"MESSAGE", b"hello\r\n\r\nthere")
    parser = StreamParser()
    out: list[StreamItem] = []
    for index in range(len(data)):
        out += parser.feed(data[index : index + 1])
    assert [type(item) for item in out] == [Request]
    assert isinstance(out[0], Request)
    assert out[0].body == b"hello\r\n\r\nthere"
    assert parser.buffered == 0


def test_two_messages_in_one_read_come_out_in_order() -> None:
    first, second = StreamParser().feed(message(b"INFO", b"abc") + message(b"OPTIONS"))
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert (first.method, first.body, second.method, second.body) == ("INFO", b"abc", "OPTIONS", b"")


def test_response_is_read_from_a_stream() -> None:
    data = message().replace(b"OPTIONS sip:b@h SIP/2.0", b"SIP/2.0 200 OK", 1)
    (item,) = StreamParser().feed(data)
    assert isinstance(item, Response)
    assert item.status == 200


def test_double_line_end_is_a_ping_and_a_single_one_a_pong() -> None:
    assert StreamParser().feed(b"\r\n\r\n") == [KeepAlive.PING]
    assert StreamParser().feed(b"\r\n") == [KeepAlive.PONG]


def test_ping_that_arrives_in_pieces_is_still_a_ping() -> None:
    parser = StreamParser()
    out: list[StreamItem] = []
    for byte in (b"\r", b"\n", b"\r", b"\n"):
        out += parser.feed(byte)
    assert out == [KeepAlive.PONG, KeepAlive.PING]


def test_keep_alives_between_messages_do_not_disturb_them() -> None:
    out = StreamParser().feed(message() + b"\r\n\r\n" + message() + b"\r\n" + message())
    assert [type(item) for item in out] == [Request, KeepAlive, Request, KeepAlive, Request]


def test_line_ends_of_two_different_gaps_are_not_one_ping() -> None:
    parser = StreamParser()
    out = parser.feed(b"\r\n" + message() + b"\r\n")
    assert [item for item in out if isinstance(item, KeepAlive)] == [KeepAlive.PONG, KeepAlive.PONG]


def test_malformed_message_with_known_end_does_not_stop_the_stream() -> None:
    broken = message().replace(b"Call-ID: c\r\n", b"")
    fault, good = StreamParser().feed(broken + message())
    assert isinstance(fault, ParseError)
    assert fault.reason == "Missing Call-ID"
    assert fault.request is not None
    assert isinstance(good, Request)


def test_malformed_header_line_is_answerable_and_its_body_is_passed_over() -> None:
    broken = message(b"INFO", b"xyz").replace(b"Call-ID: c\r\n", b"Call-ID: c\r\nno colon here\r\n")
    fault, good = StreamParser().feed(broken + message())
    assert isinstance(fault, ParseError)
    assert fault.request is not None
    assert isinstance(good, Request)


def test_malformed_response_or_ack_costs_no_connection_either() -> None:
    response = message().replace(b"OPTIONS sip:b@h SIP/2.0", b"SIP/2.0 200 OK", 1)
    for data in (response, message(b"ACK")):
        broken = data.replace(b"Call-ID: c\r\n", b"Call-ID: c\r\nno colon here\r\n")
        fault, good = StreamParser().feed(broken + message())
        assert isinstance(fault, ParseError)
        assert fault.request is None
        assert isinstance(good, Request)


@pytest.mark.parametrize("length", [b"-1", b"many", b"99999999999999999999999", b"1 2"])
def test_content_length_that_is_no_number_breaks_the_stream_but_can_be_answered(length: bytes) -> None:
    with pytest.raises(FramingError) as caught:
        StreamParser().feed(message(length=length))
    assert caught.value.request is not None
    assert caught.value.request.call_id == "c"


def test_huge_content_length_is_refused_before_the_body_is_awaited() -> None:
    with pytest.raises(FramingError) as caught:
        StreamParser().feed(message(length=b"2000000"))
    assert caught.value.status == 513


def test_conflicting_content_lengths_break_the_stream() -> None:
    with pytest.raises(FramingError):
        StreamParser().feed(message(length=b"3\r\nContent-Length: 5") + b"abcde")


def test_missing_content_length_means_no_body_unless_a_body_is_announced() -> None:
    bare = HEAD % (b"OPTIONS sip:b@h", b"OPTIONS", b"")
    (item,) = StreamParser().feed(bare)
    assert isinstance(item, Request)
    with pytest.raises(FramingError):
        StreamParser().feed(HEAD % (b"INFO sip:b@h", b"INFO", b"Content-Type: text/plain\r\n"))


def test_messages_before_a_fault_are_not_lost_with_the_connection() -> None:
    with pytest.raises(FramingError) as caught:
        StreamParser().feed(message() + message(length=b"-1"))
    (earlier,) = caught.value.earlier
    assert isinstance(earlier, Request)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"\x00\x00\x00\x00",
        b"hello\r\n",
    ],
)
def test_garbage_breaks_the_stream_at_its_first_line(garbage: bytes) -> None:
    with pytest.raises(FramingError):
        StreamParser().feed(garbage)


def test_broken_stream_stays_broken() -> None:
    parser = StreamParser()
    with pytest.raises(FramingError):
        parser.feed(b"\x16\x03\x01")
    with pytest.raises(FramingError):
        parser.feed(message())


def test_endless_header_block_is_cut_off_at_the_limit() -> None:
    parser = StreamParser()
    with pytest.raises(FramingError) as caught:
        feed_in_pieces(parser, b"OPTIONS sip:b@h SIP/2.0\r\n", (b"X-Filler: " + b"a" * 1000 + b"\r\n") * 100)
    assert caught.value.status == 513
    assert parser.buffered == 0


def test_endless_first_line_is_cut_off() -> None:
    parser = StreamParser()
    with pytest.raises(FramingError):
        feed_in_pieces(parser, b"A" * 20_000)


def test_slow_drip_of_a_large_message_costs_linear_work() -> None:
    data = message(b"MESSAGE", b"x" * 60_000).replace(b"CSeq", b"X-Filler: " + b"y" * 8000 + b"\r\nCSeq", 1)
    parser = StreamParser()
    out: list[StreamItem] = []
    started = time.process_time()
    for index in range(len(data)):
        out += parser.feed(data[index : index + 1])
    assert time.process_time() - started < 3.0
    assert len(out) == 1


def test_garbage_is_told_by_its_first_byte_however_much_comes_with_it() -> None:
    garbage = b"\x10INVITE sip:b@h SIP/2.0\r\nTo: x\r\n"
    for size in (1, len(garbage)):
        with pytest.raises(FramingError):
            StreamParser().feed(garbage[:size])


def test_header_of_exactly_the_limit_is_read_whatever_way_its_end_comes() -> None:
    data = message(b"MESSAGE", b"")
    for cut in range(1, 5):
        parser = StreamParser(maximum_head=len(data) - 4)
        assert len(parser.feed(data[:-cut]) + parser.feed(data[-cut:])) == 1
