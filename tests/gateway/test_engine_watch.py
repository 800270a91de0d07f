"""What the gateway knows of the engine's health."""

import pytest

from gateway import engine_watch
from gateway.engine_watch import EngineWatch
from media.ultravox.errors import EngineRefusedError, EngineUnreachableError
from tests.gateway.doubles import ScriptedEngine, until


async def test_the_state_follows_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_watch, "INTERVAL_S", 0.001)
    monkeypatch.setattr(engine_watch, "INTERVAL_WHEN_AWAY_S", 0.001)
    engine = ScriptedEngine()
    watch = EngineWatch(engine)
    assert watch.state != "ok"
    watch.start()
    try:
        await until(lambda: watch.state == "ok")
        engine.fault = EngineUnreachableError("no connection")
        await until(lambda: watch.state == "no connection")
        engine.fault = EngineRefusedError(401, "bad key")
        await until(lambda: "401" in watch.state)
        engine.fault = None
        await until(lambda: watch.state == "ok")
    finally:
        await watch.close()


async def test_an_unforeseen_fault_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_watch, "INTERVAL_WHEN_AWAY_S", 0.001)
    engine = ScriptedEngine()
    engine.fault = ValueError("not a URL")
    watch = EngineWatch(engine)
    watch.start()
    try:
        await until(lambda: watch.state == "ValueError")
        assert watch.asked.is_set()
        engine.fault = None
        await until(lambda: watch.state == "ok")
    finally:
        await watch.close()


async def test_closing_stops_the_questions() -> None:
    engine = ScriptedEngine()
    watch = EngineWatch(engine)
    watch.start()
    await watch.asked.wait()
    await watch.close()
    await watch.close()
    assert engine.pings == 1
