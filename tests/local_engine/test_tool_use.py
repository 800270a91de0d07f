"""Tools inside a conversation: invocation after speech, freezing, answers, time-outs, hang-ups, stages."""

from __future__ import annotations

import json

import msgspec

from local_engine.call_settings import CallSettings, FirstSpeaker
from local_engine.faults import CallFaults
from local_engine.records import EndReason, Role
from local_engine.requests import SelectedTool
from local_engine.scenario_receptionist import Receptionist
from local_engine.tools import ToolCatalogue, resolve_tools
from tests.local_engine.stage import WORD_MS, Stage, socket_settings

TRANSFER = {"temporaryTool": {"modelToolName": "transferCall", "timeout": "2s", "client": {}}}
SCRIPT = (
    '[{"say": "one moment"}, {"tool": "transferCall", "arguments": {"to": "desk"}, "id": "inv-1"},'
    ' {"say": "done"}]'
)


def stage(script: str = SCRIPT, *tools: object, faults: CallFaults | None = None) -> Stage:
    selected = msgspec.convert(list(tools) or [TRANSFER], list[SelectedTool])
    switches: dict[str, bool | None] = {"toolUsed": True, "invokingTool": True}
    settings = CallSettings(
        socket=socket_settings(switches=switches),
        system_prompt=f"[scenario:script] {script}",
        tools=resolve_tools(selected, ToolCatalogue()),
        first_speaker=FirstSpeaker(agent_first=False),
    )
    made = Stage(settings, faults=faults)
    made.join()
    return made


def answer(of: Stage, **fields: object) -> None:
    of.send(json.dumps({"type": "client_tool_result", "invocationId": "inv-1", **fields}))


def invoked(script: str = SCRIPT, *tools: object, faults: CallFaults | None = None) -> Stage:
    made = stage(script, *tools, faults=faults)
    made.wait(2 * WORD_MS + 60)
    return made


def test_a_client_tool_is_invoked_only_after_the_words_before_it_were_played() -> None:
    of = stage()
    of.wait(2 * WORD_MS - 60)
    assert not of.of_type("client_tool_invocation")
    of.wait(120)
    assert of.of_type("client_tool_invocation") == [
        {
            "type": "client_tool_invocation",
            "toolName": "transferCall",
            "invocationId": "inv-1",
            "parameters": {"to": "desk"},
        }
    ]
    assert of.states[-1] == "thinking"


def test_the_conversation_is_frozen_until_the_result() -> None:
    of = invoked()
    of.hear(600)
    of.hear(600, None)
    assert of.states[-1] == "thinking"
    assert of.finals("user") == []
    answer(of, result="ok")
    of.wait(WORD_MS + 60)
    assert of.finals() == ["one moment", "done"]
    assert len(of.finals("user")) == 1
    assert len(of.of_type("tool_used")) == 1


def test_a_tool_that_does_not_answer_in_time_has_failed() -> None:
    of = invoked()
    of.wait(1900)
    assert of.finals() == ["one moment"]
    of.wait(160 + WORD_MS)
    assert of.finals() == ["one moment", "done"]
    (result,) = [each for each in of.wire.history if each.role is Role.TOOL_RESULT]
    assert result.error_details == "the tool did not answer in time"
    answer(of, result="too late")
    assert ("info", "tool.result_ignored", "a result for no pending invocation") in of.wire.notes


def test_a_second_result_is_ignored() -> None:
    of = invoked()
    answer(of, result="first")
    answer(of, result="second")
    results = [each.text for each in of.wire.history if each.role is Role.TOOL_RESULT]
    assert results == ["first"]


def test_an_error_result_is_a_failure() -> None:
    of = invoked()
    answer(of, errorType="implementation-error", errorMessage="carrier returned 503")
    (result,) = [each for each in of.wire.history if each.role is Role.TOOL_RESULT]
    assert result.error_details == "implementation-error: carrier returned 503"


