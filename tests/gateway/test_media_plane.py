"""Which media plane a configuration asks for, and what its workers show on the metrics page."""

import os
import socket

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import ValidationError

from gateway.config import Config
from gateway.configuration.media import MediaSection
from gateway.media_plane import open_media_plane
from gateway.metrics import GatewayMetrics
from media.in_process import InProcessMediaPlane
from media.messages import CreateLeg
from media.worker.supervisor import WorkerPool


def test_no_workers_means_this_process() -> None:
    assert isinstance(open_media_plane(Config(media=MediaSection(workers=0))), InProcessMediaPlane)


def test_there_is_a_worker_for_each_core_unless_the_configuration_says_otherwise() -> None:
    default = open_media_plane(Config())
    assert isinstance(default, WorkerPool)
    assert len(default.workers) == len(os.sched_getaffinity(0))
    asked = open_media_plane(Config(media=MediaSection(workers=5)))
    assert isinstance(asked, WorkerPool)
    assert len(asked.workers) == 5


def test_a_range_with_few_ports_bounds_the_default() -> None:
    assert MediaSection(rtp_ports="20000-20001").worker_count() == 1


def test_more_workers_than_port_pairs_are_a_mistake() -> None:
    with pytest.raises(ValidationError, match="rtp_ports holds 2 pairs, fewer than workers"):
        MediaSection(rtp_ports="20000-20003", workers=3)


def test_every_worker_has_its_figures() -> None:
    registry = CollectorRegistry()
    pool = open_media_plane(Config(media=MediaSection(workers=2)))
    assert isinstance(pool, WorkerPool)
    GatewayMetrics(registry).watch_workers(pool)
    page = generate_latest(registry).decode()
    for name in ("up", "accepting", "legs", "cpu_share", "lag_seconds", "memory_bytes", "collection_seconds"):
        for index in (0, 1):
            assert f'trunkline_media_worker_{name}{{worker="{index}"}} 0.0' in page
    for name in ("late_ticks", "restarts", "stalls", "messages_dropped", "recording_frames_dropped"):
        assert f'trunkline_media_worker_{name}_total{{worker="1"}} 0.0' in page


def test_reserved_ports_must_leave_a_pair_to_every_worker() -> None:
    kept = MediaSection(rtp_ports="20000-20007", reserved_ports=(20000, 20007), workers=2)
    assert kept.worker_count() == 2
    with pytest.raises(ValidationError, match="reserved_ports leaves a worker"):
        MediaSection(rtp_ports="20000-20007", reserved_ports=(20004, 20007), workers=2)


async def test_a_call_never_gets_a_reserved_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        low = min(sock.getsockname()[1] // 2 * 2, 65_000)
    media = MediaSection(
        bind_host="127.0.0.1",
        rtp_ports=f"{low}-{low + 199}",
        reserved_ports=tuple(range(low, low + 190)),
        workers=0,
    )
    plane = open_media_plane(Config(media=media))
    await plane.start()
    try:
        for name in ("1", "2", "3"):
            created = await plane.create_leg(CreateLeg(leg_id=name, call_id=name), lambda event: None)
            assert created.port >= low + 190
    finally:
        await plane.close()
