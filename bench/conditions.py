"""Under what conditions a figure was measured: without them it means nothing."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import msgspec


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the programs."""

    cpu_model: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    uvloop: str
    picows: str
    load_average: tuple[float, float, float]  # before the first run


def conditions() -> Conditions:
    """As they are now."""
    return Conditions(
        cpu_model=_first_value("/proc/cpuinfo", "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(int((_first_value("/proc/meminfo", "MemTotal") or "0").split()[0]) / 1024**2, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        uvloop=_version("uvloop"),
        picows=_version("picows"),
        load_average=tuple(round(value, 2) for value in os.getloadavg()),  # type: ignore[arg-type]
    )


def _first_value(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "none"
