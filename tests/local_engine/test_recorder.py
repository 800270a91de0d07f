import io
import wave

import numpy as np

from local_engine.recorder import Recorder, wav_file
from local_engine.tones import tone


def numbered(count: int, start: int = 0) -> bytes:
    return np.arange(start, start + count, dtype="<i2").tobytes()


def test_input_comes_back_byte_for_byte() -> None:
    recorder = Recorder(8000)
    pcm = numbered(1600)
    for start in range(0, len(pcm), 320):
        recorder.add_input(pcm[start : start + 320])
    assert recorder.input_pcm() == pcm
    assert recorder.input_ms == 200


def test_a_span_is_cut_out_to_the_sample() -> None:
    recorder = Recorder(8000)
    for start in range(0, 1600, 160):
        recorder.add_input(numbered(160, start))
    assert recorder.input_pcm(25, 75) == numbered(400, 200)
    assert recorder.input_pcm(190, 500) == numbered(80, 1520)
    assert recorder.input_pcm(-50, 10) == numbered(80)


def test_only_the_last_seconds_are_kept_and_places_stay_right() -> None:
    recorder = Recorder(8000, keep_s=1)
    for start in range(0, 16000, 160):
        recorder.add_input(numbered(160, start))
    assert recorder.kept_bytes <= 16000
    assert recorder.input_ms == 2000
    assert recorder.input_pcm(1500, 1510) == numbered(80, 12000)
    assert recorder.input_pcm(0, 100) == b""


def test_both_sides_are_mixed_at_their_places() -> None:
    recorder = Recorder(8000, conversation=True)
    recorder.add_input(bytes(16000))
    agent = tone((440.0,), 200, 16000)
    recorder.add_agent(agent, 16000, 500.0)
    mixed = np.frombuffer(recorder.mixed_pcm(), dtype="<i2")
    assert len(mixed) == 8000
    assert not mixed[:3990].any()
    assert np.abs(mixed[4000:5600]).max() > 5000
    assert not mixed[5700:].any()


def test_agent_audio_is_not_kept_when_nothing_is_recorded() -> None:
    recorder = Recorder(8000)
    recorder.add_agent(bytes(1600), 8000, 0.0)
    assert recorder.kept_bytes == 0


def test_a_wav_file_tells_its_rate_and_holds_the_audio() -> None:
    with wave.open(io.BytesIO(wav_file(b"\1\0\2\0", 16000))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert file.readframes(10) == b"\1\0\2\0"


def test_what_was_sent_is_kept_within_the_same_bound() -> None:
    recorder = Recorder(8000, keep_s=1)
    for start in range(0, 16000, 160):
        recorder.add_output(numbered(160, start))
    assert recorder.output_pcm() == numbered(8000, 8000)
