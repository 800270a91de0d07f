import json
from typing import Any

import pytest

from local_engine.actions import Chirp, HangUp, Keypad, Pause, Play, Say, SendMessage, Silence, Tone, UseTool
from local_engine.call_settings import CallSettings
from local_engine.errors import InvalidRequest
from local_engine.scenario import ToolOutcome, UserTurn
from local_engine.scenario_script import MAX_STEPS, Script, script_steps
from tests.local_engine.stage import socket_settings

TURN = UserTurn(500.0, b"\7\7")


def call(
    prompt: str = "", metadata: dict[str, str] | None = None, state: dict[str, Any] | None = None
) -> CallSettings:
    return CallSettings(
        socket=socket_settings(), system_prompt=prompt, metadata=metadata or {}, initial_state=state or {}
    )


def test_steps_come_from_metadata_state_or_prompt() -> None:
    steps = [{"say": "hi"}]
    text = json.dumps(steps)
    assert script_steps(call(metadata={"script": text})) == steps
    assert script_steps(call(state={"script": steps})) == steps
    assert script_steps(call(f"[scenario:script] {text} and nothing else")) == steps
    assert script_steps(call("[scenario:script]")) == []


def test_every_step_becomes_its_action() -> None:
    script = Script(
        [
            {"say": "a", "uninterruptible": True},
            {"tone": 440, "ms": 200},
            {"chirp": [300, 3000], "ms": 250},
            {"silence": 100},
            {"keypad": "1#"},
            {"pause": 50},
            {"tool": "t", "arguments": {"x": 1}, "id": "i"},
            {"send": {"type": "z"}},
            {"play_back": True},
            {"hang_up": True, "soft": True},
        ]
    )
    assert list(script.joined()) == [
        Say("a", True),
        Tone(440.0, 200.0),
        Chirp(300.0, 3000.0, 250.0),
        Silence(100.0),
        Keypad("1#"),
        Pause(50.0),
        UseTool("t", {"x": 1}, "i"),
        SendMessage({"type": "z"}),
        Play(b""),
        HangUp(soft=True),
    ]


def test_it_waits_for_what_it_waits_for() -> None:
    script = Script(
        [{"wait": "user"}, {"say": "a"}, {"wait": "text"}, {"say": "b"}, {"wait": "any"}, {"say": "c"}]
    )
    assert script.joined() == []
    assert script.user_text("x") == ()
    assert script.user_turn(TURN) == [Say("a")]
    assert script.user_turn(TURN) == ()
    assert script.user_text("x") == [Say("b")]
    assert script.user_turn(TURN) == [Say("c")]


def test_it_plays_back_the_last_turn() -> None:
    script = Script([{"wait": "user"}, {"play_back": True}])
    script.joined()
    assert script.user_turn(TURN) == [Play(b"\7\7")]


def test_it_repeats_from_the_top() -> None:
    script = Script([{"wait": "user"}, {"say": "again"}, {"repeat": True}])
    script.joined()
    assert [script.user_turn(TURN) for _ in range(3)] == [[Say("again")]] * 3


def test_a_tool_may_be_waited_for() -> None:
    script = Script([{"tool": "t"}, {"wait": "tool"}, {"say": "done"}])
    assert script.joined() == [UseTool("t")]
    assert script.tool_outcome(ToolOutcome("t", {}, "", None, reacts=False)) == [Say("done")]


@pytest.mark.parametrize(
    "script",
    [
        "{",
        "5",
        '[{"dance": 1}]',
        '[{"tone": "high"}]',
        '[{"tone": 440, "ms": -1}]',
        '[{"silence": 1e9}]',
        "[5]",
        '[{"wait": "rain"}]',
        '[{"say": "x"}, {"repeat": true}]',
    ],
)
def test_a_broken_script_is_refused(script: str) -> None:
    with pytest.raises(InvalidRequest, match="script"):
        script_steps(call(metadata={"script": script}))


def test_a_script_is_bounded() -> None:
    with pytest.raises(InvalidRequest):
        script_steps(call(state={"script": [{"say": "x"}] * (MAX_STEPS + 1)}))
