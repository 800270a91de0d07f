"""An engine that may leave, and what it is told when it is back."""

from __future__ import annotations

from gateway.engine_absence import MOST_KEPT, EngineAbsence


def test_an_engine_that_is_needed_may_not_leave() -> None:
    absence = EngineAbsence()
    assert not absence.covers()
    absence.allow(True)
    assert not absence.allow(False), "it has not left, and need not be called"
    assert not absence.covers()


def test_one_that_has_left_is_told_everything_when_it_is_back() -> None:
    absence = EngineAbsence()
    absence.allow(True)
    assert absence.covers()
    for number in range(MOST_KEPT + 1):
        assert absence.keeps({"text": number})
    assert absence.allow(False), "it has to be called"
    assert [message["text"] for message in absence.back()] == list(range(MOST_KEPT))
    assert not absence.keeps({"text": "now"})
    assert not absence.covers()


def test_one_that_has_left_for_good_is_told_nothing() -> None:
    absence = EngineAbsence()
    absence.leave()
    assert absence.covers()
    assert absence.keeps({"text": "hello"})
    assert absence.back() == []
