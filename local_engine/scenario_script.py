"""`script`: carries out a list of steps, so that a test knows what the agent will do.

The steps are a JSON array in `metadata.script`, in `initialState.script`, or in the system prompt after the
marker. Each step is an object with one key (and its options):

    {"say": "text", "uninterruptible": true}   {"tone": 440, "ms": 500}      {"silence": 200}
    {"keypad": "12#"}                          {"pause": 300}                {"send": {"type": "..."}}
    {"chirp": [300, 3000], "ms": 500}
    {"tool": "name", "arguments": {}}          {"hang_up": true, "soft": false}
    {"wait": "user"}  {"wait": "text"}  {"wait": "any"}  {"wait": "tool"}    {"repeat": true}

`wait` holds the script until the caller finished speaking, a text message came, either, or a tool answered; a
tool is waited for by itself unless `"wait": "tool"` follows it. `repeat` starts from the top. `play_back`
plays what was heard.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local_engine.actions import (
    Action,
    Chirp,
    HangUp,
    Keypad,
    Pause,
    Play,
    Say,
    SendMessage,
    Silence,
    Tone,
    UseTool,
)
from local_engine.call_settings import CallSettings
from local_engine.errors import InvalidRequest
from local_engine.scenario import ToolOutcome, UserTurn

_WAITS = ("user", "text", "any", "tool")
MAX_STEPS = 1000
MAX_DURATION_MS = 600_000.0


def script_steps(settings: CallSettings) -> list[dict[str, Any]]:
    """The steps a call brings along, checked. Raises `InvalidRequest`."""
    source: Any
    if "script" in settings.metadata:
        source = settings.metadata["script"]
    elif "script" in settings.initial_state:
        source = settings.initial_state["script"]
    else:
        start = settings.system_prompt.find("[{")
        source = settings.system_prompt[start:] if start >= 0 else "[]"
    if isinstance(source, str):
        try:
            source, _ = json.JSONDecoder().raw_decode(source.strip())
        except json.JSONDecodeError as error:
            raise InvalidRequest(f"script: not JSON: {error}") from error
    if not isinstance(source, list) or len(source) > MAX_STEPS:
        raise InvalidRequest(f"script: must be an array of at most {MAX_STEPS} steps")
    for place, step in enumerate(source):
        try:
            _action(step, b"")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidRequest(f"script[{place}]: {error}") from error
    if any("repeat" in step for step in source) and not any("wait" in step for step in source):
        raise InvalidRequest("script: repeat needs a wait")
    return source


def _duration(value: Any) -> float:
    """A step's duration in ms. Raises `ValueError` for one that makes no sense."""
    duration = float(value)
    if not 0 <= duration <= MAX_DURATION_MS:
        raise ValueError(f"a duration from 0 to {MAX_DURATION_MS:.0f} ms, not {value!r}")
    return duration


def _action(step: Mapping[str, Any], heard: bytes) -> Action | None:
    """The action of one step; `None` for those that steer the script.

    Raises `ValueError` for an unknown one.
    """
    match step:
        case {"say": text}:
            return Say(str(text), bool(step.get("uninterruptible", False)))
        case {"tone": frequency}:
            return Tone(float(frequency), _duration(step.get("ms", 500)))
        case {"chirp": [low, high]}:
            return Chirp(float(low), float(high), _duration(step.get("ms", 500)))
        case {"silence": duration}:
            return Silence(_duration(duration))
        case {"keypad": digits}:
            return Keypad(str(digits))
        case {"pause": duration}:
            return Pause(_duration(duration))
        case {"tool": name}:
            return UseTool(str(name), dict(step.get("arguments", {})), str(step.get("id", "")))
        case {"send": message}:
            return SendMessage(dict(message))
        case {"hang_up": _}:
            return HangUp(soft=bool(step.get("soft", False)))
        case {"play_back": _}:
            return Play(heard)
        case {"wait": what} if what in _WAITS:
            return None
        case {"repeat": _}:
            return None
    raise ValueError(f"unknown step {step!r}")


class Script:
    """Goes through the steps; what happens before a `wait` asks for it is not counted."""

    name = "script"
    echo = False

    def __init__(self, steps: Sequence[Mapping[str, Any]]) -> None:
        self._steps = steps
        self._at = 0
        self._heard = b""

    def greeting(self) -> Sequence[Action]:
        return ()

    def joined(self) -> Sequence[Action]:
        return self._run()

    def user_turn(self, turn: UserTurn) -> Sequence[Action]:
        self._heard = turn.heard
        return self._passed("user", "any")

    def user_text(self, text: str) -> Sequence[Action]:
        return self._passed("text", "any")

    def tool_outcome(self, outcome: ToolOutcome) -> Sequence[Action]:
        return self._passed("tool")

    def interrupted(self) -> None:
        return None

    def _passed(self, *kinds: str) -> Sequence[Action]:
        if self._at < len(self._steps) and self._steps[self._at].get("wait") in kinds:
            self._at += 1
            return self._run()
        return ()

    def _run(self) -> Sequence[Action]:
        """Everything up to the next `wait` that is not fulfilled by its own tool."""
        actions: list[Action] = []
        while self._at < len(self._steps):
            step = self._steps[self._at]
            if "wait" in step:
                break
            if "repeat" in step:
                self._at = 0
                continue
            self._at += 1
            action = _action(step, self._heard)
            if action is not None:
                actions.append(action)
        return actions
