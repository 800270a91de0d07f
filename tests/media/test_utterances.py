"""How much of an utterance was played, in the orders in which an engine may say things."""

from media.utterances import MAX_WAITING, Played, Utterances


def test_an_utterance_that_was_played_whole_is_told_once() -> None:
    utterances = Utterances()
    utterances.speaking(True, 0)
    assert utterances.named(3, 0) == []
    utterances.speaking(False, 1000)
    assert utterances.settle(999) == []
    assert utterances.settle(1000) == [Played(3, 1000, interrupted=False)]
    assert utterances.settle(2000) == []


def test_an_interrupted_one_is_cut_where_the_queue_was_emptied() -> None:
    utterances = Utterances()
    utterances.speaking(True, 500)
    utterances.named(0, 600)
    assert utterances.cleared(740) == [Played(0, 240, interrupted=True)]
    utterances.speaking(False, 2000)
    assert utterances.settle(9000) == []


def test_an_engine_that_runs_ahead_is_interrupted_too() -> None:
    """All audio has come and the engine is silent, but the caller hears the middle of it."""
    utterances = Utterances()
    utterances.speaking(True, 0)
    utterances.named(0, 0)
    utterances.speaking(False, 5000)
    assert utterances.cleared(1200) == [Played(0, 1200, interrupted=True)]


def test_what_was_played_before_the_interruption_is_not_cut() -> None:
    utterances = Utterances()
    for ordinal, begin in ((0, 0), (2, 1000), (4, 2000)):
        utterances.speaking(True, begin)
        utterances.named(ordinal, begin)
        utterances.speaking(False, begin + 1000)
    assert utterances.cleared(1500) == [
        Played(0, 1000, interrupted=False),
        Played(2, 500, interrupted=True),
        Played(4, 0, interrupted=True),
    ]


def test_the_name_may_come_before_the_state_and_before_the_audio() -> None:
    utterances = Utterances()
    utterances.speaking(True, 0)
    utterances.named(0, 0)
    utterances.speaking(False, 100)
    utterances.settle(100)
    utterances.speaking(True, 100)
    utterances.named(2, 100)
    utterances.named(2, 150)
    assert utterances.cleared(130) == [Played(2, 30, interrupted=True)]


def test_the_name_may_come_when_all_is_over() -> None:
    utterances = Utterances()
    utterances.speaking(True, 0)
    assert utterances.cleared(70) == []
    assert utterances.named(6, 200) == [Played(6, 70, interrupted=True)]
    assert utterances.named(6, 200) == []


def test_two_utterances_without_a_pause_are_told_apart_by_their_names() -> None:
    utterances = Utterances()
    utterances.speaking(True, 0)
    utterances.named(0, 0)
    utterances.named(1, 800)
    assert utterances.settle(800) == [Played(0, 800, interrupted=False)]
    utterances.speaking(False, 900)
    assert utterances.settle(900) == [Played(1, 100, interrupted=False)]


def test_a_transcript_of_words_that_were_never_spoken_is_not_told() -> None:
    utterances = Utterances()
    assert utterances.named(0, 0) == []
    assert utterances.cleared(0) == []


def test_an_engine_without_end_does_not_fill_the_memory() -> None:
    utterances = Utterances()
    for number in range(10 * MAX_WAITING):
        utterances.speaking(True, number)
        utterances.named(number, number)
        utterances.speaking(False, number + 1)
    assert len(utterances.cleared(0)) == MAX_WAITING


def test_words_that_are_taken_for_nobody_are_not_heard() -> None:
    """Muted in the middle of one utterance, to the middle of the next but one."""
    utterances = Utterances()
    utterances.speaking(True, 0)
    utterances.named(0, 0)
    assert utterances.audible(False, 300) == [Played(0, 300, interrupted=True)]
    assert utterances.named(0, 500) == []
    utterances.speaking(False, 1000)
    utterances.speaking(True, 1000)
    utterances.named(2, 1000)
    utterances.speaking(False, 1500)
    assert utterances.settle(1500) == [Played(2, 0, interrupted=True)]
    utterances.speaking(True, 1500)
    utterances.named(4, 1500)
    assert utterances.audible(True, 1700) == []
    utterances.speaking(False, 2500)
    assert utterances.settle(2500) == [Played(4, 800, interrupted=False)]


def test_late_words_about_an_utterance_that_was_cut_short_are_not_another_one() -> None:
    utterances = Utterances()
    utterances.speaking(True, 0)
    utterances.named(3, 0)
    assert utterances.cleared(50) == [Played(3, 50, interrupted=True)]
    assert utterances.named(3, 50) == []
    utterances.speaking(False, 50)
    assert utterances.settle(50) == []


def test_another_engine_counts_from_the_beginning() -> None:
    utterances = Utterances()
    utterances.speaking(True, 0)
    utterances.named(7, 0)
    utterances.cleared(10)
    utterances.restart()
    utterances.speaking(True, 10)
    utterances.named(0, 10)
    utterances.speaking(False, 90)
    assert utterances.settle(90) == [Played(0, 80, interrupted=False)]
