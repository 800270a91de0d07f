from collections import deque

import numpy as np
import pytest

from media.quality.turn_latency import KEPT_FIGURES, Measure, TurnLatency, percentile

FRAME_S = 0.02


def pcm(level: float, samples: int = 160) -> bytes:
    return np.full(samples, level, dtype="<i2").tobytes()


VOICE, QUIET, LOUD = pcm(3000), pcm(10), pcm(32124)


class Scene:
    """Two parties whose audio the test gives in milliseconds."""

    def __init__(self) -> None:
        self.turns = TurnLatency()
        self.now = 1000.0

    def run(self, milliseconds: int, caller: bytes | None = QUIET, agent: bytes | None = None) -> None:
        for _ in range(milliseconds // 20):
            self.now += FRAME_S
            self.turns.frame(caller, agent, self.now)

    def fresh(self) -> list[tuple[Measure, int]]:
        found = list(self.turns.fresh)
        self.turns.fresh.clear()
        return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("waited_ms", [100, 240, 500, 1500, 4000])
def test_the_wait_for_an_answer_is_measured_to_one_judged_frame(scene: Scene, waited_ms: int) -> None:
    scene.run(1000)
    scene.run(1200, caller=VOICE)
    scene.run(waited_ms)
    scene.run(800, agent=VOICE)
    ((what, took_ms),) = scene.fresh()
    assert what is Measure.TURN
    assert took_ms == pytest.approx(waited_ms, abs=41)
    assert scene.turns.turns == 1


def test_a_pause_within_the_callers_turn_does_not_end_it(scene: Scene) -> None:
    scene.run(800, caller=VOICE)
    scene.run(600)
    scene.run(800, caller=VOICE)
    scene.run(400)
    scene.run(500, agent=VOICE)
    ((_, took_ms),) = scene.fresh()
    assert took_ms == pytest.approx(400, abs=41)


def test_silence_sent_by_the_engine_is_no_answer(scene: Scene) -> None:
    scene.run(800, caller=VOICE)
    scene.run(700, agent=QUIET)
    scene.run(500, agent=VOICE)
    ((_, took_ms),) = scene.fresh()
    assert took_ms == pytest.approx(700, abs=41)


def test_a_pause_of_the_agent_and_a_greeting_are_no_turns(scene: Scene) -> None:
    scene.run(500, agent=VOICE)
    scene.run(800)
    scene.run(500, agent=VOICE)
    assert scene.fresh() == []
    assert scene.turns.first_agent_at == pytest.approx(1000.02, abs=0.03)


def test_a_cough_is_no_turn_and_owes_nothing(scene: Scene) -> None:
    scene.run(80, caller=VOICE)
    scene.run(2000)
    assert scene.turns.owed_since is None
    scene.run(500, agent=VOICE)
    assert scene.fresh() == []


def test_an_agent_that_talks_into_the_callers_words_was_not_waited_for(scene: Scene) -> None:
    scene.run(1000, caller=VOICE)
    scene.run(500, caller=VOICE, agent=VOICE)
    assert scene.fresh() == []


def test_barge_in_is_measured_from_the_callers_first_word(scene: Scene) -> None:
    scene.run(2000, agent=VOICE)
    scene.run(300, caller=VOICE, agent=VOICE)
    scene.turns.cleared()
    scene.run(600, caller=VOICE)
    scene.run(400)
    scene.run(400, agent=VOICE)
    (barge, barge_ms), (turn, turn_ms) = scene.fresh()
    assert barge is Measure.BARGE_IN
    assert barge_ms == pytest.approx(280, abs=41)
    assert turn is Measure.TURN
    assert turn_ms == pytest.approx(400, abs=41)


def test_a_queue_cleared_for_another_reason_is_no_barge_in(scene: Scene) -> None:
    scene.run(1000, agent=VOICE)
    scene.turns.cleared()
    assert scene.fresh() == []


def test_the_agent_owes_an_answer_from_the_end_of_the_callers_turn_until_it_is_heard(scene: Scene) -> None:
    scene.run(1000, caller=VOICE)
    spoke_until = scene.now
    assert scene.turns.owed_since is None
    scene.run(1000)
    assert scene.turns.owed_since == pytest.approx(spoke_until, abs=0.041)
    scene.run(40, agent=VOICE)
    assert scene.turns.owed_since is None


def test_shares_of_silence_and_clipping(scene: Scene) -> None:
    scene.run(6000)
    scene.run(2000, caller=LOUD)
    scene.run(2000, caller=VOICE)
    turns = scene.turns
    assert turns.frames_judged == 250
    assert turns.frames_silent / turns.frames_judged == pytest.approx(0.6, abs=0.01)
    assert turns.frames_clipped / turns.frames_judged == pytest.approx(0.2, abs=0.01)


def test_an_hour_of_conversation_keeps_a_bounded_number_of_figures(scene: Scene) -> None:
    for _ in range(900):  # four seconds each
        scene.run(1000, caller=VOICE)
        scene.run(700)
        scene.run(1000, agent=VOICE)
        scene.run(1300)
    assert scene.turns.turns == 900
    assert len(scene.turns.turns_ms) == KEPT_FIGURES == len(scene.turns.fresh)
    assert percentile(scene.turns.turns_ms, 0.5) == pytest.approx(700, abs=41)
    assert percentile(scene.turns.turns_ms, 0.95) == pytest.approx(700, abs=41)


def test_percentiles_by_nearest_rank() -> None:
    assert percentile(deque(), 0.5) is None
    assert percentile(deque([5]), 0.95) == 5
    assert percentile(deque(range(100)), 0.5) == 50
    assert percentile(deque(range(100)), 0.95) == 95
