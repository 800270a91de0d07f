"""A thousand short calls, with and without a network that loses packets: none fails, nothing is left
behind.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone, assert_nothing_left
from tests.e2e.loss_proxy import LossProxy
from tests.e2e.parties import ECHO
from tests.e2e.sipp_runner import SippRun

CALLS = 1000
RATE = 80  # calls a second: what two busy cores do with room to spare, gateway, engine and SIPp together
LOSS = 0.03
LOSSY_HOLD_MS = (
    4000  # the 200 comes again after 0.5, 1.5 and 3.5 s: SIPp takes a late one for the answer to its BYE
)


@pytest.fixture(scope="module")
def busy_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose released ports rest one second, so that a thousand calls need no wide range.

    At the end, when the last transaction had its time, nothing of all the calls may be left.
    """
    settings = UNLIMITED | {"TRUNKLINE_MEDIA_PORT_REST": "1s", "TRUNKLINE_LOGGING_LEVEL": "warning"}
    with watched(Gateway(tmp_path_factory.mktemp("busy"), environment=settings)) as running:
        yield running
        assert_nothing_left(running)


@pytest.mark.timeout(240)
def test_thousand_short_calls_leave_nothing_behind(busy_gateway: Gateway, tmp_path: Path) -> None:
    free_ports = busy_gateway.metrics()["trunkline_rtp_ports_free"]
    _run(busy_gateway, tmp_path, busy_gateway.sip, 50)  # the first calls fill caches and pools
    assert_calls_gone(busy_gateway)
    before = _memory_and_files(busy_gateway)

    _run(busy_gateway, tmp_path, busy_gateway.sip, CALLS)
    with contextlib.closing(ApiClient(busy_gateway.http, busy_gateway.demo_key)) as api:
        _wait(lambda: _ended(api) == CALLS + 50, "every call ended by its caller")
    assert_calls_gone(busy_gateway)
    _wait(
        lambda: busy_gateway.metrics()["trunkline_rtp_ports_free"] == free_ports, "every port is free again"
    )

    after = _memory_and_files(busy_gateway)
    assert after[1] <= before[1] + 3, f"open files: {before[1]}, then {after[1]}"
    assert after[0] - before[0] < 60 << 20, f"memory grew by {(after[0] - before[0]) >> 20} MB"


@pytest.mark.timeout(300)
def test_thousand_calls_over_a_network_that_loses_three_percent(
    busy_gateway: Gateway, tmp_path: Path
) -> None:
    with contextlib.closing(ApiClient(busy_gateway.http, busy_gateway.demo_key)) as api:
        before = _total(api)
        with LossProxy(busy_gateway.sip, LOSS) as network:
            _run(busy_gateway, tmp_path, network.address, CALLS, hold_ms=LOSSY_HOLD_MS, seconds=150)
            assert network.dropped > CALLS * LOSS, "the network lost nothing: nothing was proved"
        _wait(lambda: _total(api) == before + CALLS, "one call object for each call")
        _wait(lambda: _ended(api) == _total(api), "every call ended by its caller")
    assert_calls_gone(busy_gateway)


def _run(
    gateway: Gateway, directory: Path, remote: str, calls: int, hold_ms: int = 100, seconds: float = 90
) -> None:
    options = ("-r", str(RATE), "-l", "400", "-max_retrans", "12")
    with SippRun(
        "caller_hangs_up",
        directory,
        remote=remote,
        number=ECHO,
        calls=calls,
        hold_ms=hold_ms,
        seconds=seconds,
        options=options,
        trace=False,
    ) as run:
        run.finish()


def _total(api: ApiClient, **query: str) -> int:
    page = api.http.get("/calls", params={"limit": "1", **query}).json()
    return int(page["pagination"]["total"])


def _ended(api: ApiClient) -> int:
    return _total(api, status="ended")


def _wait(wanted: Callable[[], bool], what: str, seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < limit, f"not so after {seconds} s: {what}"
        time.sleep(0.2)


def _memory_and_files(gateway: Gateway) -> tuple[int, int]:
    process = psutil.Process(gateway.process.pid)
    return process.memory_info().rss, process.num_fds()
