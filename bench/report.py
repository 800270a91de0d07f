"""The outcome of a benchmark: as JSON for machines, as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec

from bench.analysis import Spread
from bench.browser_run import BrowserRun
from bench.call_setup import SetupRun
from bench.conditions import Conditions
from bench.media_run import MediaRun
from bench.signalling_run import SignallingRun

Run = TypeVar("Run")
Row = tuple[str, Callable[[Run], str]]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything measured at one time."""

    date: str  # ISO 8601, UTC
    conditions: Conditions
    media: list[MediaRun]
    signalling: list[SignallingRun]
    browsers: list[BrowserRun] = []
    setup: list[SetupRun] = []


def write_json(report: Report, directory: Path) -> Path:
    """Keep the report under its date; returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{report.date.replace(':', '')}.json"
    path.write_bytes(to_json(report))
    return path


def to_json(report: Report) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def to_text(report: Report) -> str:
    """Tables, one column a run."""
    machine = report.conditions
    average = " ".join(f"{value:.2f}" for value in machine.load_average)
    parts = [
        f"{report.date}  {machine.cpu_model}, {machine.cores} cores, {machine.memory_gib} GiB, "
        f"Linux {machine.kernel}, Python {machine.python}, uvloop {machine.uvloop}, picows {machine.picows}, "
        f"load {average} before"
    ]
    if report.media:
        parts.append("Calls with audio both ways (echo)\n" + _table(report.media, _MEDIA_ROWS))
        costs = feature_costs(report.media)
        if costs:
            lines = [f"{name:<12} {cost:+.1f} %" for name, cost in costs.items()]
            parts.append("CPU beyond the plain run\n" + "\n".join(lines))
    if report.browsers:
        parts.append("Browsers with audio both ways (echo)\n" + _table(report.browsers, _BROWSER_ROWS))
    if report.signalling:
        parts.append("Short calls without audio\n" + _table(report.signalling, _SIGNALLING_ROWS))
    if report.setup:
        parts.append("What a caller waits for\n" + _table(report.setup, _SETUP_ROWS))
    return "\n\n".join(parts)


def feature_costs(runs: Sequence[MediaRun]) -> dict[str, float]:
    """What each variant costs beyond the plain run, in per cent: the median over all rounds of each."""
    costs: dict[str, list[float]] = {}
    for run in runs:
        costs.setdefault(run.variant, []).append(run.cpu_ms_per_call_second)
    plain = median(costs.pop("plain")) if "plain" in costs else 0.0
    if plain <= 0:
        return {}
    return {name: round((median(values) / plain - 1) * 100, 1) for name, values in costs.items()}


def _audio(pick: Callable[[MediaRun], object]) -> Callable[[MediaRun], str]:
    """A cell from the audio figures; a dash when no call had any."""
    return lambda run: "-" if run.load.audio is None else str(pick(run))


def _p50_p99(value: Spread | None) -> str:
    return "-" if value is None else f"{value.p50:.2f} / {value.p99:.2f}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


_MEDIA_ROWS: Sequence[Row[MediaRun]] = (
    ("simultaneous calls", lambda run: str(run.calls)),
    ("variant", lambda run: run.variant),
    ("generator, engine", lambda run: f"{run.generator}, {run.engine}"),
    ("media workers", lambda run: "default" if run.media_workers is None else str(run.media_workers)),
    ("calls that stood", lambda run: f"{run.load.calls_up}"),
    ("CPU ms per call-second", lambda run: f"{run.cpu_ms_per_call_second:.3f}"),
    ("calls per core", lambda run: str(run.calls_per_core)),
    ("gateway processes", lambda run: str(run.gateway_processes)),
    ("memory MB per call", lambda run: f"{run.memory_mb_per_call:.3f}"),
    (
        "memory, MB per hour",
        lambda run: "-" if run.memory is None else f"{run.memory.slope_mb_per_hour:+.2f}",
    ),
    ("packets/s per call", _audio(lambda run: f"{run.load.audio.packets_per_second:.2f}")),  # type: ignore[union-attr]
    ("  of the worst call", _audio(lambda run: f"{run.load.audio.packets_per_second_worst:.2f}")),  # type: ignore[union-attr]
    ("packets lost", _audio(lambda run: run.load.audio.packets_lost)),  # type: ignore[union-attr]
    ("spacing off by ms, p50 / p99", _audio(lambda run: _p50_p99(run.load.audio.spacing_deviation_ms))),  # type: ignore[union-attr]
    ("round trip ms, p50 / p99", _audio(lambda run: _p50_p99(run.load.audio.round_trip_ms))),  # type: ignore[union-attr]
    ("  last third - first third", _audio(lambda run: _ms(run.load.audio.round_trip_drift_ms))),  # type: ignore[union-attr]
    ("marks lost of sent", _audio(lambda run: f"{run.load.audio.marks_lost} / {run.load.audio.marks_sent}")),  # type: ignore[union-attr]
    ("caller to engine ms, p50 / p99", lambda run: _p50_p99(run.one_way_ms)),
    ("setup ms, p50 / p99", lambda run: _p50_p99(run.load.setup_ms)),
    ("engine CPU ms per call-second", lambda run: f"{run.engine_cpu_ms_per_call_second:.3f}"),
    ("generator CPU ms per call-second", lambda run: f"{run.load.generator_cpu_ms_per_call_second:.3f}"),
    ("cores busy with anything else", lambda run: f"{run.other_cores:.2f}"),
    ("generator late by ms, p50 / p99", lambda run: _p50_p99(run.load.generator_lateness_ms)),
)

_BROWSER_ROWS: Sequence[Row[BrowserRun]] = (
    ("calls", lambda run: f"{run.load.calls_up} of {run.calls}"),
    ("CPU ms per call-second", lambda run: f"{run.cpu_ms_per_call_second:.2f}"),
    ("of it Opus by itself", lambda run: f"{run.codec_cpu_ms_per_call_second:.2f}"),
    ("engine CPU ms per call-second", lambda run: f"{run.engine_cpu_ms_per_call_second:.2f} ({run.engine})"),
    ("browsers' CPU ms per call-second", lambda run: f"{run.load.generator_cpu_ms_per_call_second:.2f}"),
    ("packets sent / received", lambda run: f"{run.load.packets_sent} / {run.load.packets_received}"),
    ("other cores busy", lambda run: f"{run.other_cores:.2f}"),
)

_SIGNALLING_ROWS: Sequence[Row[SignallingRun]] = (
    ("calls", lambda run: str(run.calls)),
    ("failed", lambda run: str(run.failed)),
    ("calls per second offered", lambda run: f"{run.rate:g}"),
    ("calls per CPU-second", lambda run: str(run.calls_per_cpu_second)),
    ("CPU ms per call", lambda run: f"{run.cpu_ms_per_call:.2f}"),
    ("setup ms, p50 / p99", lambda run: _p50_p99(run.setup_ms)),
    ("SIP messages kept", lambda run: "yes" if run.trace else "no"),
    ("retransmissions", lambda run: str(run.retransmissions)),
    ("engine CPU ms per call", lambda run: f"{run.engine_cpu_ms_per_call:.2f}"),
)

_SETUP_ROWS: Sequence[Row[SetupRun]] = (
    ("transport", lambda run: run.transport),
    ("calls", lambda run: str(run.calls)),
    ("failed", lambda run: str(run.failed)),
    ("calls per second offered", lambda run: f"{run.rate:g}"),
    ("INVITE to 180 ms, p50 / p99", lambda run: _p50_p99(run.ringing_ms)),
    ("INVITE to 200 ms, p50 / p99", lambda run: _p50_p99(run.answer_ms)),
    ("load before", lambda run: f"{run.load_average:.1f}"),
)


def _table(runs: Sequence[Run], rows: Sequence[Row[Run]]) -> str:
    cells = [[name, *(cell(run) for run in runs)] for name, cell in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    rule = "-" * max(len(line) for line in lines)
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])
