"""One measurement of browsers' calls: a fresh gateway, N of them to an echo, processor time of the steady
window, and how much of it is the codec's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec

from bench.audio_formats import audio_format, cycle
from bench.browser_load import BrowserEvent, BrowserLoadResult
from bench.engine_process import API_KEY, EngineProcess
from bench.gateway_api import GatewayApi
from bench.media_run import LoadFailed
from bench.processes import GatewayProcess, GroupUsage, make_key
from media.codecs.opus import Opus, OpusPreferences

UsageReader = Callable[[], GroupUsage]

FRAMES_PER_SECOND = 50
CODEC_SECONDS = 20


class BrowserRun(msgspec.Struct, frozen=True, kw_only=True):
    """What N browsers at once cost. Processor time is user and system, over the steady window."""

    calls: int
    cpu_ms_per_call_second: float  # all gateway processes
    codec_cpu_ms_per_call_second: float  # of it: Opus, both ways, of the same audio by itself
    engine_cpu_ms_per_call_second: float
    engine: str
    gateway_processes: int
    other_cores: float  # processors kept busy by anything else meanwhile
    load: BrowserLoadResult


def measure_browsers(calls: int, seconds: float, *, native: bool = True) -> BrowserRun:
    """Raises `StartError`, `LoadFailed` and `NeedsCompiler`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as running:
        directory = Path(name)
        key = make_key(directory / "data")
        engine = running.enter_context(EngineProcess(directory, tls=False, native=native))
        environment = {
            "TRUNKLINE_ENGINE_BASE_URL": engine.url,
            "TRUNKLINE_ENGINE_API_KEY": API_KEY,
            "TRUNKLINE_BROWSER_MAX_CALLS": str(calls),
            "TRUNKLINE_MEDIA_BIND_HOST": "127.0.0.1",
            "TRUNKLINE_HTTP_RATE_LIMIT_PER_MINUTE": "0",
        }
        gateway = running.enter_context(GatewayProcess(directory, demo=False, environment=environment))
        api = GatewayApi(gateway.http, key)
        running.callback(api.close)
        agent_id = api.echo_agent()
        command = [
            *(sys.executable, "-m", "bench.browser_load", "--http", gateway.http.removeprefix("http://")),
            *("--key", key, "--agent", agent_id, "--calls", str(calls), "--seconds", str(seconds)),
        ]
        before, after, load = _generate(command, lambda: replace(gateway.usage(), engine=engine.usage()))
        light = engine.light
    return browser_run(calls, before, after, load, codec_cost(), engine="C" if light else "Python")


def _generate(command: list[str], usage: UsageReader) -> tuple[GroupUsage, GroupUsage, BrowserLoadResult]:
    before = after = None
    result: BrowserLoadResult | None = None
    with subprocess.Popen(command, stdout=subprocess.PIPE) as generator:
        assert generator.stdout is not None
        try:
            for line in generator.stdout:
                event = msgspec.json.decode(line, type=BrowserEvent)
                if event.event == "steady":
                    before = usage()
                elif event.event == "end":
                    after = usage()
                elif event.result is not None:
                    result = event.result
        finally:
            if generator.poll() is None and result is None:
                generator.kill()
    if before is None or after is None or result is None:
        raise LoadFailed(f"the browsers ended with status {generator.returncode} and no result")
    return before, after, result


def browser_run(
    calls: int,
    before: GroupUsage,
    after: GroupUsage,
    load: BrowserLoadResult,
    codec_ms: float,
    *,
    engine: str,
) -> BrowserRun:
    """The figures, from usage at both ends of the steady window."""
    call_seconds = max(1, load.calls_up) * load.window_s
    ours = after.gateway.cpu_s - before.gateway.cpu_s
    of_engine = after.engine.cpu_s - before.engine.cpu_s
    of_load = load.generator_cpu_ms_per_call_second * call_seconds / 1000
    others = after.machine_cpu_s - before.machine_cpu_s - ours - of_engine - of_load
    return BrowserRun(
        calls=calls,
        cpu_ms_per_call_second=round(ours * 1000 / call_seconds, 3),
        codec_cpu_ms_per_call_second=round(codec_ms, 3),
        engine_cpu_ms_per_call_second=round(of_engine * 1000 / call_seconds, 3),
        engine=engine,
        gateway_processes=after.gateway.processes,
        other_cores=round(max(0.0, others) / load.window_s, 2),
        load=load,
    )


def codec_cost() -> float:
    """Milliseconds of processor time that Opus takes for a second of the same audio, both ways."""
    codec = Opus(OpusPreferences(fec=True))
    payloads = cycle(audio_format("OPUS"))
    frames = FRAMES_PER_SECOND * CODEC_SECONDS
    begun = time.process_time()
    for number in range(frames):
        codec.encode(codec.decode(payloads[number % len(payloads)]))
    return (time.process_time() - begun) * 1000 / CODEC_SECONDS
