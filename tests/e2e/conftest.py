"""What the end-to-end tests share: one running gateway for most of them, callers and callees around it.

A gateway's output is shown with every test that fails while it runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway, ServerProcess
from tests.e2e.leaks import assert_calls_gone, assert_nothing_left
from tests.e2e.parties import Parties
from tests.e2e.softphones import write_speech

# Tests poll faster than a customer may, and their web servers are on loopback.
UNLIMITED = {
    "TRUNKLINE_HTTP_RATE_LIMIT_PER_MINUTE": "0",
    "TRUNKLINE_TOOLS_PRIVATE_URLS": "true",
    "TRUNKLINE_WEBHOOKS_ALLOW_PRIVATE": "true",
}

_servers: list[ServerProcess] = []


@contextlib.contextmanager
def watched(server: ServerProcess) -> Iterator[Any]:
    """Remember the process, so that its output can be shown with a failure, and stop it at the end."""
    _servers.append(server)
    try:
        yield server
    finally:
        server.stop()
        _servers.remove(server)
        assert not server.surviving_children(), "the process left children behind"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.failed:
        for server in _servers:
            report.sections.append((f"output of {server.name}", server.output[-6_000:]))
    return report


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The demonstration gateway with its own local engine. Nothing may be left in it at the end of the
    session.
    """
    with watched(Gateway(tmp_path_factory.mktemp("gateway"), environment=UNLIMITED)) as running:
        yield running
        assert_nothing_left(running)


@pytest.fixture(scope="session")
def api(gateway: Gateway) -> Iterator[ApiClient]:
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as client:
        yield client


@pytest.fixture(scope="session")
def engine(gateway: Gateway) -> Iterator[EngineView]:
    """The engine's own view of its calls."""
    with contextlib.closing(EngineView.of_child(gateway)) as view:
        yield view


@pytest.fixture
def parties(gateway: Gateway, api: ApiClient, tmp_path: Path) -> Iterator[Parties]:
    """Callers and callees of the shared gateway; all are gone, and all their calls over, when the test
    ends.
    """
    with Parties(gateway, api, tmp_path) as opened:
        yield opened
    try:
        assert_calls_gone(gateway)
    finally:
        opened.end_calls()  # a call that was left behind is this test's fault, not the next one's


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """The file that softphones play."""
    return write_speech(tmp_path / "speech.wav")


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways that only this test uses."""
    with contextlib.ExitStack() as stack:
        count = 0

        def start(*arguments: str, **options: Any) -> Gateway:
            nonlocal count
            count += 1
            data = options.pop("data", tmp_path / f"data-{count}")
            options["environment"] = UNLIMITED | options.get("environment", {})
            running: Gateway = stack.enter_context(watched(Gateway(data, *arguments, **options)))
            return running

        yield start
