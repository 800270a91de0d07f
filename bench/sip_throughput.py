"""`python -m bench.sip_throughput`: calls per CPU-second of the SIP user agent alone, without media or
gateway.

A bare user agent runs in a process of its own and real `sipp` calls it (INVITE, 180, 200, ACK, BYE, 200),
or is called by it. Counted is user plus system time of that process from the first to the last call;
starting it is not. Prints one JSON object; the exit status is 1 when a call failed or anything was left
behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

import uvloop

from bench.measured_process import MeasuredProcess, cpu_seconds, say, tell_when_asked
from bench.short_calls import LONGEST_WAIT
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

HOST = "127.0.0.1"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 101\r\n"
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
)
SIPP_COUNT = re.compile(r"(Successful|Failed) call\s*\|\s*\d+\s*\|\s*(\d+)")


class _Subject(CallListener):
    """The measured user agent's owner: answers everything, counts, and in the caller's role hangs up."""

    def __init__(self, calls: int, hold: float) -> None:
        self.ended = 0
        self.failed = 0
        self.all_over = asyncio.Event()
        self._expected = calls
        self._hold = hold
        self._loop = asyncio.get_running_loop()

    def take(self, call: IncomingCall) -> None:
        call.listener = self
        call.ring()
        call.answer(SDP)

    def on_answer(self, call: Call, response: object) -> None:
        self._loop.call_later(self._hold, call.hang_up)

    def on_failure(self, call: Call, status: int, reason: str, response: object) -> None:
        self.failed += 1
        self._check_all_over()

    def on_terminated(self, call: Call, by: EndedBy, request: object) -> None:
        self.ended += 1
        self._check_all_over()

    def _check_all_over(self) -> None:
        if self.ended + self.failed >= self._expected:
            self.all_over.set()


async def _serve(calls: int, rate: float, hold: float, target: int | None) -> None:
    """The measured process: places its calls, if any, before it tells what it took."""
    subject = _Subject(calls, hold)
    agent = UserAgent(
        UserAgentConfig(listen=(Listen("udp", HOST, 0),)),
        on_invite=subject.take,
        on_options=lambda: OptionsReply(200),
    )
    await agent.start()
    say(port=agent.addresses[0].port)
    began = cpu_seconds()
    if target is not None:
        await _place_calls(agent, subject, calls, rate, target)

    def figures() -> dict[str, object]:
        statistics = agent.statistics
        return {
            "cpu_seconds": round(cpu_seconds() - began, 3),
            "ended": subject.ended,
            "failed": subject.failed,
            "open_calls": statistics.calls,
            "open_dialogs": statistics.dialogs,
            "retransmissions": statistics.retransmissions,
            "faults": statistics.faults,
        }

    await tell_when_asked(figures)
    await agent.close()


async def _place_calls(agent: UserAgent, subject: _Subject, calls: int, rate: float, port: int) -> None:
    uri = f"sip:100@{HOST}:{port}"
    target = OutboundTarget(uri, HOST, port, "udp", f"sip:200@{HOST}", None, uri, offer=SDP)
    start = time.monotonic()
    for number in range(calls):
        agent.call(target, subject)
        if number % 10 == 9:
            await asyncio.sleep(max(0.0, start + (number + 1) / rate - time.monotonic()))
    await asyncio.wait_for(subject.all_over.wait(), LONGEST_WAIT)


def measure(direction: str, calls: int, rate: float, hold_ms: int) -> dict[str, Any]:
    """Run one direction ("uas" or "uac", seen from us) and return its figures."""
    with tempfile.TemporaryDirectory() as directory:
        if direction == "uas":
            with _start_subject(calls, rate, hold_ms, None) as subject:
                port = subject.first["port"]
                sipp = _start_sipp(
                    directory,
                    ["-sn", "uac", f"{HOST}:{port}", "-m", str(calls), "-r", f"{rate:g}", "-d", str(hold_ms)],
                )
                successful, failed = _finish_sipp(sipp, calls / rate + 60)
                result = subject.look()
        else:
            port = _free_port()
            sipp = _start_sipp(directory, ["-sn", "uas", "-p", str(port)])
            try:
                _wait_for_port(port)
                with _start_subject(calls, rate, hold_ms, port) as subject:
                    result = subject.look()
            finally:
                sipp.terminate()
                sipp.communicate()
            successful, failed = result["ended"], result["failed"]
    cpu = result["cpu_seconds"]
    return {
        "direction": direction,
        "calls": calls,
        "calls_per_second": rate,
        "hold_ms": hold_ms,
        "successful": successful,
        "failed": failed + max(0, calls - successful - failed),
        "cpu_ms_per_call": round(cpu / calls * 1000, 3),
        "calls_per_cpu_second": round(calls / cpu) if cpu else 0,
        **result,
    }


def _start_subject(calls: int, rate: float, hold_ms: int, target: int | None) -> MeasuredProcess:
    arguments = ["--serve", "--calls", str(calls), "--rate", f"{rate}", "--hold-ms", str(hold_ms)]
    if target is not None:
        arguments += ["--target", str(target)]
    return MeasuredProcess("bench.sip_throughput", *arguments)


def _start_sipp(directory: str, arguments: list[str]) -> subprocess.Popen[str]:
    command = ["sipp", "-i", HOST, "-nostdin", "-cp", str(_free_port()), *arguments]
    return subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish_sipp(sipp: subprocess.Popen[str], seconds: float) -> tuple[int, int]:
    try:
        output, _ = sipp.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        sipp.kill()
        output, _ = sipp.communicate()
    counts = {name: int(count) for name, count in SIPP_COUNT.findall(output)}
    return counts.get("Successful", 0), counts.get("Failed", 0)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int) -> None:
    """Until somebody holds the UDP port."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return
        time.sleep(0.02)
    raise SystemExit("sipp did not start")


def main() -> int:
    """Measure, or with `--serve` be what is measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.sip_throughput", description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=600.0, help="calls begun per second")
    parser.add_argument("--hold-ms", type=int, default=50)
    parser.add_argument("--direction", choices=("uas", "uac", "both"), default="both")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--target", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(_serve(options.calls, options.rate, options.hold_ms / 1000, options.target))
        return 0
    if shutil.which("sipp") is None:
        sys.stderr.write("sipp is not installed: run tests/install_system_packages.sh\n")
        return 1
    directions = ("uas", "uac") if options.direction == "both" else (options.direction,)
    results = [measure(direction, options.calls, options.rate, options.hold_ms) for direction in directions]
    sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return int(any(result["failed"] or result["open_calls"] or result["open_dialogs"] for result in results))


if __name__ == "__main__":
    sys.exit(main())
