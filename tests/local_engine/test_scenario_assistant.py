from local_engine.actions import Say
from local_engine.scenario import ToolOutcome, UserTurn
from local_engine.scenario_assistant import GREETING, Assistant

TURN = UserTurn(500.0, b"")


def test_it_greets_and_acknowledges_every_turn_in_changing_words() -> None:
    assistant = Assistant()
    assert assistant.greeting() == (Say(GREETING),)
    answers = [assistant.user_turn(TURN)[0] for _ in range(4)]
    assert len(set(answers[:3])) == 3
    assert answers[3] == answers[0]


def test_it_reads_out_keys_and_answers_words() -> None:
    assistant = Assistant()
    assert assistant.user_text("42") == (Say("You pressed 4, 2."),)
    assert assistant.user_text("hello") != ()


def test_it_says_whether_a_tool_worked() -> None:
    worked = Assistant().tool_outcome(ToolOutcome("t", {}, "", None))
    failed = Assistant().tool_outcome(ToolOutcome("t", {}, "", "no"))
    assert worked != failed
    assert Assistant().tool_outcome(ToolOutcome("t", {}, "", None, reacts=False)) == ()
