"""The engine's socket against a real WebSocket server on the loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from picows import WSCloseCode, WSMsgType

from media.ultravox import socket as engine_socket
from media.ultravox.socket import EngineSocket
from tests.media.ultravox.engine_server import EngineServer, ServerConnection, engine_server


class Recorder:
    """Keeps what the socket told, in order."""

    def __init__(self) -> None:
        self.opened_after_ms: float | None = None
        self.audio = bytearray()
        self.pieces: list[int] = []
        self.messages: list[dict[str, Any]] = []
        self.closes: list[tuple[int, str, bool]] = []
        self.changed = asyncio.Event()

    def on_open(self, connect_ms: float) -> None:
        self.opened_after_ms = connect_ms
        self.changed.set()

    def on_audio(self, data: memoryview | bytes) -> None:
        self.audio += data
        self.pieces.append(len(data))
        self.changed.set()

    def on_message(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self.changed.set()

    def on_close(self, code: int, reason: str, opened: bool) -> None:
        self.closes.append((code, reason, opened))
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 5)

    async def until_closed(self) -> tuple[int, str, bool]:
        await self.until(lambda: bool(self.closes))
        return self.closes[0]


async def connect(server: EngineServer, **options: Any) -> tuple[EngineSocket, Recorder, ServerConnection]:
    recorder = Recorder()
    client = EngineSocket(server.url, recorder, **options)
    client.start()
    await recorder.until(lambda: recorder.opened_after_ms is not None)
    return client, recorder, server.connections[-1]


async def test_opens_and_tells_how_long_it_took() -> None:
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        assert client.is_open
        assert recorder.opened_after_ms is not None
        assert 0 < recorder.opened_after_ms < 5000
        assert connection.request.path == b"/calls/7d1f/server_web_socket?token=secret"
        client.close()
        await recorder.until_closed()


async def test_offers_no_compression_and_sets_no_delay() -> None:
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        assert "sec-websocket-extensions" not in connection.request.headers
        assert client._transport is not None
        raw = client._transport.underlying_transport.get_extra_info("socket")
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        client.close()
        await recorder.until_closed()


async def test_audio_arrives_unchanged_both_ways() -> None:
    sent = bytes(range(256)) * 10
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        for start in range(0, len(sent), 320):
            client.send_audio(sent[start : start + 320])
        await connection.until(lambda: len(connection.audio) == len(sent))
        assert connection.transport is not None
        connection.transport.send(WSMsgType.BINARY, sent)
        await recorder.until(lambda: len(recorder.audio) == len(sent))
        assert bytes(connection.audio) == sent
        assert connection.audio_frames == [320] * 8
        assert bytes(recorder.audio) == sent
        assert client.frames_dropped == 0
        client.close()
        await recorder.until_closed()


async def test_messages_are_json_text_frames_both_ways() -> None:
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        client.send_message({"type": "user_text_message", "text": "5 ü", "urgency": "immediate"})
        await connection.until(lambda: bool(connection.texts))
        assert connection.texts == [
            '{"type":"user_text_message","text":"5 ü","urgency":"immediate"}'.encode()
        ]
        assert connection.transport is not None
        connection.transport.send(WSMsgType.TEXT, b'{"type": "state", "state": "listening"}')
        await recorder.until(lambda: bool(recorder.messages))
        assert recorder.messages == [{"type": "state", "state": "listening"}]
        client.close()
        await recorder.until_closed()


async def test_messages_sent_while_connecting_are_delivered_first() -> None:
    async with engine_server() as server:
        recorder = Recorder()
        client = EngineSocket(server.url, recorder)
        client.start()
        for number in range(engine_socket.MAX_PENDING_MESSAGES + 1):
            client.send_message({"type": "ping", "timestamp": number})
        assert client.messages_dropped == 1
        await recorder.until(lambda: recorder.opened_after_ms is not None)
        (connection,) = server.connections
        await connection.until(lambda: len(connection.texts) == engine_socket.MAX_PENDING_MESSAGES)
        assert connection.texts[0] == b'{"type":"ping","timestamp":0}'
        client.close()
        await recorder.until_closed()


async def test_malformed_messages_are_ignored_and_counted() -> None:
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        assert connection.transport is not None
        for text in (b"{not json", b"[1, 2]", b'"text"', b'{"type": "\xff"}', b""):
            connection.transport.send(WSMsgType.TEXT, text)
        connection.transport.send(WSMsgType.TEXT, b'{"type": "pong"}')
        await recorder.until(lambda: bool(recorder.messages))
        assert recorder.messages == [{"type": "pong"}]
        assert client.messages_malformed == 5
        assert client.is_open
        client.close()
        await recorder.until_closed()


async def test_fragmented_message_is_put_together_and_fragmented_audio_passes_on() -> None:
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        transport = connection.transport
        assert transport is not None
        transport.send(WSMsgType.TEXT, b'{"type": "sta', fin=False)
        transport.send(WSMsgType.CONTINUATION, b'te", "state": ', fin=False)
        transport.send(WSMsgType.CONTINUATION, b'"idle"}')
        transport.send(WSMsgType.BINARY, b"\x01\x02\x03", fin=False)
        transport.send(WSMsgType.CONTINUATION, b"\x04")
        transport.send(WSMsgType.TEXT, b'{"type": "pong"}')
        await recorder.until(lambda: len(recorder.messages) == 2)
        assert recorder.messages[0] == {"type": "state", "state": "idle"}
        assert bytes(recorder.audio) == b"\x01\x02\x03\x04"
        client.close()
        await recorder.until_closed()


async def test_message_over_the_limit_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_socket, "MAX_MESSAGE_BYTES", 100)
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        transport = connection.transport
        assert transport is not None
        transport.send(WSMsgType.TEXT, b'{"a": "' + b"x" * 100 + b'"}')
        transport.send(WSMsgType.TEXT, b'{"a": "', fin=False)
        for _ in range(5):
            transport.send(WSMsgType.CONTINUATION, b"x" * 60, fin=False)
        transport.send(WSMsgType.CONTINUATION, b'"}')
        transport.send(WSMsgType.TEXT, b'{"type": "pong"}')
        await recorder.until(lambda: bool(recorder.messages))
        assert recorder.messages == [{"type": "pong"}]
        assert client.messages_malformed == 2
        client.close()
        await recorder.until_closed()


async def test_frame_over_the_limit_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_socket, "MAX_FRAME_BYTES", 1000)
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        assert connection.transport is not None
        connection.transport.send(WSMsgType.BINARY, bytes(2000))
        code, _, opened = await recorder.until_closed()
        assert (code, opened) == (1006, True)
        assert not client.is_open


async def test_audio_before_open_and_after_close_is_dropped_and_counted() -> None:
    async with engine_server() as server:
        recorder = Recorder()
        client = EngineSocket(server.url, recorder)
        client.send_audio(bytes(320))
        client.start()
        client.send_audio(bytes(320))
        await recorder.until(lambda: recorder.opened_after_ms is not None)
        assert client.frames_dropped == 2
        client.close()
        client.send_audio(bytes(320))
        assert client.frames_dropped == 3
        await recorder.until_closed()


async def test_audio_is_dropped_not_queued_when_the_engine_does_not_read() -> None:
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        assert connection.transport is not None
        connection.transport.underlying_transport.pause_reading()
        assert client._transport is not None
        stream = client._transport.underlying_transport
        for _ in range(40_000):  # 12.8 MB, more than the kernel keeps
            client.send_audio(bytes(320))
        assert client.frames_dropped > 10_000
        assert stream.get_write_buffer_size() <= engine_socket.WRITE_BUFFER_BYTES + 400
        connection.transport.underlying_transport.resume_reading()
        accepted = 40_000 - client.frames_dropped
        await connection.until(lambda: len(connection.audio_frames) == accepted)
        dropped = client.frames_dropped
        client.send_audio(bytes(320))
        assert client.frames_dropped == dropped, "audio flows again once the queue is empty"
        client.close()
        await recorder.until_closed()


async def test_close_is_normal_and_flushes_what_was_sent() -> None:
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        for _ in range(50):
            client.send_audio(bytes(320))
        client.send_message({"type": "hang_up"})
        client.close()
        client.close()
        assert not client.is_open
        code, _, opened = await recorder.until_closed()
        assert (code, opened) == (1000, True)
        await connection.until(lambda: connection.close_code is not None)
        assert connection.close_code == 1000
        assert len(connection.audio) == 50 * 320
        assert connection.texts == [b'{"type":"hang_up"}']


async def test_close_does_not_hang_when_the_engine_never_answers() -> None:
    def deaf(connection: ServerConnection) -> None:
        connection.answer_close = False

    async with engine_server(deaf) as server:
        client, recorder, _ = await connect(server, close_timeout_s=0.05)
        client.close()
        code, _, opened = await recorder.until_closed()
        assert (code, opened) == (1000, True)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4001])
async def test_close_code_and_reason_of_the_engine_are_passed_on(code: int) -> None:
    async with engine_server() as server:
        _, recorder, connection = await connect(server)
        assert connection.transport is not None
        # picows takes its enum only: codes it has no name for are written by hand.
        connection.transport.send(WSMsgType.CLOSE, code.to_bytes(2, "big") + b"done")
        assert await recorder.until_closed() == (code, "done", True)
        assert len(recorder.closes) == 1


async def test_close_without_a_code_is_1005() -> None:
    async with engine_server() as server:
        _, recorder, connection = await connect(server)
        assert connection.transport is not None
        connection.transport.send(WSMsgType.CLOSE, b"")
        code, _, opened = await recorder.until_closed()
        assert (code, opened) == (1005, True)


async def test_everything_sent_before_the_close_arrives_before_on_close() -> None:
    async with engine_server() as server:
        _, recorder, connection = await connect(server)
        assert connection.transport is not None
        for _ in range(100):
            connection.transport.send(WSMsgType.BINARY, bytes(640))
        connection.transport.send_close(WSCloseCode.OK)
        await recorder.until_closed()
        assert len(recorder.audio) == 64_000


async def test_lost_connection_is_1006() -> None:
    async with engine_server() as server:
        client, recorder, connection = await connect(server)
        assert connection.transport is not None
        connection.transport.disconnect(False)
        code, _, opened = await recorder.until_closed()
        assert (code, opened) == (1006, True)
        assert not client.is_open


async def test_refused_connection_is_told_once_and_without_the_url() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connecting is refused
        recorder = Recorder()
        client = EngineSocket(f"ws://127.0.0.1:{unused.getsockname()[1]}/calls/1?token=secret", recorder)
        client.start()
        code, reason, opened = await recorder.until_closed()
    assert (code, opened) == (1006, False)
    assert reason.startswith("connect failed")
    assert "secret" not in reason
    client.close()
    assert len(recorder.closes) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "ws:///x", "nonsense", "ws://127.0.0.1:99999/x"])
async def test_unusable_url_fails_like_any_other_connection(url: str) -> None:
    recorder = Recorder()
    EngineSocket(url, recorder).start()
    code, _, opened = await recorder.until_closed()
    assert (code, opened) == (1006, False)


async def test_refused_upgrade_names_the_http_status() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        recorder = Recorder()
        EngineSocket(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", recorder).start()
        assert await recorder.until_closed() == (1006, "connect failed: HTTP status 404", False)


async def test_connection_lost_before_the_upgrade_is_a_failed_connect() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        recorder = Recorder()
        EngineSocket(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", recorder).start()
        code, reason, opened = await recorder.until_closed()
        assert (code, opened) == (1006, False)
        assert "lost before the upgrade" in reason


async def test_silent_server_times_out() -> None:
    accepted = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        recorder = Recorder()
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        EngineSocket(url, recorder, connect_timeout_s=0.05).start()
        assert await recorder.until_closed() == (1006, "connect timed out", False)
        assert accepted.is_set()


async def test_close_while_connecting_ends_at_once() -> None:
    async with engine_server() as server:
        recorder = Recorder()
        client = EngineSocket(server.url, recorder)
        client.start()
        client.close()
        code, _, opened = await recorder.until_closed()
        assert (code, opened) == (1000, False)
        await asyncio.sleep(0)
        assert len(recorder.closes) == 1


async def test_close_before_start_is_reported_too() -> None:
    recorder = Recorder()
    EngineSocket("ws://127.0.0.1:1/", recorder).close()
    assert [(code, opened) for code, _, opened in recorder.closes] == [(1000, False)]


async def test_engine_that_answers_no_ping_is_lost() -> None:
    """A listener that takes the TCP connection and the upgrade and then says nothing at all."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(x for x in request.split(b"\r\n") if x.lower().startswith(b"sec-websocket-key:"))
        digest = hashlib.sha1(key.split(b":", 1)[1].strip() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest.digest()) + b"\r\n\r\n"
        )
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        recorder = Recorder()
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        EngineSocket(url, recorder, ping_idle_s=0.05, pong_timeout_s=0.05).start()
        code, _, opened = await recorder.until_closed()
        assert (code, opened) == (1006, True)


async def test_wss_is_served_over_tls_and_an_unknown_certificate_is_refused() -> None:
    certificate = Path(__file__).with_name("loopback.pem")  # self-signed, for 127.0.0.1, with its key
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)
    client_context = ssl.create_default_context(cafile=str(certificate))
    async with engine_server(tls=server_context) as server:
        client, recorder, connection = await connect(server, tls=client_context)
        client.send_audio(bytes(320))
        await connection.until(lambda: len(connection.audio) == 320)
        client.close()
        await recorder.until_closed()

        stranger = Recorder()
        EngineSocket(server.url, stranger).start()
        code, reason, opened = await stranger.until_closed()
        assert (code, opened) == (1006, False)
        assert "secret" not in reason
