"""Which of several sounds the far party of a leg hears, and what becomes of the agent's words meanwhile."""

from pathlib import Path

import numpy as np
import pytest

from media import messages as m
from media.dtmf_sender import DigitsError
from media.file_thread import FileThread
from media.leg_speaker import LegSpeaker
from media.playback import Player
from media.playout import Playout
from tests.support.audio import dominant_tone, tone

RATE = 8000
AGENT_HZ = 700


class Scene:
    def __init__(self) -> None:
        self.events: list[m.Event] = []
        self.files = FileThread()
        self.speaker = LegSpeaker("a", Player(self.files, 10), self.events.append)
        self.playout = Playout(RATE, 30_000)
        self.playout.held = False
        self.playout.put(tone(AGENT_HZ, 2000).tobytes())

    def heard(self, frames: int = 10) -> bytes:
        return b"".join(bytes(self.speaker.frame(self.playout) or bytes(320)) for _ in range(frames))

    def frequency(self) -> float:
        return dominant_tone(np.frombuffer(self.heard(), np.int16))[0]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_agent_alone_is_the_usual_case(scene: Scene) -> None:
    assert scene.speaker.only_agent
    assert not scene.speaker.replaced
    assert scene.frequency() == pytest.approx(AGENT_HZ, abs=15)


def test_a_muted_agent_is_not_heard_and_does_not_wait(scene: Scene) -> None:
    scene.speaker.mute(True)
    assert not scene.speaker.only_agent
    assert scene.heard() == bytes(3200)
    assert scene.playout.queued_ms == 1800
    scene.speaker.mute(False)
    assert scene.speaker.only_agent


def test_on_hold_the_agents_words_are_for_nobody(scene: Scene) -> None:
    scene.speaker.hold(None, RATE)
    assert scene.speaker.held
    assert abs(scene.frequency() - AGENT_HZ) > 50
    assert scene.playout.queued_ms == 1800
    scene.speaker.resume()
    assert not scene.speaker.held
    assert scene.speaker.only_agent


def test_keys_let_the_agent_wait_and_tell_when_they_were_sent(scene: Scene) -> None:
    scene.speaker.send_tones(m.SendDigits(leg_id="a", digits="5", tone_ms=100, gap_ms=60), RATE)
    assert scene.speaker.sends_tones
    with pytest.raises(DigitsError):
        scene.speaker.send_tones(m.SendDigits(leg_id="a", digits="6"), RATE)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(scene.heard(4), np.int16)))
    strongest = sorted(np.argsort(spectrum)[-8:] * RATE / 640)
    assert any(abs(hz - 770) < 15 for hz in strongest)
    assert any(abs(hz - 1336) < 15 for hz in strongest)
    scene.heard(8)
    assert scene.events == [m.DigitsSent(leg_id="a", digits="5")]
    assert scene.playout.queued_ms > 1800
    assert scene.speaker.only_agent


def test_a_file_that_cannot_be_played_is_told_and_gives_way(scene: Scene, tmp_path: Path) -> None:
    scene.speaker.play(m.Play(leg_id="a", play_id="p", path=str(tmp_path / "none.wav")), RATE)
    scene.files.close(5)
    scene.heard(3)
    (event,) = scene.events
    assert isinstance(event, m.PlayFinished)
    assert not event.complete
    assert event.error
    assert scene.speaker.only_agent


def test_only_the_file_that_is_played_can_be_stopped(scene: Scene, tmp_path: Path) -> None:
    scene.speaker.play(m.Play(leg_id="a", play_id="p", path=str(tmp_path / "none.wav")), RATE)
    scene.speaker.stop_play("another")
    assert scene.events == []
    scene.speaker.stop_play("p")
    assert [event.complete for event in scene.events if isinstance(event, m.PlayFinished)] == [False]


def test_keys_come_before_music_and_music_before_a_file(scene: Scene, tmp_path: Path) -> None:
    scene.speaker.play(m.Play(leg_id="a", play_id="p", path=str(tmp_path / "none.wav")), RATE)
    scene.speaker.hold(None, RATE)
    scene.speaker.send_tones(m.SendDigits(leg_id="a", digits="1", tone_ms=40, gap_ms=40), RATE)
    keys = scene.heard(4)
    music = scene.heard(4)
    assert keys != music
    assert any(music)
    scene.speaker.resume()
    assert scene.speaker.replaced


def test_a_muted_agent_does_not_wait_behind_a_file(scene: Scene, tmp_path: Path) -> None:
    scene.speaker.mute(True)
    scene.speaker.send_tones(m.SendDigits(leg_id="a", digits="5", tone_ms=100, gap_ms=60), RATE)
    scene.heard(5)
    assert scene.playout.queued_ms == 1900
