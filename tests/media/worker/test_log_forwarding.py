"""What a worker logs reaches the sink with its level and its fields, whichever library and thread said it."""

import asyncio
import logging
import threading
from typing import Any

import structlog

from media.worker.log_forwarding import forward_logs

Line = tuple[str, str, dict[str, Any]]


async def test_a_line_keeps_its_event_level_and_fields() -> None:
    lines: list[Line] = []
    forward_logs(lambda *line: lines.append(line), logging.INFO)
    structlog.get_logger("x").warning("rtp_port_not_bound", port=4, where=("a", 1), share=0.5, big=2**80)
    fields = {"port": 4, "where": "('a', 1)", "share": 0.5, "big": str(2**80)}
    assert lines == [("warning", "rtp_port_not_bound", fields)]


async def test_lines_below_the_level_are_not_sent() -> None:
    lines: list[Line] = []
    forward_logs(lambda *line: lines.append(line), logging.WARNING)
    structlog.get_logger("x").info("chatter")
    logging.getLogger("engine").info("chatter")
    assert lines == []


async def test_an_exception_comes_with_its_traceback() -> None:
    lines: list[Line] = []
    forward_logs(lambda *line: lines.append(line), logging.INFO)
    for logger in (structlog.get_logger("x"), logging.getLogger("x")):
        try:
            raise RuntimeError("out of luck")
        except RuntimeError:
            logger.exception("leg_failed")
    assert [(level, event) for level, event, _ in lines] == [("error", "leg_failed")] * 2
    assert all("out of luck" in fields["exception"] for _, _, fields in lines)


async def test_another_thread_s_line_is_delivered_on_the_event_loop() -> None:
    heard: asyncio.Future[tuple[Line, int]] = asyncio.get_running_loop().create_future()
    forward_logs(lambda *line: heard.set_result((line, threading.get_ident())), logging.INFO)
    thread = threading.Thread(target=lambda: structlog.get_logger("x").error("file_job_failed", n=1))
    thread.start()
    thread.join()
    line, where = await asyncio.wait_for(heard, 5)
    assert line == ("error", "file_job_failed", {"n": 1})
    assert where == threading.get_ident()
