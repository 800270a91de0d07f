"""`python -m bench.sip_transports`: what a call costs the SIP user agent over UDP, TCP and TLS, how long it
takes to set up, and what an idle TLS connection holds.

A bare user agent runs in a process of its own and answers at once; another of ours, in this process, calls
it (INVITE, 180, 200, ACK, BYE, 200), over one connection where there are connections. Counted is user plus
system time of the called process. Setup is from handing the INVITE over to the 200, both processes included.
Prints one JSON object; the exit status is 1 when a call failed or anything was left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import ssl
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import uvloop

from bench.sip_throughput import HOST, LONGEST_WAIT, SDP
from sip.tls_settings import TlsClientSettings, TlsServerSettings
from sip.user_agent import (
    Call,
    CallListener,
    EndedBy,
    IncomingCall,
    Listen,
    OptionsReply,
    OutboundTarget,
    UserAgent,
    UserAgentConfig,
)
from tests.support.certificates import Authority

NAME = "localhost"


class _Called(CallListener):
    """Rings and answers at once."""

    def take(self, call: IncomingCall) -> None:
        call.listener = self
        call.ring()
        call.answer(SDP)


@dataclass
class _Caller(CallListener):
    """One call: when it was answered, and when it is over."""

    begun: float
    over: asyncio.Event = field(default_factory=asyncio.Event)
    setup_s: float | None = None

    def on_answer(self, call: Call, response: object) -> None:
        self.setup_s = time.perf_counter() - self.begun
        call.hang_up()

    def on_failure(self, call: Call, status: int, reason: str, response: object) -> None:
        self.over.set()

    def on_terminated(self, call: Call, by: EndedBy, request: object) -> None:
        self.over.set()


def _agent(transport: str, tls: TlsServerSettings | None, called: _Called) -> UserAgent:
    return UserAgent(
        UserAgentConfig(listen=(Listen(transport, HOST, 0),), tls=tls),
        on_invite=called.take,
        on_options=lambda: OptionsReply(200),
    )


async def _serve(transport: str, directory: Path) -> None:
    """The called process: says where it listens, and for each line on its input what it has taken so far."""
    tls = TlsServerSettings(directory / "server.pem", directory / "server.key")
    agent = _agent(transport, tls if transport == "tls" else None, _Called())
    await agent.start()
    process = psutil.Process()
    _say(port=agent.addresses[0].port)
    while await asyncio.to_thread(sys.stdin.readline):
        times = os.times()
        statistics = agent.statistics
        _say(
            cpu_s=times.user + times.system,
            rss=process.memory_info().rss,
            connections=statistics.connections,
            calls=statistics.calls,
            dialogs=statistics.dialogs,
            faults=statistics.faults,
        )
    await agent.close()


def _say(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


class _Subject:
    """The called process, from outside."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @classmethod
    async def start(cls, transport: str, directory: Path) -> _Subject:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.sip_transports", "--serve", transport, str(directory)),
            cwd=Path(__file__).parent.parent,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(await process.stdout.readline())
        return cls(process, told["port"])

    async def look(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()
        told: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return told

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def _measure(transport: str, calls: int, rate: float, directory: Path, ca: str) -> dict[str, Any]:
    subject = await _Subject.start(transport, directory)
    tls = TlsServerSettings(directory / "server.pem", directory / "server.key")
    agent = _agent(transport, tls if transport == "tls" else None, _Called())
    await agent.start()
    try:
        uri = f"sip:100@{HOST}:{subject.port};transport={transport}"
        trust = TlsClientSettings(ca=ca, server_name=NAME) if transport == "tls" else None
        target = OutboundTarget(
            uri, HOST, subject.port, transport, f"sip:200@{HOST}", None, uri, offer=SDP, tls=trust
        )
        await _place(agent, target, 20, rate)  # connections stand, code is warm
        before = await subject.look()
        placed = await _place(agent, target, calls, rate)
        after = await subject.look()
    finally:
        await agent.close()
        await subject.end()
    setups = sorted(call.setup_s for call in placed if call.setup_s is not None)
    cpu = after["cpu_s"] - before["cpu_s"]
    return {
        "transport": transport,
        "calls": calls,
        "calls_per_second": rate,
        "failed": calls - len(setups),
        "left": after["calls"] + after["dialogs"] + after["faults"],
        "cpu_ms_per_call": round(cpu / calls * 1000, 3),
        "calls_per_cpu_second": round(calls / cpu) if cpu else 0,
        "setup_ms_p50": _share(setups, 0.5),
        "setup_ms_p99": _share(setups, 0.99),
    }


async def _place(agent: UserAgent, target: OutboundTarget, calls: int, rate: float) -> list[_Caller]:
    start = time.perf_counter()
    placed: list[_Caller] = []
    for number in range(calls):
        call = _Caller(time.perf_counter())
        placed.append(call)
        agent.call(target, call)
        await asyncio.sleep(max(0.0, start + (number + 1) / rate - time.perf_counter()))
    async with asyncio.timeout(LONGEST_WAIT):
        for call in placed:
            await call.over.wait()
    return placed


def _share(values: list[float], share: float) -> float | None:
    return round(values[min(len(values) - 1, int(len(values) * share))] * 1000, 2) if values else None


async def _idle_connections(number: int, directory: Path, ca: str) -> dict[str, Any]:
    """What each of `number` idle TLS connections holds in the called process."""
    subject = await _Subject.start("tls", directory)
    context = ssl.create_default_context(cadata=ca)
    writers: list[asyncio.StreamWriter] = []
    try:
        await _open(writers, 20, subject.port, context)
        before = await subject.look()
        await _open(writers, number, subject.port, context)
        after = await subject.look()
    finally:
        for writer in writers:
            writer.transport.abort()
        await subject.end()
    opened = after["connections"] - before["connections"]
    return {
        "idle_tls_connections": opened,
        "kib_per_connection": round((after["rss"] - before["rss"]) / max(1, opened) / 1024, 1),
        "handshake_cpu_ms": round((after["cpu_s"] - before["cpu_s"]) / max(1, opened) * 1000, 2),
    }


async def _open(writers: list[asyncio.StreamWriter], number: int, port: int, context: ssl.SSLContext) -> None:
    for _ in range(number):
        _, writer = await asyncio.open_connection(
            HOST, port, ssl=context, server_hostname=NAME, family=socket.AF_INET
        )
        writers.append(writer)


async def _run(transports: list[str], calls: int, rate: float, idle: int) -> dict[str, Any]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority()
        authority.sign(NAME).write(directory)
        measured = [await _measure(name, calls, rate, directory, authority.pem) for name in transports]
        connections = await _idle_connections(idle, directory, authority.pem)
    return {"transports": measured, "connections": connections}


def main() -> int:
    """Measure, or with `--serve` be what is measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.sip_transports", description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=200.0, help="calls begun per second")
    parser.add_argument("--idle", type=int, default=500, help="idle TLS connections")
    parser.add_argument("--transports", default="udp,tcp,tls")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        uvloop.run(_serve(options.serve[0], Path(options.serve[1])))
        return 0
    result = uvloop.run(_run(options.transports.split(","), options.calls, options.rate, options.idle))
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return int(any(one["failed"] or one["left"] for one in result["transports"]))


if __name__ == "__main__":
    sys.exit(main())
