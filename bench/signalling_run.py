"""Short calls without audio, placed by the real SIPp: what signalling, routing, engine call and store cost
together.
"""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np

from bench.analysis import Spread, spread
from bench.media_run import ECHO_NUMBER
from bench.processes import GatewayProcess, GroupUsage

SCENARIO = Path(__file__).with_name("short_call.xml")
MAX_AT_ONCE = 200
# After the last BYE: engine sockets close, records are written.
SETTLE_S = 1.5
WARM_UP_CALLS = 20


class SippMissing(RuntimeError):
    """The program `sipp` is not installed."""


class SippResult(msgspec.Struct, frozen=True, kw_only=True):
    """What SIPp counted."""

    successful: int
    failed: int
    retransmissions: int
    seconds: float
    setup_ms: list[float]  # INVITE to 200


class SignallingRun(msgspec.Struct, frozen=True, kw_only=True):
    """INVITE, 180, 200, ACK, BYE through the whole gateway, the engine's call included."""

    calls: int
    failed: int
    retransmissions: int
    rate: float  # calls begun per second, as asked
    cpu_ms_per_call: float  # all gateway processes
    calls_per_cpu_second: int
    engine_cpu_ms_per_call: float
    setup_ms: Spread | None
    trace: bool = True  # SIP messages were kept in memory


def measure_signalling(
    calls: int, rate: float, *, options: tuple[str, ...] = (), trace: bool = True
) -> SignallingRun:
    """Run it, with the usual memory for SIP messages or with none. Raises `SippMissing` and `StartError`."""
    if shutil.which("sipp") is None:
        raise SippMissing("sipp is not installed: run tests/install_system_packages.sh")
    environment = {} if trace else {"TRUNKLINE_TRACE_MEMORY_BYTES": "0"}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        GatewayProcess(Path(directory), options=options, environment=environment) as gateway,
    ):
        run_sipp(gateway.sip, WARM_UP_CALLS, rate, Path(directory))
        time.sleep(SETTLE_S)
        before = gateway.usage()
        result = run_sipp(gateway.sip, calls, rate, Path(directory))
        time.sleep(SETTLE_S)
        after = gateway.usage()
    return signalling_run(rate, before, after, result, trace=trace)


def signalling_run(
    rate: float, before: GroupUsage, after: GroupUsage, result: SippResult, *, trace: bool = True
) -> SignallingRun:
    """The figures, from usage before and after all calls."""
    done = max(1, result.successful)
    cost = (after.gateway.cpu_s - before.gateway.cpu_s) * 1000 / done
    return SignallingRun(
        calls=result.successful,
        failed=result.failed,
        retransmissions=result.retransmissions,
        rate=rate,
        cpu_ms_per_call=round(cost, 3),
        calls_per_cpu_second=int(1000 / cost) if cost > 0 else 0,
        engine_cpu_ms_per_call=round((after.engine.cpu_s - before.engine.cpu_s) * 1000 / done, 3),
        setup_ms=spread(np.array(result.setup_ms)),
        trace=trace,
    )


def run_sipp(target: tuple[str, int], calls: int, rate: float, directory: Path) -> SippResult:
    """Place the calls and wait for them, for at most twice the time they should take."""
    for old in directory.glob("short_call_*.csv"):
        old.unlink()
    limit = 2 * calls / rate + 30
    command = [
        *("sipp", f"{target[0]}:{target[1]}", "-sf", str(SCENARIO), "-s", ECHO_NUMBER),
        *("-i", "127.0.0.1", "-p", str(_free_port()), "-mi", "127.0.0.1", "-mp", str(_free_port())),
        *("-m", str(calls), "-r", str(int(rate)), "-l", str(MAX_AT_ONCE), "-nostdin"),
        *("-trace_stat", "-stf", str(directory / "short_call_stat.csv"), "-fd", "600"),
        *("-trace_rtt", "-rtt_freq", "1", "-timeout", str(int(limit)), "-timeout_error"),
    ]
    started = time.monotonic()
    completed = subprocess.run(
        command,
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=limit + 30,
        check=False,
    )
    seconds = time.monotonic() - started
    if not (directory / "short_call_stat.csv").exists():
        raise RuntimeError(
            f"sipp ended with status {completed.returncode}: {completed.stderr.decode()[-500:]}"
        )
    return read_sipp(directory, seconds)


def read_sipp(directory: Path, seconds: float) -> SippResult:
    """What the files of a run say: the last line of the statistics, and one line a call of the response
    times.
    """
    with (directory / "short_call_stat.csv").open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    times = []
    for path in sorted(directory.glob("*_rtt.csv")):
        with path.open(newline="") as file:
            rows = list(csv.reader(file, delimiter=";"))
        times += [float(row[1]) for row in rows[1:] if len(row) > 1]
        path.unlink()
    return SippResult(
        successful=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        seconds=seconds,
        setup_ms=times,
    )


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port & ~1
