"""Messages on a byte stream: each is preceded by its length, four bytes, most significant first."""

from __future__ import annotations

import struct

# The engine's largest data message is 1 MiB of JSON, and a list of short numbers more than doubles in
# MessagePack.
MAX_FRAME_BYTES = 4 * 1024 * 1024

_LENGTH = struct.Struct("!I")


class FrameError(Exception):
    """The stream is not ours, or a message is larger than any may be."""


def frame(payload: bytes) -> bytes:
    """One message as it goes on the stream. Raises `FrameError` when it is too large or empty."""
    if not 0 < len(payload) <= MAX_FRAME_BYTES:
        raise FrameError(f"a message of {len(payload)} bytes")
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Cuts a stream into messages, however it arrives. Never holds more than one message and one read."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now, in order. Raises `FrameError`; the stream is lost then."""
        buffer = self._buffer
        buffer += data
        messages: list[bytes] = []
        at, end = 0, len(buffer)
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if not 0 < length <= MAX_FRAME_BYTES:
                raise FrameError(f"a message of {length} bytes")
            start = at + _LENGTH.size
            if end - start < length:
                break
            at = start + length
            messages.append(bytes(buffer[start:at]))
        del buffer[:at]
        return messages

    @property
    def waiting(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._buffer)
