from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.call_actions import CallActions, Side
from gateway.errors import ConflictError
from media import messages as m
from store.records import RecordingStatus
from tests.gateway.samples import in_progress

LEG = "c1"


class Scene:
    """One call's actions; what they tell the media plane and the engine is kept."""

    def __init__(self) -> None:
        self.call = in_progress(LEG)
        self.commands: list[m.Command] = []
        self.told: list[dict[str, Any]] = []
        self.actions = CallActions(self.call, self.commands.append, lambda **said: self.told.append(said))

    def steps(self, *kinds: str) -> list[dict[str, Any]]:
        return [step.detail for step in self.call.timeline if step.kind in kinds]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_is_to_be_said_goes_to_the_engine_and_not_onto_the_timeline(scene: Scene) -> None:
    scene.actions.say("Your table is ready.", uninterruptible=True, urgency="immediate")
    scene.actions.message("The table is ready.", urgency="later")
    assert scene.told == [
        {
            "type": "forced_agent_message",
            "content": "Your table is ready.",
            "uninterruptible": True,
            "urgency": "immediate",
        },
        {"type": "user_text_message", "text": "The table is ready.", "urgency": "later"},
    ]
    assert scene.steps("say") == [{"characters": 20, "urgency": "immediate", "uninterruptible": True}]
    assert "table" not in str(scene.call.timeline)


def test_a_file_takes_the_place_of_the_one_before_and_is_told_when_it_ends(scene: Scene) -> None:
    scene.actions.play(Path("/sounds/a.wav"), loop=True, volume=0.5)
    scene.actions.play(Path("/sounds/b.wav"), loop=False, volume=1.0)
    assert scene.commands == [
        m.Play(leg_id=LEG, play_id="play-1", path="/sounds/a.wav", loop=True, volume=0.5),
        m.StopPlay(leg_id=LEG, play_id="play-1"),
        m.Play(leg_id=LEG, play_id="play-2", path="/sounds/b.wav"),
    ]
    scene.actions.take(m.PlayFinished(leg_id=LEG, play_id="play-1", complete=False))
    scene.actions.take(m.PlayFinished(leg_id=LEG, play_id="play-2", complete=True))
    assert scene.steps("play-finished") == [
        {"play_id": "play-1", "complete": False, "error": None},
        {"play_id": "play-2", "complete": True, "error": None},
    ]
    scene.commands.clear()
    scene.actions.stop_play()
    assert scene.commands == []


@pytest.mark.parametrize(
    "end",
    [
        lambda actions: actions.take(m.PlayFinished(leg_id=LEG, play_id="play-1", complete=True)),
        lambda actions: actions.stop_play(),
        lambda actions: actions.hold(True, None),
        lambda actions: actions.close(),
    ],
)
def test_a_fetched_file_is_removed_however_it_ends(
    scene: Scene, tmp_path: Path, end: Callable[[CallActions], None]
) -> None:
    fetched, configured = tmp_path / "fetched", tmp_path / "configured.wav"
    for path in (fetched, configured):
        path.write_bytes(b"x")
    scene.actions.play(fetched, loop=False, volume=1.0, remove=True)
    end(scene.actions)
    assert not fetched.exists()
    assert configured.exists()


def test_what_the_gateway_mutes_and_what_is_asked_for_do_not_undo_each_other(scene: Scene) -> None:
    scene.actions.mute(Side.AGENT, muted=True)
    scene.actions.mute(Side.AGENT, muted=True)
    scene.actions.mute_for_gateway(caller=True, agent=True)
    scene.actions.mute_for_gateway(caller=False, agent=False)
    scene.actions.mute(Side.CALLER, muted=True)
    scene.actions.mute(Side.AGENT, muted=False)
    assert [(each.caller, each.agent) for each in scene.commands if isinstance(each, m.SetMute)] == [
        (False, True),
        (True, True),
        (False, True),
        (True, True),
        (True, False),
    ]
    assert scene.steps("muted", "unmuted") == [{"side": "agent"}, {"side": "caller"}, {"side": "agent"}]


def test_on_hold_nothing_is_said_or_played(scene: Scene) -> None:
    scene.actions.hold(True, Path("/music.mp3"))
    assert scene.commands == [m.SetHold(leg_id=LEG, held=True, music_path="/music.mp3")]
    with pytest.raises(ConflictError) as refused:
        scene.actions.say("Hello?", uninterruptible=False, urgency="soon")
    assert refused.value.code == "call_on_hold"
    with pytest.raises(ConflictError):
        scene.actions.play(Path("/a.wav"), loop=False, volume=1.0)
    scene.actions.message("They wait.", urgency="later")
    scene.actions.hold(False, None)
    scene.actions.say("There you are.", uninterruptible=False, urgency="soon")
    assert [each["type"] for each in scene.told] == ["user_text_message", "forced_agent_message"]


def test_keys_are_sent_and_never_written_down(scene: Scene) -> None:
    scene.actions.send_digits("86w42#")
    assert scene.commands == [m.SendDigits(leg_id=LEG, digits="86w42#")]
    scene.actions.take(m.DigitsSent(leg_id=LEG, digits="86w42#"))
    assert scene.steps("digits-requested", "digits-sent") == [{"count": 6}, {"count": 6}]
    assert "86" not in str(scene.call.timeline)


def test_a_recording_is_paused_resumed_and_stopped(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "recordings" / "c1.wav"
    for verb in (scene.actions.stop_recording, lambda: scene.actions.pause_recording(paused=True)):
        with pytest.raises(ConflictError) as refused:
            verb()
        assert refused.value.code == "recording_not_running"
    scene.actions.start_recording(path)
    with pytest.raises(ConflictError) as refused:
        scene.actions.start_recording(path)
    assert refused.value.code == "recording_running"
    for paused in (True, True, False):
        scene.actions.pause_recording(paused=paused)
    scene.actions.stop_recording()
    assert scene.commands == [
        m.StartRecording(leg_id=LEG, path=str(path)),
        m.PauseRecording(leg_id=LEG),
        m.ResumeRecording(leg_id=LEG),
        m.StopRecording(leg_id=LEG),
    ]
    assert scene.call.record.recording_path == str(path)
    assert scene.call.record.recording_status is RecordingStatus.RECORDING, "the file is not closed yet"
    with pytest.raises(ConflictError) as refused:
        scene.actions.start_recording(path)
    assert refused.value.code == "recording_exists"


async def test_audio_is_asked_for_while_somebody_listens(scene: Scene) -> None:
    listener = scene.actions.listeners.add()
    heard = m.AudioHeard(leg_id=LEG, sequence=1, sample_rate=8000, audio=b"\0\0\0\0")
    scene.actions.take(heard)
    assert await listener.next() == heard
    scene.actions.listeners.remove(listener)
    assert scene.commands == [m.StartListening(leg_id=LEG), m.StopListening(leg_id=LEG)]


async def test_the_end_of_the_call_ends_listening(scene: Scene) -> None:
    listener = scene.actions.listeners.add()
    scene.actions.close()
    assert await listener.next() is None
