"""The listener inside a real leg, whose clock the test turns."""

import numpy as np
import pytest

from media import messages as m
from media.messages import Direction
from tests.media.amd.corpus import corpus
from tests.media.test_leg import LEG, Bench
from tests.support.audio import Samples, noise, silence, tone

FRAME = 160


class Talk(Bench):
    """A leg in a call: each step both sides say 20 ms."""

    def begin(self, **watch: object) -> None:
        self.answered()
        self.leg.engine._emit(m.EngineOpened(leg_id=LEG, connect_ms=1.0))
        if watch:
            self.do(m.WatchSilence(leg_id=LEG, **watch))  # type: ignore[arg-type]
        self.events.clear()

    def run(self, milliseconds: int, caller: Samples | None = None, agent: Samples | None = None) -> None:
        for index in range(milliseconds // 20):
            self.say(_piece(caller, index))
            if agent is not None:
                self.leg.playout.put(_piece(agent, index).tobytes())
            self.tick()

    def told(self, kind: type[m.Event]) -> list[m.Event]:
        return [event for event in self.events if isinstance(event, kind)]


def _piece(audio: Samples | None, index: int) -> Samples:
    if audio is None:
        return silence(20)
    start = index * FRAME % (len(audio) - FRAME + 1)
    return audio[start : start + FRAME]


VOICE = tone(300, 1000, level_dbfs=-15)


def test_a_turn_and_a_barge_in_are_told_with_their_times(talk: Talk) -> None:
    talk.begin()
    talk.run(1000, caller=VOICE)
    talk.run(600)
    talk.run(1000, agent=VOICE)
    talk.run(300, caller=VOICE, agent=VOICE)
    talk.leg.engine.message({"type": "playback_clear_buffer"})
    talk.run(200, caller=VOICE)
    turn, barge = talk.told(m.TurnMeasured)
    assert isinstance(turn, m.TurnMeasured)
    assert isinstance(barge, m.TurnMeasured)
    assert (turn.what, barge.what) == ("turn", "barge-in")
    assert turn.took_ms == pytest.approx(600, abs=80)
    assert barge.took_ms == pytest.approx(300, abs=80)
    assert talk.told(m.PlaybackCleared) != []


def test_a_silent_agent_is_noticed_twice_and_speech_of_it_settles_the_debt(talk: Talk) -> None:
    talk.begin(agent_prompt_ms=3000, agent_end_ms=6000)
    talk.run(1000, caller=VOICE)
    talk.run(10_000)
    noticed = talk.told(m.SilenceNoticed)
    assert [(n.party, n.stage) for n in noticed if isinstance(n, m.SilenceNoticed)] == [
        ("agent", "prompt"),
        ("agent", "end"),
    ]
    talk.events.clear()
    talk.run(1000, caller=VOICE)
    talk.run(3500)
    talk.run(400, agent=VOICE)
    talk.run(10_000)
    assert len(talk.told(m.SilenceNoticed)) == 1


def test_an_agent_that_should_speak_first_owes_a_greeting_from_the_answer_on(talk: Talk) -> None:
    talk.begin(agent_prompt_ms=3000, agent_speaks_first=True)
    talk.run(2600)
    assert talk.told(m.SilenceNoticed) == []
    talk.run(800)
    assert len(talk.told(m.SilenceNoticed)) == 1


def test_comfort_noise_is_no_sign_of_life_and_a_word_or_a_key_is(talk: Talk) -> None:
    talk.begin(caller_prompt_ms=4000)
    hiss = noise(2000, level_dbfs=-45)
    talk.run(5000, caller=hiss)
    assert len(talk.told(m.SilenceNoticed)) == 1
    talk.run(400, caller=VOICE)
    talk.run(400, agent=VOICE)
    talk.run(3600, caller=hiss)
    assert len(talk.told(m.SilenceNoticed)) == 1
    talk.run(1000, caller=hiss)
    assert len(talk.told(m.SilenceNoticed)) == 2
    talk.leg.monitor.key_pressed()
    talk.run(3600, caller=hiss)
    assert len(talk.told(m.SilenceNoticed)) == 2


def test_on_hold_nobody_is_called_silent_and_afterwards_time_begins_anew(talk: Talk) -> None:
    talk.begin(caller_prompt_ms=3000, agent_prompt_ms=3000)
    talk.run(1000, caller=VOICE)
    talk.run(1000)
    talk.negotiate(Direction.SENDONLY)
    talk.run(20_000)
    assert talk.told(m.SilenceNoticed) == []
    talk.negotiate(Direction.SENDRECV)
    talk.run(2600)
    assert talk.told(m.SilenceNoticed) == []
    talk.run(1000)
    assert [n.party for n in talk.told(m.SilenceNoticed) if isinstance(n, m.SilenceNoticed)] == ["caller"]


def test_while_the_caller_is_muted_the_agent_owes_nothing(talk: Talk) -> None:
    talk.begin(agent_prompt_ms=3000)
    talk.do(m.SetMute(leg_id=LEG, caller=True))
    talk.run(1000, caller=VOICE)
    talk.run(10_000)
    assert talk.told(m.SilenceNoticed) == []


def test_without_an_engine_the_agent_is_not_blamed(talk: Talk) -> None:
    talk.begin(agent_prompt_ms=3000)
    talk.run(1000, caller=VOICE)
    talk.leg.engine._emit(m.EngineClosed(leg_id=LEG, code=1006, reason="", normal=False, opened=True))
    talk.run(10_000)
    assert talk.told(m.SilenceNoticed) == []


def test_a_machine_and_its_beep_are_told_through_the_leg(talk: Talk) -> None:
    item = next(item for item in corpus() if item.machine)
    talk.begin()
    talk.do(m.StartAmd(leg_id=LEG))
    for frame in item.frames():
        talk.say(np.frombuffer(frame, dtype="<i2").astype(np.int16))
        talk.tick()
    (result,) = talk.told(m.AmdResult)
    (beep,) = talk.told(m.BeepDetected)
    assert isinstance(result, m.AmdResult)
    assert isinstance(beep, m.BeepDetected)
    assert result.answered_by == "machine"
    assert item.beep_ms is not None
    assert beep.duration_ms == pytest.approx(item.beep_ms[1] - item.beep_ms[0], abs=60)
    assert talk.leg.monitor.listen == talk.leg.monitor.turns.frame, "and nothing is listened for any more"


def test_an_hour_of_silence_is_noticed_four_times_at_most(talk: Talk) -> None:
    monitor = talk.leg.monitor
    talk.begin(agent_prompt_ms=15_000, agent_end_ms=30_000, caller_prompt_ms=20_000, caller_end_ms=60_000)
    frame = silence(20).tobytes()
    now = talk.now
    for index in range(3600 * 50):
        now += 0.02
        monitor.listen(frame, None, now)
        if index % 5 == 0:
            monitor.housekeeping(now, muted=False)
    assert [(n.party, n.stage) for n in talk.told(m.SilenceNoticed) if isinstance(n, m.SilenceNoticed)] == [
        ("caller", "prompt"),
        ("caller", "end"),
    ]


def test_a_browsers_page_is_told_when_the_agent_is_heard_and_nobody_else() -> None:
    for browser, told in ((True, [True, False]), (False, [])):
        talk = Talk(browser=browser)
        try:
            talk.begin()
            talk.run(1000, agent=VOICE)
            talk.run(1000)
            assert [event.speaking for event in talk.events if isinstance(event, m.AgentSpeech)] == told
        finally:
            talk.files.close(5.0)
            for sock in (talk.peer, talk.rtcp, *talk.sockets):
                sock.close()
