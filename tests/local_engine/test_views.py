from local_engine.records import HistoryMessage, Role
from local_engine.views import event_view, message_view
from tests.local_engine.test_records import record


def test_a_message_has_its_prefixed_names_and_spans() -> None:
    call = record()
    message = HistoryMessage(Role.AGENT, "hi", "voice", start_ms=620.4, end_ms=2100.0)
    view = message_view(call, 3, message)
    assert (view["role"], view["medium"]) == ("MESSAGE_ROLE_AGENT", "MESSAGE_MEDIUM_VOICE")
    assert view["timespan"] == {"start": "0.62s", "end": "2.1s"}
    assert (view["callStageMessageIndex"], view["callStageId"]) == (3, call.stage_ids[0])


def test_a_tool_result_tells_its_failure() -> None:
    message = HistoryMessage(Role.TOOL_RESULT, "", tool_name="t", invocation_id="i", error_details="late")
    view = message_view(record(), 0, message)
    assert (view["toolName"], view["invocationId"], view["errorDetails"]) == ("t", "i", "late")
    assert (view["medium"], view["timespan"]) == (None, None)


def test_an_event_has_its_time_in_the_call() -> None:
    call = record()
    event = call.add_event("warning", "audio.underflow", "text")
    view = event_view(call, event)
    assert (view["severity"], view["type"], view["callTimestamp"]) == ("warning", "audio.underflow", "0s")
