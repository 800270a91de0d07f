"""SIP messages out of a byte stream: TCP and TLS (RFC 3261 section 18.3, RFC 5626 section 4.4.1 for
keep-alive).

Sans-I/O: bytes in, messages out. A message ends where its Content-Length says; when that cannot be known any
more the connection is lost and `FramingError` says so. Nothing here grows beyond one header block plus one
body.
"""

from __future__ import annotations

import enum

from sip.errors import FramingError, ParseError
from sip.message import Request, Response
from sip.parser import MAXIMUM_BODY, MAXIMUM_HEAD, MAXIMUM_LINE, check_mandatory, content_length, read_head

_END_OF_HEAD = b"\r\n\r\n"


class KeepAlive(enum.Enum):
    """Line ends between messages. A PING is answered by one CRLF."""

    PING = "CRLF CRLF"
    PONG = "CRLF"


StreamItem = Request | Response | KeepAlive | ParseError


class StreamParser:
    """The reading half of one connection.

    Limits are bytes: `maximum_head` for start line and headers, `maximum_body` for one body. `buffered` is
    what is held of an unfinished message; a caller that gives up on slow peers looks at it.
    """

    def __init__(self, *, maximum_head: int = MAXIMUM_HEAD, maximum_body: int = MAXIMUM_BODY) -> None:
        self._maximum_head = maximum_head
        self._maximum_body = maximum_body
        self._buffer = bytearray()
        self._searched = 0
        self._first_line_seen = False
        self._pending: Request | Response | None = None
        self._pending_fault: ParseError | None = None
        self._head = b""
        self._body_length = 0
        self._after_pong = False
        self._broken = False

    @property
    def buffered(self) -> int:
        """Bytes of an unfinished message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[StreamItem]:
        """Everything that is complete after `data`, in order.

        A message that is malformed but whose end is known comes as a ParseError in the list; the stream goes
        on after it. Raises FramingError, with what came before in `earlier`, when the stream cannot go on.
        """
        if self._broken:
            raise FramingError("Stream Already Broken")
        self._buffer += data
        items: list[StreamItem] = []
        try:
            while self._step(items):
                pass
        except FramingError as error:
            error.earlier = list(items)
            error.wire = error.wire or bytes(self._buffer)
            self._broken = True
            self._buffer.clear()
            raise
        return items

    def _step(self, items: list[StreamItem]) -> bool:
        """Take one thing off the buffer; False when more bytes are needed."""
        if self._pending is not None:
            return self._finish_body(items)
        if self._take_keep_alive(items):
            return True
        if not self._buffer or self._buffer == b"\r":
            return False
        self._check_first_line()
        end = self._buffer.find(_END_OF_HEAD, self._searched)
        if end < 0:
            # What is missing of the end may be its last byte.
            if len(self._buffer) - (len(_END_OF_HEAD) - 1) > self._maximum_head:
                raise FramingError("Message Header Too Large", status=513)
            self._searched = max(0, len(self._buffer) - len(_END_OF_HEAD) + 1)
            return False
        if end > self._maximum_head:
            raise FramingError("Message Header Too Large", status=513)
        head = bytes(self._buffer[:end])
        del self._buffer[: end + len(_END_OF_HEAD)]
        self._searched = 0
        self._first_line_seen = False
        try:
            self._begin_message(head)
        except FramingError as error:
            error.wire = head + _END_OF_HEAD + bytes(self._buffer)
            raise
        return True

    def _take_keep_alive(self, items: list[StreamItem]) -> bool:
        """Line ends before a message: a pair is a ping, a single one a pong (or nothing)."""
        if not self._buffer.startswith(b"\r\n"):
            # Anything but the first half of a CRLF ends the pair that was begun.
            self._after_pong = self._after_pong and (not self._buffer or self._buffer == b"\r")
            return False
        if self._after_pong:
            taken, item = 2, KeepAlive.PING
            self._after_pong = False
        elif self._buffer.startswith(_END_OF_HEAD):
            taken, item = 4, KeepAlive.PING
        else:
            taken, item = 2, KeepAlive.PONG
            self._after_pong = True
        del self._buffer[:taken]
        items.append(item)
        return True

    def _check_first_line(self) -> None:
        """Garbage (TLS or HTTP on the wrong port) shows in the first line; reading on has no point."""
        if self._first_line_seen:
            return
        # Method names and "SIP/" are printable; a TLS handshake is not.
        if not 0x20 < self._buffer[0] < 0x7F:
            raise FramingError("Malformed Start Line")
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) - 1 > MAXIMUM_LINE:
                raise FramingError("Start Line Too Long", status=513)
            return
        if end > MAXIMUM_LINE:
            raise FramingError("Start Line Too Long", status=513)
        if b"SIP/" not in self._buffer[:end].upper():
            raise FramingError("Malformed Start Line")
        self._first_line_seen = True

    def _begin_message(self, head: bytes) -> None:
        try:
            message, fault = read_head(head)
        except ParseError as error:
            raise FramingError(error.reason, status=error.status) from error
        try:
            length = content_length(message)
        except ParseError as error:
            raise FramingError(error.reason, status=error.status, request=error.request) from error
        if length is None:
            # RFC 3261 20.14 demands it on streams; a message that announces no body has none.
            if message.get("Content-Type") is not None:
                request = message if isinstance(message, Request) and message.is_answerable else None
                raise FramingError("Missing Content-Length", request=request)
            length = 0
        if length > self._maximum_body:
            request = message if isinstance(message, Request) and message.is_answerable else None
            raise FramingError("Message Body Too Large", status=513, request=request)
        self._pending = message
        self._head = head
        self._pending_fault = fault
        self._body_length = length

    def _finish_body(self, items: list[StreamItem]) -> bool:
        message = self._pending
        length = self._body_length
        if message is None or len(self._buffer) < length:
            return False
        if length:
            message.body = bytes(self._buffer[:length])
            del self._buffer[:length]
        message.wire = b"".join((self._head, _END_OF_HEAD, message.body))
        self._pending = None
        self._after_pong = False
        fault, self._pending_fault = self._pending_fault, None
        if fault is None:
            try:
                check_mandatory(message)
            except ParseError as error:
                fault = error
        if fault is not None:
            fault.wire = message.wire
        items.append(message if fault is None else fault)
        return True
