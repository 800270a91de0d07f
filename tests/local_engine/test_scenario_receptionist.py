from local_engine.actions import HangUp, Play, Say
from local_engine.scenario import ToolOutcome, UserTurn
from local_engine.scenario_receptionist import FAREWELL, GREETING, TOO_SHORT, YOU_SAID, Receptionist


def said(actions: object) -> list[str]:
    assert isinstance(actions, tuple)
    return [action.text for action in actions if isinstance(action, Say)]


def test_it_greets() -> None:
    assert said(Receptionist().greeting()) == [GREETING]


def test_it_plays_back_what_it_heard() -> None:
    actions = Receptionist().user_turn(UserTurn(900.0, b"\1\2" * 100))
    assert said(actions) == [YOU_SAID]
    assert actions[-1] == Play(b"\1\2" * 100)


def test_a_click_is_not_played_back() -> None:
    assert said(Receptionist().user_turn(UserTurn(64.0, b"\1\2"))) == [TOO_SHORT]


def test_it_reads_out_keys() -> None:
    assert said(Receptionist().user_text("5")) == ["You pressed 5."]
    assert said(Receptionist().user_text("1*2")) == ["You pressed 1, star, 2."]


def test_pound_hangs_up_after_a_farewell_that_cannot_be_interrupted() -> None:
    actions = Receptionist().user_text("7#9")
    assert said(actions) == ["You pressed 7.", FAREWELL]
    assert actions[-2] == Say(FAREWELL, uninterruptible=True)
    assert actions[-1] == HangUp()
    assert Receptionist().user_text("#")[-1] == HangUp()


def test_words_are_read_back() -> None:
    assert said(Receptionist().user_text("hello")) == ["You wrote: hello"]


def test_it_speaks_of_a_tool_only_when_it_is_to_react() -> None:
    assert said(Receptionist().tool_outcome(ToolOutcome("t", {}, "", None))) == ["Done."]
    assert said(Receptionist().tool_outcome(ToolOutcome("t", {}, "", "broken"))) == ["That did not work."]
    assert Receptionist().tool_outcome(ToolOutcome("t", {}, "", None, reacts=False)) == ()
