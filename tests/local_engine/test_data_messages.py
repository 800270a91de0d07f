import pytest

from local_engine.data_messages import (
    ClientToolResult,
    ForcedAgentMessage,
    InputTextMessage,
    MalformedMessage,
    Ping,
    UnknownMessage,
    UserTextMessage,
    decode_message,
)


def test_each_message_is_read_with_its_fields() -> None:
    assert decode_message('{"type":"ping","timestamp":1.5}') == Ping(1.5)
    text = decode_message('{"type":"user_text_message","text":"hi","urgency":"later","placement":"before"}')
    assert text == UserTextMessage("hi", "later")
    assert decode_message(
        b'{"type":"input_text_message","text":"x","deferResponse":true}'
    ) == InputTextMessage("x", True)
    forced = decode_message(
        '{"type":"forced_agent_message","toolCalls":[{"id":"1","name":"t","arguments":{"a":1}}],"uninterruptible":true}'
    )
    assert isinstance(forced, ForcedAgentMessage)
    assert forced.tool_calls is not None
    assert forced.tool_calls[0].arguments == {"a": 1}
    result = decode_message('{"type":"client_tool_result","invocationId":"i","errorType":"undefined"}')
    assert result == ClientToolResult("i", error_type="undefined")


def test_snake_case_keys_are_not_known() -> None:
    with pytest.raises(MalformedMessage):
        decode_message('{"type":"client_tool_result","invocation_id":"i"}')


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"text":"x"}', '{"type":"ping","timestamp":"x"}', "\ud83d"]
)
def test_broken_messages_are_told_apart_from_unknown_ones(text: str) -> None:
    with pytest.raises(MalformedMessage):
        decode_message(text.encode("utf-8", "surrogatepass"))


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(UnknownMessage, match="spawn_thread"):
        decode_message('{"type":"spawn_thread","newThreadId":"x"}')
