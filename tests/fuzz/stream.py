"""A connection: however its bytes are cut into pieces, the same messages come out."""

from __future__ import annotations

from sip.errors import FramingError, ParseError
from sip.message import Message
from sip.stream_parser import KeepAlive, StreamParser
from tests.fuzz.choices import Choices

_SIZES = (1, 2, 3, 7, 40, 300, 1000)


def fuzz(data: bytes) -> None:
    sizes, stream = Choices(data[:8]), data[8:]
    whole = read([stream])
    pieces, at = [], 0
    while at < len(stream):
        size = sizes.one_of(_SIZES) if sizes.left else max(1, len(stream) // 9)
        pieces.append(stream[at : at + size])
        at += size
    assert read(pieces) == whole, "the cut between two reads changes what is read"


def read(pieces: list[bytes]) -> list[str]:
    """What comes out, in words that can be compared; the last says how the stream ends.

    Pongs mean nothing and are left out: the first half of a ping looks like one until the second comes.
    """
    parser = StreamParser(maximum_head=2000, maximum_body=2000)
    out: list[str] = []
    try:
        for piece in pieces:
            out += map(in_words, parser.feed(piece))
            assert parser.buffered <= 4096 + len(piece)
    except FramingError as error:
        out += map(in_words, error.earlier)
        out.append("broken")
    return [item for item in out if item != in_words(KeepAlive.PONG)]


def in_words(item: object) -> str:
    if isinstance(item, Message):
        return repr((item.start_line(), item.headers, item.body))
    if isinstance(item, ParseError):
        return f"refused {item.status} {item.reason}"
    return str(item)
