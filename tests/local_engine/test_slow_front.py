import asyncio
import time

from local_engine.slow_front import SlowFront


async def test_the_first_bytes_pass_after_the_delay_and_then_both_ways() -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()

    backend = await asyncio.start_server(upper, "127.0.0.1", 0)
    asked: list[str] = []

    def delay(call_id: str) -> float:
        asked.append(call_id)
        return 0.15

    front = SlowFront("127.0.0.1", backend.sockets[0].getsockname()[1], delay)
    port = await front.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begin = time.monotonic()
    head = b"GET /calls/abc-1/server_web_socket HTTP/1.1\r\n\r\n"
    writer.write(head)
    assert await reader.readexactly(len(head)) == head.upper()
    assert time.monotonic() - begin >= 0.15
    writer.write(b"more")
    assert await reader.readexactly(4) == b"MORE"
    assert asked == ["abc-1"]
    writer.close()
    await front.close()
    backend.close()


async def test_it_closes_the_door_when_nobody_is_behind_it() -> None:
    free = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = free.sockets[0].getsockname()[1]
    free.close()
    await free.wait_closed()
    front = SlowFront("127.0.0.1", port, lambda call_id: 0.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", await front.start())
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    await front.close()
