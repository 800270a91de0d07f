"""One measurement of calls with audio: a fresh gateway, N calls to the echo number, figures of the steady
time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from bench.load_generator import Event, LoadResult
from bench.processes import GatewayProcess, GroupUsage

ECHO_NUMBER = "+15550199"
WARM_UP_CALLS = 2


class MediaRun(msgspec.Struct, frozen=True, kw_only=True):
    """What N simultaneous calls cost and got. Processor time is user and system, over the steady window."""

    calls: int
    media_workers: int | None = None  # as asked for; none: the gateway's default
    cpu_ms_per_call_second: float  # all gateway processes
    calls_per_core: int
    engine_cpu_ms_per_call_second: float
    memory_mb_per_call: float  # growth of the gateway's resident memory
    gateway_rss_mb: float
    gateway_processes: int
    other_cores: float  # processors kept busy by anything else meanwhile: figures count when this is near 0
    load: LoadResult


class LoadFailed(RuntimeError):
    """The load generator ended without a result."""


def measure_media(
    calls: int, seconds: float, *, workers: int | None = None, options: tuple[str, ...] = ()
) -> MediaRun:
    """Run it with so many media workers (0 = in the gateway's process, None = its default); bounded in time
    by the generator's own limits. Raises `StartError` and `LoadFailed`.
    """
    if workers is not None:
        options = (*options, "--media-workers", str(workers))
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        GatewayProcess(Path(directory), options=options) as gateway,
    ):
        # The first calls load what is loaded once; their memory and time are not the calls'.
        _generate(gateway, WARM_UP_CALLS, 0.5)
        idle = gateway.usage()
        try:
            before, after, load = _generate(gateway, calls, seconds)
        except LoadFailed as error:
            raise LoadFailed(f"{error}\n{gateway.log_tail()}") from error
    run = media_run(calls, idle, before, after, load)
    return msgspec.structs.replace(run, media_workers=workers)


def media_run(
    calls: int, idle: GroupUsage, before: GroupUsage, after: GroupUsage, load: LoadResult
) -> MediaRun:
    """The figures, from usage without calls and at both ends of the steady window."""
    call_seconds = max(1, load.calls_up) * load.window_s
    cost = (after.gateway.cpu_s - before.gateway.cpu_s) * 1000 / call_seconds
    engine_cost = (after.engine.cpu_s - before.engine.cpu_s) * 1000 / call_seconds
    generator_s = load.generator_cpu_ms_per_call_second * call_seconds / 1000
    ours = (after.gateway.cpu_s - before.gateway.cpu_s) + (after.engine.cpu_s - before.engine.cpu_s)
    others = after.machine_cpu_s - before.machine_cpu_s - ours - generator_s
    growth = (after.gateway.rss_bytes - idle.gateway.rss_bytes) / 1e6
    return MediaRun(
        calls=calls,
        cpu_ms_per_call_second=round(cost, 3),
        calls_per_core=int(1000 / cost) if cost > 0 else 0,
        engine_cpu_ms_per_call_second=round(engine_cost, 3),
        memory_mb_per_call=round(growth / max(1, load.calls_up), 3),
        gateway_rss_mb=round(after.gateway.rss_bytes / 1e6, 1),
        gateway_processes=after.gateway.processes,
        other_cores=round(max(0.0, others) / load.window_s, 2) if load.window_s else 0.0,
        load=load,
    )


def _generate(
    gateway: GatewayProcess, calls: int, seconds: float
) -> tuple[GroupUsage, GroupUsage, LoadResult]:
    """Run the generator; usage at the begin and the end of its steady window, and its result."""
    host, port = gateway.sip
    command = [
        *(
            sys.executable,
            "-m",
            "bench.load_generator",
            "--target",
            f"{host}:{port}",
            "--number",
            ECHO_NUMBER,
        ),
        *("--calls", str(calls), "--seconds", str(seconds)),
    ]
    before = after = None
    result: LoadResult | None = None
    with subprocess.Popen(command, stdout=subprocess.PIPE) as generator:
        assert generator.stdout is not None
        try:
            for line in generator.stdout:
                event = msgspec.json.decode(line, type=Event)
                if event.event == "steady":
                    before = gateway.usage()
                elif event.event == "end":
                    after = gateway.usage()
                elif event.result is not None:
                    result = event.result
        finally:
            if generator.poll() is None and result is None:
                generator.kill()
    if before is None or after is None or result is None:
        raise LoadFailed(f"the load generator ended with status {generator.returncode} and no result")
    return before, after, result
