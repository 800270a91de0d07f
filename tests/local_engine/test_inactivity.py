from local_engine.inactivity import EndBehavior, InactivityChain, InactivityMessage

FIRST = InactivityMessage(10.0, "first", EndBehavior.UNSPECIFIED)
SECOND = InactivityMessage(5.0, "second", EndBehavior.HANG_UP_SOFT)


def test_each_reminder_follows_the_one_before_after_its_own_time() -> None:
    chain = InactivityChain((FIRST, SECOND))
    chain.quiet(0.0)
    assert chain.due(9.9) is None
    assert chain.due(10.0) is FIRST
    chain.quiet(12.0)
    assert chain.due(16.9) is None
    assert chain.due(17.0) is SECOND
    chain.quiet(18.0)
    assert chain.deadline is None


def test_activity_starts_the_chain_anew() -> None:
    chain = InactivityChain((FIRST, SECOND))
    chain.quiet(0.0)
    chain.due(10.0)
    chain.user_active()
    chain.quiet(20.0)
    assert chain.deadline == 30.0
    assert chain.due(30.0) is FIRST


def test_nothing_is_due_while_somebody_speaks() -> None:
    chain = InactivityChain((FIRST,))
    chain.quiet(0.0)
    chain.pause()
    assert chain.due(60.0) is None


def test_being_quiet_again_does_not_restart_a_running_clock() -> None:
    chain = InactivityChain((FIRST,))
    chain.quiet(0.0)
    chain.quiet(8.0)
    assert chain.deadline == 10.0


def test_an_empty_chain_never_speaks() -> None:
    chain = InactivityChain(())
    chain.quiet(0.0)
    assert chain.deadline is None
    assert chain.due(1e9) is None
