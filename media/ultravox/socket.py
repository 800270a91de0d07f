"""The WebSocket that carries one call's audio and data messages to and from the engine (the `serverWebSocket`
medium).

Binary frames are raw signed 16-bit little-endian mono PCM, text frames one JSON data message each. The join
URL is opaque and is itself the credential: it is never logged. No compression is offered, since PCM gains
nothing by it.

Everything here runs on the event loop; callbacks of the listener are made from it, one at a time.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import time
from collections import deque
from typing import Any, Protocol

import msgspec
import structlog
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

log = structlog.get_logger(__name__)

# An utterance may come as one frame: 30 s at 48 kHz are 2.9 MB.
MAX_FRAME_BYTES = 4 * 1024 * 1024
# The largest data message (a tool invocation with its parameters, in one frame or in fragments).
MAX_MESSAGE_BYTES = 1024 * 1024
# Audio is dropped once so much is queued in this process: about 2 s at 8 kHz. Late audio is worth less than
# none.
WRITE_BUFFER_BYTES = 32 * 1024
# Data messages may use more than audio, but not without end.
MESSAGE_BUFFER_BYTES = 256 * 1024
# The kernel's own queue; it would otherwise grow to megabytes, which is minutes of stale audio.
KERNEL_SEND_BUFFER_BYTES = 32 * 1024
# Data messages that may wait for the socket to open.
MAX_PENDING_MESSAGES = 32
READ_BUFFER_BYTES = 8 * 1024

PING_IDLE_S = 20.0
PONG_TIMEOUT_S = 20.0
# How long a close may take before the connection is cut.
CLOSE_TIMEOUT_S = 2.0
MAX_REDIRECTS = 2

# RFC 6455, section 7.4.1: codes that describe what happened and never travel.
NO_STATUS_RECEIVED = 1005
ABNORMAL_CLOSURE = 1006

# Looked up once: these are read for every frame.
_BINARY = WSMsgType.BINARY
_TEXT = WSMsgType.TEXT
_CONTINUATION = WSMsgType.CONTINUATION
_CLOSE = WSMsgType.CLOSE

_decoder = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """One context for all calls: loading the certificate store takes longer than a handshake."""
    return ssl.create_default_context()


def prepare_tls() -> None:
    """Make that context now, off the event loop: the first call to a `wss` engine need not wait for it."""
    _tls_context()


class EngineSocketListener(Protocol):
    """Who is told what the engine says."""

    def on_open(self, connect_ms: float) -> None:
        """The upgrade is done; `connect_ms` since `start`, name resolution and TLS included."""

    def on_audio(self, data: memoryview | bytes) -> None:
        """Agent audio, s16le at the agreed rate, in pieces of any size; valid only during the call."""

    def on_message(self, message: dict[str, Any]) -> None:
        """One data message, as it came."""

    def on_close(self, code: int, reason: str, opened: bool) -> None:
        """The end, exactly once: also when connecting failed or timed out (`opened` is then false).

        `code` is the close code of RFC 6455: 1000 for a normal end, 1005 when the engine gave none, 1006 when
        the connection was lost.
        """


class EngineSocket:
    """A client connection to one join URL. Made, started once, closed; never reconnects."""

    def __init__(
        self,
        join_url: str,
        listener: EngineSocketListener,
        *,
        connect_timeout_s: float = 5.0,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
        ping_idle_s: float = PING_IDLE_S,
        pong_timeout_s: float = PONG_TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` replaces the default context for `wss` URLs; the time-outs are seconds."""
        self._join_url = join_url
        self._listener = listener
        self._connect_timeout_s = connect_timeout_s
        self._close_timeout_s = close_timeout_s
        self._ping_idle_s = ping_idle_s
        self._pong_timeout_s = pong_timeout_s
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._started_at = 0.0
        self._transport: WSTransport | None = None
        self._pending: deque[bytes] = deque()
        self._congested = False
        self._closing = False
        self._closed = False
        self._close_timer: asyncio.TimerHandle | None = None
        self._fault: asyncio.Future[None] | None = None
        self.is_open = False
        self.frames_dropped = 0
        self.messages_dropped = 0
        self.messages_malformed = 0

    def start(self) -> None:
        """Begin to connect on the running loop; `on_open` or `on_close` follows."""
        if self._loop is not None:
            raise RuntimeError("an engine socket is started once")
        self._loop = asyncio.get_running_loop()
        self._started_at = time.perf_counter()
        self._connecting = self._loop.create_task(self._connect(), name="engine-connect")

    def send_audio(self, pcm: bytes) -> None:
        """Send s16le samples as one binary frame; dropped and counted when not open or when the peer does not
        read.
        """
        if self.is_open and not self._congested:
            self._transport.send(_BINARY, pcm)  # type: ignore[union-attr]
        else:
            self.frames_dropped += 1

    def send_message(self, message: dict[str, Any]) -> None:
        """Send one data message. Before the socket is open a few wait for it; beyond the bounds they are
        dropped.
        """
        data = _encode(message)
        if self.is_open and self._transport is not None:
            if self._transport.underlying_transport.get_write_buffer_size() <= MESSAGE_BUFFER_BYTES:
                self._transport.send(_TEXT, data)
                return
        elif not self._closing and not self._closed and len(self._pending) < MAX_PENDING_MESSAGES:
            self._pending.append(data)
            return
        self.messages_dropped += 1

    def close(self) -> None:
        """Close normally (1000) after what is queued; `on_close` follows, at the latest after the close
        time-out.
        """
        if self._closing or self._closed:
            return
        self._closing = True
        if self._transport is not None:
            self.is_open = False
            self._transport.send_close(WSCloseCode.OK)
            self._cut_after(self._close_timeout_s)
        elif self._connecting is not None and self._loop is not None:
            self._connecting.cancel()
            self._loop.call_soon(self._finish, WSCloseCode.OK.value, "closed while connecting")
        else:
            self._finish(WSCloseCode.OK.value, "closed before it was started")

    # --- connecting ---

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await ws_connect(
                    lambda: _FrameListener(self),
                    self._join_url,
                    ssl_context=self._tls
                    or (_tls_context() if self._join_url[:4].lower() == "wss:" else None),
                    # Ends a connection whose upgrade never completes, after `_connect` itself has given up on
                    # it.
                    websocket_handshake_timeout=self._connect_timeout_s,
                    logger_name="engine",
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=self._ping_idle_s,
                    auto_ping_reply_timeout=self._pong_timeout_s,
                    auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
                    max_frame_size=MAX_FRAME_BYTES,
                    max_redirects=MAX_REDIRECTS,
                    read_buffer_init_size=READ_BUFFER_BYTES,
                )
        except asyncio.CancelledError:
            if not self._closing:
                self._finish(ABNORMAL_CLOSURE, "connecting was cancelled")
            raise
        except TimeoutError:
            reason = "connect timed out"
        except (OSError, WSError, ValueError) as error:
            reason = f"connect failed: {_describe(error)}"
        except Exception as error:  # noqa: BLE001 - whatever happened, the listener must hear of the end
            reason = f"connect failed: {_describe(error)}"
            log.error("engine_socket_connect_fault", error=type(error).__name__)
        else:
            if self._transport is not None or self._closed:
                return  # open, or already ended again
            reason = "connect failed: connection lost before the upgrade"  # which picows does not raise
        finally:
            self._connecting = None
        self._finish(ABNORMAL_CLOSURE, reason)

    def _opened(self, transport: WSTransport) -> None:
        if self._closed or self._closing:
            # Given up meanwhile: leave in order, so that the engine does not wait for a caller.
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
            return
        self._transport = transport
        stream = transport.underlying_transport
        stream.set_write_buffer_limits(high=WRITE_BUFFER_BYTES, low=WRITE_BUFFER_BYTES // 4)
        raw = stream.get_extra_info("socket")
        if raw is not None:  # picows has set TCP_NODELAY
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_SEND_BUFFER_BYTES)
        self.is_open = True
        while self._pending:
            transport.send(_TEXT, self._pending.popleft())
        self._listener.on_open((time.perf_counter() - self._started_at) * 1000)

    # --- receiving ---

    def _text_received(self, data: memoryview | bytes | bytearray) -> None:
        try:
            message = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.messages_malformed += 1
            return
        self._listener.on_message(message)

    def _peer_closes(self, transport: WSTransport) -> None:
        """The engine sent its CLOSE: answer it (RFC 6455, 5.5.1) and let the connection go."""
        self.is_open = False
        if not transport.is_close_frame_sent:
            transport.send_close(WSCloseCode.OK)
        transport.disconnect()
        self._cut_after(self._close_timeout_s)

    # --- the end ---

    def _cut_after(self, seconds: float) -> None:
        if self._close_timer is None and self._loop is not None:
            self._close_timer = self._loop.call_later(seconds, self._cut)

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def _disconnected(self, transport: WSTransport) -> None:
        if transport is not self._transport:
            return
        handshake: Any = transport.close_handshake  # None when no CLOSE passed, which its type does not say
        if self._closing:
            code, reason = WSCloseCode.OK.value, "closed by us"
        elif handshake is None:
            code, reason = ABNORMAL_CLOSURE, "connection lost"
        elif handshake.recv is not None and handshake.recv_then_sent:
            code = int(handshake.recv.code) or NO_STATUS_RECEIVED
            reason = handshake.recv.reason or ""
        else:
            # picows ended it: a protocol error, no answer to a ping, or a fault in one of our callbacks.
            sent = handshake.sent
            code, reason = ABNORMAL_CLOSURE, (sent.reason if sent else "") or "closed for a fault"
            self._fault = asyncio.ensure_future(_collect_fault(transport))
        self._finish(code, reason, opened=True)

    def _finish(self, code: int, reason: str, *, opened: bool = False) -> None:
        if self._closed:
            return
        self._closed = True
        self.is_open = False
        self.messages_dropped += len(self._pending)
        self._pending.clear()
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        self._transport = None
        self._listener.on_close(code, reason, opened)


