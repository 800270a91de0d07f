"""One measurement of calls with audio: a fresh gateway, N calls to the echo number, figures of the steady
time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec

from bench.analysis import Spread, one_way_ms, spread
from bench.echo_engine import HeardMark
from bench.engine_process import API_KEY, EngineProcess
from bench.gateway_api import NUMBER, GatewayApi
from bench.load_generator import Event, LoadResult
from bench.memory_watch import MemoryCourse, MemoryWatch
from bench.native import compile_rtp_load
from bench.processes import GatewayProcess, GroupUsage, make_key
from bench.variants import PLAIN, Variant

ECHO_NUMBER = "+15550199"  # of the demonstration
WARM_UP_CALLS = 2
KNEE_MS = 20.0


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
    variant: str = "plain"
    generator: str = "Python"  # which of the two was used, Python or C
    engine: str = "Python"
    one_way_ms: Spread | None = None  # caller to engine, without the 20 ms that a packet takes to fill
    memory: MemoryCourse | None = None  # over the steady window, of runs that watch it
    other_cores: float  # processors kept busy by anything else meanwhile: figures count when this is near 0
    load: LoadResult


class LoadFailed(RuntimeError):
    """The load generator ended without a result."""


def measure_media(
    calls: int,
    seconds: float,
    *,
    workers: int | None = None,
    variant: Variant = PLAIN,
    native: bool = True,
    watch_memory: bool = False,
) -> MediaRun:
    """Run it with so many media workers (0 = in the gateway's process, None = its default); bounded in time
    by the generator's own limits. `native`: with generator and engine in C where they can be compiled.

    Raises `StartError`, `LoadFailed` and `NeedsCompiler`.
    """
    workers = variant.workers if workers is None else workers
    options = () if workers is None else ("--media-workers", str(workers))
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as running:
        directory = Path(name)
        data = directory / "data"
        key = make_key(data)
        engine = running.enter_context(EngineProcess(directory, tls=variant.tls, native=native))
        environment = {
            "TRUNKLINE_ENGINE_BASE_URL": engine.url,
            "TRUNKLINE_ENGINE_API_KEY": API_KEY,
            "TRUNKLINE_CALLS_MAX_INBOUND": str(calls + WARM_UP_CALLS),
            "TRUNKLINE_RECORDINGS_FORMAT": "wav",  # encoding comes after the call, and is not measured here
        }
        if engine.certificate is not None:
            environment["SSL_CERT_FILE"] = str(engine.certificate)
        gateway = running.enter_context(
            GatewayProcess(directory, options=options, demo=False, environment=environment)
        )
        api = GatewayApi(gateway.http, key)
        running.callback(api.close)
        api.prepare(codec=variant.codec, srtp=variant.srtp, recording=variant.recording)
        load = _Load(directory, gateway, engine, variant, native=native, watch_memory=watch_memory)
        # The first calls load what is loaded once; their memory and time are not the calls'.
        load.generate(WARM_UP_CALLS, 0.5)
        idle = load.usage()
        try:
            before, after, result = load.generate(calls, seconds)
        except LoadFailed as error:
            raise LoadFailed(f"{error}\n{gateway.log_tail()}") from error
        callers = api.callers() if engine.light else {}
        engine.stop()
        delay = spread(one_way_ms(load.marks_sent(), _by_caller(engine.heard_marks(), callers)))
    run = media_run(calls, idle, before, after, result)
    return msgspec.structs.replace(
        run,
        media_workers=workers,
        variant=variant.name,
        generator="C" if load.library is not None else "Python",
        engine="C" if engine.light else "Python",
        one_way_ms=delay,
        memory=load.memory,
    )


def suffers(run: MediaRun) -> bool:
    """Whether a call was refused, a packet lost, or a hundredth of the packets off by more than 20 ms."""
    audio = run.load.audio
    if audio is None or run.load.calls_up < run.calls or audio.packets_lost:
        return True
    spacing = audio.spacing_deviation_ms
    return spacing is None or spacing.p99 > KNEE_MS


def _by_caller(marks: list[HeardMark], callers: dict[str, str]) -> dict[str, list[tuple[int, int]]]:
    """By the caller's number, which marks the engine heard and when."""
    found: dict[str, list[tuple[int, int]]] = {}
    for mark in marks:
        if mark.call_id in callers:
            found.setdefault(callers[mark.call_id], []).append((mark.number, mark.heard_ns))
    return found


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


class _Load:
    """Runs the generator against a gateway."""

    def __init__(
        self,
        directory: Path,
        gateway: GatewayProcess,
        engine: EngineProcess,
        variant: Variant,
        *,
        native: bool,
        watch_memory: bool,
    ) -> None:
        self._watch_memory = watch_memory
        self.memory: MemoryCourse | None = None
        self._gateway = gateway
        self._engine = engine
        self._marks = directory / "marks-sent.json"
        self.library = compile_rtp_load(directory) if native else None
        host, port = gateway.sip
        self._command = [
            *(sys.executable, "-m", "bench.load_generator", "--target", f"{host}:{port}"),
            *("--number", NUMBER, "--codec", variant.codec, "--marks", str(self._marks)),
            *(("--srtp",) if variant.srtp else ()),
            *(("--native", str(self.library)) if self.library is not None else ()),
        ]

    def usage(self) -> GroupUsage:
        return replace(self._gateway.usage(), engine=self._engine.usage())

    def marks_sent(self) -> dict[str, list[int]]:
        """Of the last run."""
        return msgspec.json.decode(self._marks.read_bytes(), type=dict[str, list[int]])

    def generate(self, calls: int, seconds: float) -> tuple[GroupUsage, GroupUsage, LoadResult]:
        """Usage at the begin and the end of the steady window, and what the generator found."""
        command = [*self._command, "--calls", str(calls), "--seconds", str(seconds)]
        before = after = None
        result: LoadResult | None = None
        watch = MemoryWatch(lambda: self._gateway.usage().gateway.rss_bytes)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as generator:
            assert generator.stdout is not None
            try:
                for line in generator.stdout:
                    event = msgspec.json.decode(line, type=Event)
                    if event.event == "steady":
                        before = self.usage()
                        if self._watch_memory:
                            watch.start()
                    elif event.event == "end":
                        after = self.usage()
                        self.memory = watch.stop()
                    elif event.result is not None:
                        result = event.result
            finally:
                if generator.poll() is None and result is None:
                    generator.kill()
        if before is None or after is None or result is None:
            raise LoadFailed(f"the load generator ended with status {generator.returncode} and no result")
        return before, after, result
