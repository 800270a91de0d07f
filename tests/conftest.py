"""What all tests share: their order, and a second chance for those that measure real time.

A fault in a part shows in its own fast tests first, then end to end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres_server import PostgresServer
from tests.support.redis_server import RedisServer

TESTS = Path(__file__).parent
END_TO_END = TESTS / "e2e"
# These hold real sockets to tens of milliseconds, and a shared machine stands still for longer now and then.
# A fault of ours fails them every time.
REAL_TIME = (
    END_TO_END,
    TESTS / "bench",
    TESTS / "support",
    TESTS / "local_engine",
    TESTS / "media" / "amd",  # its corpus: what the synthesiser says depends on what it said before
    TESTS / "media" / "test_in_process.py",
    TESTS / "media" / "worker",
)
# Of these the ones that make load, or judge time so finely that nothing may run beside them.
ALONE = (
    TESTS / "bench" / "test_load_generator.py",
    TESTS / "bench" / "test_native_load.py",
    TESTS / "bench" / "test_rtp_load.py",
    TESTS / "bench" / "test_sip_transports.py",
    TESTS / "media" / "amd",
    TESTS / "media" / "test_in_process.py",
    END_TO_END / "browser" / "test_conversation.py",
    END_TO_END / "browser" / "test_latency.py",
    END_TO_END / "test_audio_delay.py",
    END_TO_END / "test_capacity.py",
    END_TO_END / "test_impaired_audio.py",
    END_TO_END / "test_large_campaign.py",
    END_TO_END / "test_many_calls.py",
    END_TO_END / "test_media_workers.py",
    END_TO_END / "test_sip_loss.py",
)
# In those places, but nothing but computing: no clock, no socket, no process.
COMPUTING = (
    TESTS / "bench" / "test_analysis.py",
    TESTS / "bench" / "test_markers.py",
    TESTS / "bench" / "test_report.py",
    TESTS / "media" / "worker" / "test_framing.py",
    TESTS / "media" / "worker" / "test_port_share.py",
    TESTS / "media" / "worker" / "test_protocol.py",
)
ATTEMPTS = 3


def _is_real_time(path: Path) -> bool:
    return path not in COMPUTING and any(path.is_relative_to(place) for place in REAL_TIME)


def _is_alone(path: Path) -> bool:
    return _is_real_time(path) and any(path.is_relative_to(place) for place in ALONE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file that has nothing for the part of the suite that is run (`make test` has three) is not read:
    reading all of them takes longer than some parts.
    """
    if collection_path.suffix != ".py":
        return None
    real_time, alone = _is_real_time(collection_path), _is_alone(collection_path)
    wanted = {
        "not real_time": not real_time,
        "real_time and not alone": real_time and not alone,
        "alone": alone,
    }
    # None leaves the file to pytest; with another expression every file may hold something.
    return None if wanted.get(config.option.markexpr, True) else True


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the end-to-end tests behind all others; within both groups the order stays."""
    for item in items:
        if _is_real_time(item.path):
            item.add_marker(pytest.mark.real_time)
            if _is_alone(item.path):
                item.add_marker(pytest.mark.alone)
            item.add_marker(pytest.mark.flaky(reruns=ATTEMPTS - 1))
    items.sort(key=lambda item: item.path.is_relative_to(END_TO_END))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `both_databases` get their `store` on SQLite and on PostgreSQL."""
    if metafunc.definition.get_closest_marker("both_databases") and "store" in metafunc.fixturenames:
        metafunc.parametrize("store", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test asks for it."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis server, started when the first test asks for it. Tests that need it empty ask for `redis`."""
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()
