import pytest

from local_engine.call_settings import CallSettings
from local_engine.errors import InvalidRequest
from local_engine.scenario import digits_of, scenario_name
from tests.local_engine.stage import socket_settings


def call(prompt: str = "", model: str = "ultravox-v0.7", **metadata: str) -> CallSettings:
    return CallSettings(socket=socket_settings(), system_prompt=prompt, model=model, metadata=metadata)


def test_the_marker_wins_over_metadata_and_metadata_over_the_model() -> None:
    assert scenario_name(call()) == "assistant"
    assert scenario_name(call(model="local-echo")) == "echo"
    assert scenario_name(call(model="local-echo", scenario="script")) == "script"
    assert (
        scenario_name(call("Hi. [scenario:receptionist] x", "local-echo", scenario="script"))
        == "receptionist"
    )


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="scenario"):
        scenario_name(call("[scenario:juggler]"))


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("5", "5"),
        ("12#", "12#"),
        (" 1 2, 3 ", "123"),
        ("DTMF received: *", "*"),
        ("I pressed 5", None),
        ("", None),
        ("5 apples", None),
    ],
)
def test_keys_are_told_from_words(text: str, digits: str | None) -> None:
    assert digits_of(text) == digits
