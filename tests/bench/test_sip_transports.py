"""The measurement of the transports, in small: every call goes through, and the figures are there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_calls_over_every_transport_and_idle_connections_are_measured() -> None:
    command = [sys.executable, "-m", "bench.sip_transports", "--calls", "40", "--rate", "40", "--idle", "20"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [one["transport"] for one in result["transports"]] == ["udp", "tcp", "tls"]
    for one in result["transports"]:
        assert one["failed"] == one["left"] == 0
        assert one["calls_per_cpu_second"] > 0
        assert 0 < one["setup_ms_p50"] <= one["setup_ms_p99"]
    assert result["connections"]["idle_tls_connections"] == 20
