"""The gateway put together: start, drain, stop, health."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.application import Gateway
from gateway.errors import ConfigurationError
from media.ultravox.errors import EngineUnreachableError
from store.identifiers import uuid7
from store.records import CallDirection, CallFilter, CallRecord, CallStatus
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import SDP, Scene, config_for


async def test_it_is_ready_when_everything_is_well(scene: Scene) -> None:
    await scene.gateway.wait_settled(5)
    health = scene.gateway.health()
    assert health.ready
    assert set(health.checks) == {"sip", "media", "engine", "store", "cluster"}
    options = await scene.phone.options("sip:x", scene.target)
    assert options.status == 200


async def test_an_engine_that_is_away_is_named(scene: Scene) -> None:
    scene.engine.fault = EngineUnreachableError("no connection to the engine")
    scene.gateway._engine_watch.state = "not asked yet"
    await scene.gateway._engine_watch.close()
    scene.gateway._engine_watch.start()
    await until(lambda: "no connection" in scene.gateway.health().checks["engine"])
    assert not scene.gateway.health().ready


async def test_without_ports_it_is_not_ready(scene: Scene) -> None:
    await scene.gateway.wait_settled(5)
    scene.plane.ports = 0
    health = scene.gateway.health()
    assert (health.ready, health.checks["media"]) == (False, "no RTP port is free")


async def test_when_full_the_trunks_are_told(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_inbound": 0, "retry_after": 4})
    options = await scene.phone.options("sip:x", scene.target)
    assert (options.status, options["Retry-After"]) == (503, "4")


async def test_a_drain_lets_calls_go_on_until_they_end(scene: Scene) -> None:
    call, session = await scene.answered()
    draining = asyncio.create_task(scene.gateway.drain(5))
    await until(lambda: scene.gateway.health().draining)
    assert session.call.status is CallStatus.IN_PROGRESS
    await call.bye()
    await draining
    assert (await scene.over()).end_reason == "contact-hangup"


async def test_a_drain_that_takes_too_long_ends_calls_with_bye(scene: Scene) -> None:
    call, _ = await scene.answered()
    await scene.gateway.drain(0.02)
    assert (await call.until_request("BYE"))["Reason"] == 'Q.850;cause=16;text="shutdown"'
    record = await scene.over()
    assert (record.status, record.end_reason) == (CallStatus.ENDED, "shutdown")


async def test_a_stop_waits_for_the_ack_that_the_bye_must_follow(scene: Scene) -> None:
    call, _ = await scene.answered(sdp=b"")
    closing = asyncio.create_task(scene.gateway.close())
    await until(lambda: not scene.live)
    await call.ack(SDP)
    await closing
    assert len(call.received("BYE")) == 1


async def test_a_part_that_cannot_be_closed_does_not_keep_the_calls_from_being_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise RuntimeError("bug")

    call, session = await scene.answered()
    monkeypatch.setattr(scene.plane, "close", broken)
    await scene.gateway.close()
    again = await Gateway.open(scene.gateway.config)
    try:
        stored = await again.store.calls.get(scene.organization_id, session.call.id)
        assert stored is not None
        assert stored.end_reason == "shutdown"
    finally:
        await again.close()
    assert call.received("BYE")


def unfinished(organization_id: str, agent_id: str) -> CallRecord:
    return CallRecord(
        id=uuid7(),
        organization_id=organization_id,
        status=CallStatus.IN_PROGRESS,
        direction=CallDirection.INBOUND,
        agent_id=agent_id,
        created_at=datetime.now(UTC),
    )


async def test_calls_of_a_run_that_was_killed_fail_at_the_next_start(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    first = await Gateway.open(config)
    organization = await first.directory.ensure_organization("Test")
    record = unfinished(organization.id, uuid7())
    await first.store.calls.insert(record)
    await first.start()
    try:
        swept = await first.calls.get(organization.id, record.id)
        assert (swept.status, swept.failure_reason) == (CallStatus.FAILED, "gateway-error")
    finally:
        await first.close()


async def test_a_second_gateway_started_by_mistake_leaves_the_firsts_calls_alone(
    scene: Scene,
) -> None:
    call, session = await scene.answered()
    await scene.gateway.calls.list(scene.organization_id, CallFilter(), 1, 0)  # all is written
    taken = f"udp:{scene.target[0]}:{scene.target[1]}"
    config = scene.gateway.config
    second = await Gateway.open(
        config.model_copy(update={"sip": config.sip.model_copy(update={"listen": (taken,)})})
    )
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.close()
    stored = await scene.gateway.store.calls.get(scene.organization_id, session.call.id)
    assert stored is not None
    assert stored.status is not CallStatus.FAILED
    await call.bye()
    assert (await scene.over()).status is CallStatus.ENDED


async def test_a_start_that_failed_gives_its_port_back(scene: Scene, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    taken = f"udp:127.0.0.1:{scene.target[1]}"
    config = config_for(tmp_path / "other", sip={"listen": (f"udp:127.0.0.1:{free}", taken)})
    gateway = await Gateway.open(config)
    with pytest.raises(OSError, match="in use"):
        await gateway.start()
    await gateway.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", free))


async def test_a_database_that_cannot_be_opened_is_told_without_its_url(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="the database cannot be used"):
        await Gateway.open(config_for(tmp_path / "file"))
    secret = config_for(tmp_path, store={"url": "postgresql://user:secret@127.0.0.1:1/x"})
    with pytest.raises(ConfigurationError) as refused:
        await Gateway.open(secret)
    assert "secret" not in str(refused.value)
