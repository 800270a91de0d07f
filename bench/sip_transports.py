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
import socket
import ssl
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import uvloop

from bench.measured_process import MeasuredProcess, cpu_seconds, say, tell_when_asked
from bench.short_calls import LONGEST_WAIT, place_calls
from bench.sip_throughput import HOST, SDP
from sip.tls_settings import TlsClientSettings, TlsServerSettings
from sip.user_agent import (
    CallListener,
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


def _agent(transport: str, tls: TlsServerSettings | None, called: _Called) -> UserAgent:
    return UserAgent(
        UserAgentConfig(listen=(Listen(transport, HOST, 0),), tls=tls),
        on_invite=called.take,
        on_options=lambda: OptionsReply(200),
    )


async def _serve(transport: str, directory: Path) -> None:
    """The called process."""
    tls = TlsServerSettings(directory / "server.pem", directory / "server.key")
    agent = _agent(transport, tls if transport == "tls" else None, _Called())
    await agent.start()
    process = psutil.Process()

    def figures() -> dict[str, object]:
        statistics = agent.statistics
        return {
            "cpu_s": cpu_seconds(),
            "rss": process.memory_info().rss,
            "connections": statistics.connections,
            "calls": statistics.calls,
            "dialogs": statistics.dialogs,
            "faults": statistics.faults,
        }

    say(port=agent.addresses[0].port)
    await tell_when_asked(figures)
    await agent.close()


def _start(transport: str, directory: Path) -> MeasuredProcess:
    return MeasuredProcess("bench.sip_transports", "--serve", transport, str(directory))


async def _measure(transport: str, calls: int, rate: float, directory: Path, ca: str) -> dict[str, Any]:
    subject = await asyncio.to_thread(_start, transport, directory)
    tls = TlsServerSettings(directory / "server.pem", directory / "server.key")
    agent = _agent(transport, tls if transport == "tls" else None, _Called())
    await agent.start()
    try:
        uri = f"sip:100@{HOST}:{subject.first['port']};transport={transport}"
        trust = TlsClientSettings(ca=ca, server_name=NAME) if transport == "tls" else None
        target = OutboundTarget(
            uri, HOST, subject.first["port"], transport, f"sip:200@{HOST}", None, uri, offer=SDP, tls=trust
        )
        await place_calls(agent, target, 20, rate)  # connections stand, code is warm
        before = await asyncio.to_thread(subject.look)
        placed = await place_calls(agent, target, calls, rate)
        after = await asyncio.to_thread(subject.look)
    finally:
        await agent.close()
        await asyncio.to_thread(subject.end)
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


def _share(values: list[float], share: float) -> float | None:
    return round(values[min(len(values) - 1, int(len(values) * share))] * 1000, 2) if values else None


async def _idle_connections(number: int, directory: Path, ca: str) -> dict[str, Any]:
    """What each of `number` idle TLS connections holds in the called process."""
    subject = await asyncio.to_thread(_start, "tls", directory)
    context = ssl.create_default_context(cadata=ca)
    writers: list[asyncio.StreamWriter] = []
    try:
        await _open(writers, 20, subject.first["port"], context)
        before = await _look_at(subject, len(writers))
        await _open(writers, number, subject.first["port"], context)
        after = await _look_at(subject, len(writers))
    finally:
        for writer in writers:
            writer.transport.abort()
        await asyncio.to_thread(subject.end)
    opened = after["connections"] - before["connections"]
    return {
        "idle_tls_connections": opened,
        "kib_per_connection": round((after["rss"] - before["rss"]) / max(1, opened) / 1024, 1),
        "handshake_cpu_ms": round((after["cpu_s"] - before["cpu_s"]) / max(1, opened) * 1000, 2),
    }


async def _look_at(subject: MeasuredProcess, connections: int) -> dict[str, Any]:
    """What it took once it has noticed all connections, which stand on our side a moment earlier."""
    async with asyncio.timeout(LONGEST_WAIT):
        while True:
            told = await asyncio.to_thread(subject.look)
            if told["connections"] >= connections:
                return told
            await asyncio.sleep(0.01)


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
