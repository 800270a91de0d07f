"""Worker processes: nothing inherited that should not be, nothing left behind, whatever ends them."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from media.config import MediaConfig
from media.plane import MediaStartError
from media.worker.client import WorkerPlane
from media.worker.process import WorkerProcess
from media.worker.protocol import WorkerSettings

ROOT = Path(__file__).parents[3]
SETTINGS = WorkerSettings(
    media=MediaConfig(port_low=28_000, port_high=28_099), heartbeat_s=0.05, log_level=40
)

# A gateway that starts two workers, tells their ids, and does nothing more.
GATEWAY = """
import asyncio
from media.config import MediaConfig
from media.worker.supervisor import WorkerPool

async def main():
    pool = WorkerPool(MediaConfig(port_low=28_100, port_high=28_199), 2)
    await pool.start()
    print("ready", *(worker.pid for worker in pool.workers), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_worker_ignores_the_signals_of_its_group_and_stops_when_told() -> None:
    process = await WorkerProcess.start()
    plane = WorkerPlane(process.stream, SETTINGS)
    await plane.start()
    assert plane.pid == process.pid
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process.pid, number)
    heard = plane.heartbeat
    async with asyncio.timeout(5):
        while plane.heartbeat is heard or plane.heartbeat is None:
            await asyncio.sleep(0.01)
    assert os.getsid(process.pid) == process.pid, "a Ctrl-C at the terminal does not reach it"
    await plane.close()
    assert await process.wait(5) == 0
    assert not process.running


async def test_a_worker_inherits_its_link_and_nothing_else_of_ours() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        os.set_inheritable(listening.fileno(), True)
        process = await WorkerProcess.start()
        try:
            await asyncio.sleep(0)
            assert not psutil.Process(process.pid).net_connections("tcp")
        finally:
            assert await process.kill() == -signal.SIGKILL


async def test_a_worker_that_is_never_greeted_ends_when_its_link_does() -> None:
    process = await WorkerProcess.start()
    process.stream.close()
    assert await process.wait(20) == 4


async def test_a_stalled_worker_prints_where_it_stands(capfd: pytest.CaptureFixture[str]) -> None:
    process = await WorkerProcess.start()
    plane = WorkerPlane(process.stream, SETTINGS)
    await plane.start()
    assert await process.kill(with_stack=True) == -signal.SIGKILL
    plane.give_up("killed")
    assert "most recent call first" in capfd.readouterr().err


async def test_a_program_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(MediaStartError, match="no media worker can be started"):
        await WorkerProcess.start()


@pytest.mark.parametrize("stopped", [False, True])
def test_workers_end_with_their_gateway_even_when_they_hang(stopped: bool) -> None:
    command = [sys.executable, "-c", GATEWAY]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        line = ""
        while not line.startswith("ready"):
            line = gateway.stdout.readline()
            assert line, "the gateway ended"
        workers = [psutil.Process(int(pid)) for pid in line.split()[1:]]
        assert len(workers) == 2
        if stopped:
            workers[0].suspend()
        gateway.kill()
        gateway.wait(5)
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive


def test_a_worker_whose_gateway_is_gone_already_does_not_start() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-m", "media.worker", "--link", str(theirs.fileno()), "--parent", "1"]
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, pass_fds=(theirs.fileno(),), timeout=20, check=False)
    assert done.returncode == 5
    assert time.monotonic() - began < 20