def test_a_hang_up_result_speaks_its_message_and_ends_the_call() -> None:
    of = invoked()
    answer(of, responseType="hang-up", result='{"strict": true, "message": "good bye"}')
    of.wait(2 * WORD_MS + 60)
    assert of.finals() == ["one moment", "good bye"]
    assert of.wire.end_reason is EndReason.AGENT_HANGUP


def test_a_soft_hang_up_is_called_off_by_the_caller() -> None:
    of = invoked()
    answer(of, responseType="hang-up", result='{"strict": false, "message": "well good bye then my friend"}')
    of.hear(400)
    of.wait(2000)
    assert of.wire.end_reason is None


def test_call_state_is_changed_by_a_result() -> None:
    of = invoked()
    answer(of, result="ok", updateCallState={"verified": True})
    assert of.wire.call_state == {"verified": True}


def test_a_new_stage_brings_its_own_behaviour() -> None:
    of = invoked()
    of.wire.next_scenario = Receptionist()
    answer(
        of,
        responseType="new-stage",
        result='{"systemPrompt": "[scenario:receptionist]"}',
        agentReaction="listens",
    )
    assert of.wire.stages == [{"systemPrompt": "[scenario:receptionist]"}]
    assert of.conversation.scenario.name == "receptionist"


def test_a_listening_reaction_keeps_the_agent_quiet() -> None:
    of = stage("[]")
    of.conversation.scenario = Receptionist()
    of.send('{"type":"forced_agent_message","toolCalls":[{"id":"inv-1","name":"transferCall"}]}')
    answer(of, result="ok", agentReaction="listens")
    of.wait(500)
    assert of.finals() == []
    of.send('{"type":"forced_agent_message","toolCalls":[{"id":"inv-1","name":"transferCall"}]}')
    answer(of, result="ok")
    of.wait(500)
    assert of.finals() == ["Done."]


def test_a_result_known_beforehand_needs_no_invocation() -> None:
    of = stage("[]")
    of.send(
        '{"type":"forced_agent_message","toolCalls":[{"id":"a","name":"transferCall"}],'
        '"knownToolResults":[{"invocationId":"a","result":"known"}]}'
    )
    assert not of.of_type("client_tool_invocation")
    assert [each.text for each in of.wire.history if each.role is Role.TOOL_RESULT] == ["known"]


def test_an_unknown_tool_fails_without_freezing() -> None:
    of = stage('[{"tool": "fly"}, {"say": "well"}]')
    of.wait(WORD_MS + 60)
    assert of.finals() == ["well"]
    assert [note[1] for note in of.wire.notes] == ["tool.failed"]


def test_the_built_in_hang_up_ends_the_call_without_a_client_message() -> None:
    of = stage('[{"say": "good bye"}, {"tool": "hangUp"}]', {"toolName": "hangUp"})
    of.wait(2 * WORD_MS + 60)
    assert not of.of_type("client_tool_invocation")
    assert of.wire.end_reason is EndReason.AGENT_HANGUP


def test_built_in_keypad_tones_are_heard_in_the_audio() -> None:
    of = stage('[{"tool": "playDtmfSounds", "arguments": {"digits": "12"}}]', {"toolName": "playDtmfSounds"})
    of.wait(700)
    assert of.wire.sent_ms == 600


def test_transfers_do_not_work_on_this_medium() -> None:
    of = stage('[{"tool": "coldTransfer"}]', {"toolName": "coldTransfer"})
    assert [note[1] for note in of.wire.notes] == ["tool.failed"]


def test_an_empty_final_transcript_precedes_the_tool_on_demand() -> None:
    of = invoked(faults=CallFaults(empty_final=True))
    assert of.finals() == ["one moment", ""]


def test_tool_messages_take_ordinals() -> None:
    of = invoked()
    answer(of, result="ok")
    of.wait(WORD_MS + 60)
    ordinals = [each["ordinal"] for each in of.of_type("transcript") if each["final"]]
    assert ordinals == [0, 3]
