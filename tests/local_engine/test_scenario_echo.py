from local_engine.scenario import ToolOutcome, UserTurn
from local_engine.scenario_echo import Echo


def test_it_mirrors_and_says_nothing_of_its_own() -> None:
    echo = Echo()
    assert echo.echo
    for actions in (
        echo.greeting(),
        echo.joined(),
        echo.user_turn(UserTurn(1000.0, b"\0\0")),
        echo.user_text("5"),
        echo.tool_outcome(ToolOutcome("t", {}, "", None)),
    ):
        assert actions == ()
