from media.silence_watch import SilentAgent, SilentCaller, Stage


def run_agent(watch: SilentAgent, owed_since: float | None, start: float, stop: float) -> list[Stage]:
    told = []
    for tick in range(int(start * 10), int(stop * 10)):
        found = watch.check(owed_since, tick / 10)
        if found is not None:
            told.append(found[0])
    return told


def test_an_agent_that_owes_an_answer_is_prompted_once_and_then_given_up() -> None:
    watch = SilentAgent(15, 30)
    assert run_agent(watch, 100, 100, 114.9) == []
    assert watch.check(100, 115.0) == (Stage.PROMPT, 15_000)
    assert run_agent(watch, 100, 115.1, 129.9) == []
    assert watch.check(100, 130.0) == (Stage.END, 30_000)
    assert run_agent(watch, 100, 130.1, 500) == []


def test_an_agent_that_speaks_at_the_prompt_owes_nothing_any_more() -> None:
    watch = SilentAgent(15, 30)
    assert run_agent(watch, 100, 100, 116) == [Stage.PROMPT]
    assert run_agent(watch, None, 116, 200) == []
    assert run_agent(watch, 200, 200, 216) == [Stage.PROMPT]


def test_limits_of_zero_never_come() -> None:
    assert run_agent(SilentAgent(0, 0), 0, 0, 3600) == []
    assert run_agent(SilentAgent(0, 30), 0, 0, 100) == [Stage.END]
    assert run_agent(SilentAgent(15, 0), 0, 0, 3600) == [Stage.PROMPT]


def test_a_silent_caller_is_prompted_and_the_prompt_itself_does_not_begin_the_silence_anew() -> None:
    watch = SilentCaller(20, 60)
    assert watch.check(100, 95, 119.9) is None
    assert watch.check(100, 95, 120.0) == (Stage.PROMPT, 20_000)
    assert watch.check(None, 95, 121) is None  # the agent speaks the prompt
    assert watch.check(124, 95, 150) is None
    assert watch.check(124, 95, 160.0) == (Stage.END, 60_000)


def test_a_word_or_a_key_of_the_caller_begins_anew() -> None:
    watch = SilentCaller(20, 60)
    assert watch.check(100, 95, 120) is not None
    assert watch.check(None, 130, 130) is None
    assert watch.check(131, 130, 150.9) is None
    assert watch.check(131, 130, 151.0) == (Stage.PROMPT, 20_000)


def test_while_the_agent_speaks_nobody_is_cut_off() -> None:
    watch = SilentCaller(20, 60)
    assert watch.check(100, None, 120) is not None
    assert all(watch.check(None, None, now) is None for now in range(120, 400))


def test_after_a_hold_the_silence_begins_anew() -> None:
    watch = SilentCaller(20, 60)
    assert watch.check(100, 95, 120) is not None
    watch.reset()
    assert watch.check(300, 95, 319) is None
    assert watch.check(300, 95, 320) == (Stage.PROMPT, 20_000)


def test_an_hour_of_silence_is_told_in_two_stages_only() -> None:
    watch = SilentCaller(20, 60)
    told = [found[0] for tick in range(36_000) if (found := watch.check(0, None, tick / 10))]
    assert told == [Stage.PROMPT, Stage.END]
