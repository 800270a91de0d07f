import pytest

from gateway.configuration.media import WatchdogsSection
from gateway.failure_reasons import EndReason, FailureReason
from gateway.silence_response import SilenceResponse, watch_command
from media.messages import SilenceNoticed
from tests.gateway.control_log import ControlLog, outbound_call


def respond(party: str, stage: str, config: WatchdogsSection | None = None) -> ControlLog:
    control = ControlLog()
    response = SilenceResponse(outbound_call(), control, config or WatchdogsSection())
    response.noticed(SilenceNoticed(leg_id="c1", party=party, stage=stage, silent_ms=15_000))
    return control


def test_for_a_silent_agent_a_filler_is_spoken_at_once() -> None:
    assert respond("agent", "prompt").told == [
        {"type": "forced_agent_message", "content": "One moment, please.", "urgency": "immediate"}
    ]


def test_an_agent_that_cannot_even_say_the_filler_has_failed() -> None:
    assert respond("agent", "end").lost == [FailureReason.AGENT_ERROR]


def test_a_silent_caller_is_asked_when_the_agent_has_finished() -> None:
    (told,) = respond("caller", "prompt").told
    assert told["content"] == "Are you still there?"
    assert told["urgency"] == "soon"


def test_a_caller_who_stays_silent_is_said_goodbye_to() -> None:
    ((reason, farewell),) = respond("caller", "end").asked_to_end
    assert reason is EndReason.INACTIVITY
    assert "Goodbye" in farewell


def test_without_a_farewell_the_call_ends_at_once() -> None:
    control = respond("caller", "end", WatchdogsSection(caller_farewell=""))
    assert control.ended == [EndReason.INACTIVITY]
    assert control.asked_to_end == []


def test_the_defaults_watch_the_agent_only() -> None:
    command = watch_command("c1", WatchdogsSection(), agent_speaks_first=True)
    assert command is not None
    assert (command.agent_prompt_ms, command.agent_end_ms) == (15_000, 30_000)
    assert (command.caller_prompt_ms, command.caller_end_ms) == (0, 0)
    assert command.agent_speaks_first


@pytest.mark.parametrize("party", ["agent", "caller"])
def test_an_empty_text_is_not_spoken(party: str) -> None:
    config = WatchdogsSection(agent_prompt="", caller_prompt="", caller_prompt_after=10)
    command = watch_command("c1", config, agent_speaks_first=False)
    assert command is not None
    assert getattr(command, f"{party}_prompt_ms") == 0


def test_with_all_limits_off_nothing_is_watched() -> None:
    config = WatchdogsSection(agent_prompt_after=0, agent_end_after=0)
    assert watch_command("c1", config, agent_speaks_first=False) is None
