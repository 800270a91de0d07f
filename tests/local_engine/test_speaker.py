from local_engine.actions import Say, Silence
from local_engine.faults import CallFaults
from local_engine.speaker import Speaker
from local_engine.wire import Outlet
from tests.local_engine.stage import WORD_MS, StageWire, socket_settings


def speaker(wire: StageWire, *, faults: CallFaults | None = None, buffer_ms: int = 30000) -> Speaker:
    socket = socket_settings(buffer_ms=buffer_ms)
    return Speaker(Outlet(wire, socket.data_messages), socket, faults or CallFaults(), text_output=False)


def test_it_wants_every_tick_while_it_speaks_and_none_after() -> None:
    wire = StageWire()
    mouth = speaker(wire)
    assert not mouth.busy
    mouth.say((Say("one two"),), 10.0)
    assert (mouth.busy, mouth.speaking, mouth.wake_at) == (True, True, 0.0)
    mouth.on_tick(10.0 + 2 * WORD_MS / 1000)
    assert (mouth.busy, mouth.wake_at) == (False, float("inf"))


def test_thinking_takes_as_long_as_the_knob_says() -> None:
    mouth = speaker(StageWire(), faults=CallFaults(think_ms=300))
    mouth.say((Say("one"),), 10.0)
    assert (mouth.speaking, mouth.wake_at) == (False, 10.3)
    mouth.on_tick(10.3)
    assert mouth.speaking


def test_an_utterance_of_silence_has_no_transcript_worth_remembering() -> None:
    wire = StageWire()
    mouth = speaker(wire)
    mouth.say((Silence(100),), 10.0)
    mouth.on_tick(10.1)
    assert wire.history == []
    assert wire.sent_ms == 100


def test_interrupting_nothing_does_nothing() -> None:
    wire = StageWire()
    mouth = speaker(wire)
    mouth.interrupt(10.0)
    assert (wire.messages, mouth.interruptions) == ([], 0)


def test_frames_are_cut_as_the_fault_asks() -> None:
    wire = StageWire()
    speaker(wire, faults=CallFaults(frame_bytes=100)).say((Say("one"),), 10.0)
    assert {len(frame) for frame in wire.frames} == {100}
