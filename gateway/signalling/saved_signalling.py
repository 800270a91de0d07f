"""The messages of a call as they are kept in the database: a compressed value."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import msgspec

from gateway.signalling.trace_ring import TracedMessage

MOST_BYTES = 1024 * 1024  # of one call, before they are compressed

LegMessage = tuple[str, str | None, TracedMessage]
"""Call-ID, leg of the call, message."""


class SavedSignalling(msgspec.Struct, frozen=True):
    """`dropped` messages had no room."""

    messages: list[tuple[str, str | None, tuple[float, bool, str, str, int, str, int, bytes, int]]]
    dropped: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SavedSignalling)


def packed(messages: Iterable[LegMessage], dropped: int) -> bytes:
    """As it is stored."""
    kept = []
    total = 0
    for sip_call_id, leg, one in messages:
        total += len(one.data)
        if total > MOST_BYTES:
            dropped += 1
            continue
        kept.append(
            (sip_call_id, leg, (one.at, one.sent, one.transport, *one.peer, *one.local, one.data, one.size))
        )
    return zlib.compress(_encoder.encode(SavedSignalling(kept, dropped)))


def unpacked(value: bytes) -> tuple[list[LegMessage], int]:
    """Messages, and how many had no room."""
    saved = _decoder.decode(zlib.decompress(value))
    messages = [
        (
            sip_call_id,
            leg,
            TracedMessage(at, sent, transport, (host, port), (local_host, local_port), data, size),
        )
        for sip_call_id, leg, (
            at,
            sent,
            transport,
            host,
            port,
            local_host,
            local_port,
            data,
            size,
        ) in saved.messages
    ]
    return messages, saved.dropped
