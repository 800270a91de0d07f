import msgspec
import pytest

from local_engine.actions import HangUp, Keypad, Say
from local_engine.data_messages import ClientToolResult
from local_engine.requests import SelectedTool
from local_engine.tool_calls import (
    HangUpRequest,
    PendingTool,
    Reaction,
    built_in_actions,
    hang_up_request,
    immediate_answer,
    reaction_of,
    reacts,
)
from local_engine.tools import CallTool, ToolCatalogue, resolve_tools


def tool(**selection: object) -> CallTool:
    return resolve_tools([msgspec.convert(selection, SelectedTool)], ToolCatalogue()).tools[0]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ('{"strict": true, "message": "Goodbye."}', HangUpRequest("Goodbye.", True)),
        ('{"strict": false}', HangUpRequest(None, False)),
        (None, HangUpRequest(None, True)),
        ("plain words", HangUpRequest("plain words", True)),
        ("[1]", HangUpRequest(None, True)),
    ],
)
def test_a_hang_up_result_is_read(result: str | None, expected: HangUpRequest) -> None:
    assert hang_up_request(result) == expected


def test_built_ins_become_actions() -> None:
    assert built_in_actions(tool(toolName="hangUp"), {"reason": "done"}) == (HangUp(soft=False),)
    soft = tool(toolName="hangUp", parameterOverrides={"strict": False})
    assert built_in_actions(soft, {}) == (HangUp(soft=True),)
    voicemail = built_in_actions(tool(toolName="leaveVoicemail"), {"message": "call me"})
    assert voicemail == (Say("call me", uninterruptible=True), HangUp(soft=False))
    keys = built_in_actions(tool(toolName="playDtmfSounds"), {"digits": "12", "toneDuration": "0.3s"})
    assert keys == (Keypad("12", 300.0, 100.0),)
    assert built_in_actions(tool(toolName="coldTransfer"), {}) is None


def test_the_reaction_of_the_result_wins_over_the_tools_own() -> None:
    pending = PendingTool("i", "t", {}, 1.0, Reaction.LISTENS, False)
    assert reaction_of(ClientToolResult("i"), pending) is Reaction.LISTENS
    assert reaction_of(ClientToolResult("i", agent_reaction="speaks-once"), pending) is Reaction.SPEAKS_ONCE
    assert reaction_of(ClientToolResult("i", agent_reaction="dances"), pending) is Reaction.SPEAKS


def test_speaks_once_speaks_only_when_nothing_was_said_before() -> None:
    assert reacts(Reaction.SPEAKS, True)
    assert not reacts(Reaction.LISTENS, False)
    assert reacts(Reaction.SPEAKS_ONCE, False)
    assert not reacts(Reaction.SPEAKS_ONCE, True)


def test_a_static_response_answers_by_itself() -> None:
    static = tool(
        temporaryTool={"modelToolName": "hours", "client": {}, "staticResponse": {"responseText": "9 to 5"}}
    )
    assert immediate_answer(static) == "9 to 5"
    assert immediate_answer(tool(toolName="hangUp")) is None
