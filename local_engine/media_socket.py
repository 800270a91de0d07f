"""The WebSocket side: `ws://host:port/calls/<id>/server_web_socket`, on `picows`.

The echo path is as short as it can be: a frame is sent back from the callback that brought it.
"""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable
from urllib.parse import parse_qs

import structlog
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)

from local_engine.clock import Clock
from local_engine.media_session import GAP_S, MediaSession
from local_engine.records import CallBook, CallRecord

logger = structlog.get_logger(__name__)

MAX_FRAME_BYTES = 1024 * 1024
# A client that does not answer the close is cut off after this.
CLOSE_TIMEOUT_S = 5.0
# What a message in fragments may add up to.
MAX_MESSAGE_BYTES = 4 * MAX_FRAME_BYTES

_PATH = re.compile(r"/calls/([0-9a-zA-Z-]+)/server_web_socket")
_BINARY = WSMsgType.BINARY
_TEXT = WSMsgType.TEXT
_CLOSE = WSMsgType.CLOSE
_CONTINUATION = WSMsgType.CONTINUATION
_NO_LINGER = struct.pack("ii", 1, 0)

MakeSession = Callable[[CallRecord, "MediaSocket"], MediaSession]


class MediaSocket(WSListener):
    """One client's connection. It is the session's `Connection`."""

    def __init__(self, record: CallRecord, make_session: MakeSession, clock: Clock) -> None:
        super().__init__()
        self._record = record
        self._make_session = make_session
        self._clock = clock
        self._transport: WSTransport | None = None
        self._session: MediaSession | None = None
        self._counters = record.counters
        self._paused = False
        self._last_audio_at = 0.0
        self._fragments: list[bytes] = []
        self._fragments_type = _TEXT

    # Picows.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self._record.session is not None or self._record.ended is not None:
            # One client per call: the second one is let in and shown out.
            self._counters.second_clients += 1
            self.close(self._record.faults.second_client_close_code)
            return
        session = self._make_session(self._record, self)
        self._session = session
        self._record.session = session
        now = self._last_audio_at = time.monotonic()
        self._clock.add(session)
        try:
            session.start(now)
        except Exception as error:  # noqa: BLE001 - a bug ends this call with 1011, not the server
            self._failed(session, error)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        session = self._session
        kind = frame.msg_type
        if session is None:
            if kind is _CLOSE:
                transport.disconnect()
            return
        try:
            if kind is _BINARY and frame.fin:
                now = time.monotonic()
                counters = self._counters
                size = frame.payload_size
                counters.frames_received += 1
                counters.bytes_received += size
                if now - self._last_audio_at > GAP_S:
                    session.count_gap(now - self._last_audio_at)
                self._last_audio_at = session.last_audio_at = now
                if session.plain_echo:
                    if self._paused:
                        counters.frames_dropped += 1
                        return
                    counters.frames_sent += 1
                    counters.bytes_sent += size
                    transport.send(_BINARY, frame.get_payload_as_memoryview())
                    return
                session.on_binary(frame.get_payload_as_bytes(), now)
            elif kind is _TEXT and frame.fin:
                session.on_text(frame.get_payload_as_bytes(), time.monotonic())
            elif kind is _CLOSE:
                self._closed_by_client(transport, frame)
            elif kind in (_BINARY, _TEXT, _CONTINUATION):
                self._fragment(session, frame)
        except Exception as error:  # noqa: BLE001 - a bug ends this call with 1011, not the server
            self._failed(session, error)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        received = transport.close_handshake.recv if transport.close_handshake is not None else None
        code = _number(received.code) if received is not None else None
        session.on_disconnected(code, time.monotonic())
        self._clock.remove(session)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    # What the session asks for.

    def send_text(self, data: bytes) -> None:
        """One text frame."""
        if self._transport is not None:
            self._transport.send(_TEXT, data)

    def send_binary(self, data: bytes | memoryview) -> None:
        """One binary frame; dropped and counted while the client does not read."""
        if self._transport is None:
            return
        if self._paused:
            self._counters.frames_dropped += 1
            return
        self._transport.send(_BINARY, data)

    def writable(self) -> bool:
        """Whether the client keeps up reading."""
        return not self._paused

    def close(self, code: int) -> None:
        """Begin an orderly close; the client has `CLOSE_TIMEOUT_S` to answer."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        transport.send_close(WSCloseCode(code) if code in _KNOWN_CODES else code)  # type: ignore[arg-type]
        self._clock.call_at(self._clock.now() + CLOSE_TIMEOUT_S, transport.disconnect)

    def reset(self) -> None:
        """Tear the connection down with a TCP reset."""
        if self._transport is None:
            return
        underlying = self._transport.underlying_transport
        raw = underlying.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        underlying.abort()

    # Small things.

    def _closed_by_client(self, transport: WSTransport, frame: WSFrame) -> None:
        if not transport.is_close_frame_sent:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
        transport.disconnect()

    def _fragment(self, session: MediaSession, frame: WSFrame) -> None:
        if frame.msg_type is not _CONTINUATION:
            self._fragments_type = frame.msg_type
            self._fragments = []
        self._fragments.append(frame.get_payload_as_bytes())
        if sum(map(len, self._fragments)) > MAX_MESSAGE_BYTES:
            self._fragments = []
            self.close(WSCloseCode.MESSAGE_TOO_BIG.value)
            return
        if frame.fin:
            data = b"".join(self._fragments)
            self._fragments = []
            now = time.monotonic()
            if self._fragments_type is _TEXT:
                session.on_text(data, now)
            else:
                self._counters.frames_received += 1
                self._counters.bytes_received += len(data)
                session.last_audio_at = now
                session.on_binary(data, now)

    def _failed(self, session: MediaSession, error: Exception) -> None:
        logger.error("call failed inside the engine", call_id=self._record.call_id, exc_info=error)
        session.on_failure(error)


_KNOWN_CODES = frozenset(code.value for code in WSCloseCode)


def _number(code: object) -> int:
    """A close code as a number; one outside picows' enumeration comes as a number already."""
    return int(code.value if isinstance(code, WSCloseCode) else str(code))


class Upgrades:
    """Decides about each WebSocket upgrade."""

    def __init__(self, book: CallBook, make_session: MakeSession, clock: Clock) -> None:
        self._book = book
        self._make_session = make_session
        self._clock = clock

    def __call__(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener | None:
        """The listener for this request, or a refusal: 404 for an unknown call, 410 for one that is over."""
        path, _, query = request.path.decode("latin-1").partition("?")
        match = _PATH.fullmatch(path)
        record = self._book.find(match[1]) if match else None
        if record is None:
            return None
        if record.faults.refuse_upgrade:
            return _refusal(record.faults.refuse_upgrade)
        if record.ended is not None:
            return _refusal(410)
        version = parse_qs(query).get("clientVersion")
        if version:
            record.client_version = version[0][:200]
        return MediaSocket(record, self._make_session, self._clock)


def _refusal(status: int) -> WSUpgradeResponseWithListener:
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(status), None)