class _FrameListener(WSListener):
    """Turns frames into audio and messages. Audio fragments pass as they come; a fragmented message is put
    together.
    """

    def __init__(self, owner: EngineSocket) -> None:
        self._owner = owner
        self._on_audio = owner._listener.on_audio
        self._fragments_are_audio = False
        self._text: bytearray | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._owner._opened(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        owner = self._owner
        if owner._closed:
            return
        if kind is _BINARY:
            self._fragments_are_audio = not frame.fin
            self._on_audio(frame.get_payload_as_memoryview())
        elif kind is _TEXT:
            if frame.fin and frame.payload_size <= MAX_MESSAGE_BYTES:
                owner._text_received(frame.get_payload_as_memoryview())
            elif frame.fin:
                owner.messages_malformed += 1
            else:
                self._text = bytearray(frame.get_payload_as_bytes())
        elif kind is _CONTINUATION:
            self._continuation(frame)
        elif kind is _CLOSE:
            owner._peer_closes(transport)

    def _continuation(self, frame: WSFrame) -> None:
        if self._fragments_are_audio:
            self._fragments_are_audio = not frame.fin
            self._on_audio(frame.get_payload_as_memoryview())
        elif self._text is not None:
            # Past the limit only the length is kept, so that the whole is refused once at its end.
            if len(self._text) <= MAX_MESSAGE_BYTES:
                self._text += frame.get_payload_as_bytes()
            if frame.fin:
                text, self._text = self._text, None
                if len(text) <= MAX_MESSAGE_BYTES:
                    self._owner._text_received(text)
                else:
                    self._owner.messages_malformed += 1

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._owner._disconnected(transport)

    def pause_writing(self) -> None:
        self._owner._congested = True

    def resume_writing(self) -> None:
        self._owner._congested = False


async def _collect_fault(transport: WSTransport) -> None:
    """Take the exception that picows keeps for a connection it ended, and log it."""
    try:
        await transport.wait_disconnected()
    except Exception as error:
        log.warning("engine_socket_fault", error=repr(error), exc_info=not isinstance(error, WSError))


def _describe(error: Exception) -> str:
    """A short cause without the URL: the HTTP status of a refused upgrade, else class and message."""
    response = getattr(error, "response", None)
    status = getattr(response, "status", None)
    if status is not None:
        return f"HTTP status {int(status)}"
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return type(error).__name__
