import pytest

from local_engine.call_settings import CallSettings
from local_engine.engine import Engine, make_scenario, stage_scenario
from local_engine.errors import InvalidRequest
from local_engine.records import EndReason
from local_engine.requests import CallBody
from tests.local_engine.stage import socket_settings

BODY = CallBody(medium={"serverWebSocket": {"inputSampleRate": 8000}}, system_prompt="[scenario:echo]")


@pytest.mark.parametrize("name", ["assistant", "receptionist", "echo", "script"])
def test_every_scenario_can_be_made(name: str) -> None:
    settings = CallSettings(socket=socket_settings(), system_prompt=f"[scenario:{name}]")
    assert make_scenario(settings).name == name


def test_a_stage_keeps_the_scenario_unless_its_prompt_names_one() -> None:
    settings = CallSettings(socket=socket_settings())
    assert stage_scenario(settings, {"systemPrompt": "Be brief."}) is None
    assert stage_scenario(settings, {"systemPrompt": "[scenario:juggler]"}) is None
    chosen = stage_scenario(settings, {"systemPrompt": "[scenario:echo]"})
    assert chosen is not None
    assert chosen.name == "echo"


def test_a_call_nobody_joins_in_time_is_unjoined() -> None:
    engine = Engine()
    call = engine.create_call(BODY, {}, "ws://a", "ws://slow")
    engine.clock.tick(engine.clock.now() + 29)
    assert call.ended is None
    engine.clock.tick(engine.clock.now() + 31)
    assert call.end_reason is EndReason.UNJOINED


def test_a_slow_call_gets_the_slow_door() -> None:
    engine = Engine()
    plain = engine.create_call(BODY, {}, "ws://a", "ws://slow")
    slow = engine.create_call(BODY, {}, "ws://a", "ws://slow", planned_faults="slow_upgrade_ms=100")
    assert plain.join_url.startswith("ws://a/calls/")
    assert slow.join_url.startswith("ws://slow/calls/")


def test_an_unknown_prior_call_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="priorCallId"):
        Engine().create_call(BODY, {}, "ws://a", "ws://slow", prior_call_id="x")
