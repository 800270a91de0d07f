import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.playout import LONGEST_SILENCE_MS, UTTERANCE_GAP_FRAMES, Playout
from media.standing_delay import WINDOW_FRAMES
from tests.support.audio import Samples, noise, silence, tone


def playout(limit_ms: int = 30_000) -> Playout:
    made = Playout(8000, limit_ms)
    made.held = False
    return made


def drain(source: Playout) -> list[bytes | None]:
    frames: list[bytes | None] = []
    while not source.empty:
        frame = source.take()
        frames.append(None if frame is None else bytes(frame))
    return frames


def samples(frame: bytes | bytearray | None) -> Samples:
    assert frame is not None
    return np.frombuffer(bytes(frame), dtype="<i2").astype(np.int16)


def steepest(audio: Samples) -> int:
    return int(np.abs(np.diff(audio.astype(int))).max())


def test_audio_comes_out_as_it_went_in_in_frames_of_20_ms() -> None:
    source = playout()
    audio = tone(300, 200)
    source.put(audio.tobytes())
    frames = drain(source)
    assert all(frame is None or len(frame) == 320 for frame in frames)
    assert b"".join(frame or b"" for frame in frames[:10]) == audio.tobytes()


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=30))
def test_pieces_of_any_size_even_half_samples_make_the_same_audio(sizes: list[int]) -> None:
    audio = noise(sum(sizes) / 16 + 1, level_dbfs=-10).tobytes()[: sum(sizes)]
    source = playout()
    at = 0
    for size in sizes:
        source.put(memoryview(audio)[at : at + size])
        at += size
    whole = b"".join(frame or b"" for frame in drain(source))
    even = len(audio) & ~1
    assert whole[:even] == audio[:even]


def test_the_last_piece_smaller_than_a_frame_is_played_too() -> None:
    source = playout()
    audio = tone(300, 50)
    source.put(audio.tobytes())
    whole = b"".join(frame or b"" for frame in drain(source))
    assert whole[: 50 * 16] == audio.tobytes()


def test_an_utterance_shorter_than_a_frame_waits_for_its_rest_but_not_for_ever() -> None:
    source = playout()
    source.put(tone(300, 10).tobytes())
    frames = [source.take() for _ in range(3)]
    assert frames[:2] == [None, None]
    assert samples(frames[2])[:80].any()


def test_after_a_clear_only_a_fading_edge_of_5_ms_is_left() -> None:
    source = playout()
    source.put(tone(300, 3000).tobytes())
    source.take()
    assert source.clear() == 2980
    edge = samples(source.take())
    assert not edge[40:].any()
    assert source.take() is None
    assert source.empty


def test_a_clear_while_nothing_sounds_drops_nothing() -> None:
    source = playout()
    assert source.clear() == 0
    assert source.take() is None


def test_audio_after_a_clear_is_a_new_utterance_from_its_first_sample() -> None:
    source = playout()
    source.put(tone(300, 1000).tobytes())
    source.take()
    source.clear()
    source.take()
    fresh = tone(500, 40)
    source.put(fresh.tobytes())
    assert bytes(source.take() or b"") == fresh.tobytes()[:320]
    assert source.underruns == 0


def test_an_interruption_of_the_engine_makes_no_click_and_is_counted() -> None:
    source = playout()
    audio = tone(300, 120)
    source.put(audio.tobytes()[:960])
    heard = [source.take() for _ in range(3)]
    heard.append(source.take())
    heard.append(source.take() or bytes(320))
    source.put(audio.tobytes()[960:])
    heard.append(source.take())
    joined = np.concatenate([samples(frame) for frame in heard])
    assert steepest(joined) <= 2 * steepest(audio)
    assert source.underruns == 1


def test_the_end_of_an_utterance_is_no_underrun() -> None:
    source = playout()
    source.put(tone(300, 40).tobytes())
    drain(source)
    for _ in range(UTTERANCE_GAP_FRAMES + 1):
        assert source.take() is None
    source.put(tone(300, 40).tobytes())
    source.take()
    assert source.underruns == 0


def test_what_exceeds_the_limit_is_refused_and_counted() -> None:
    source = playout(limit_ms=100)
    audio = tone(300, 150)
    source.put(audio.tobytes())
    assert (source.queued_ms, source.dropped_ms) == (100, 50)
    source.put(audio.tobytes())
    assert (source.queued_ms, source.dropped_ms) == (100, 200)
    assert bytes(source.take() or b"") == audio.tobytes()[:320], "the beginning is kept"


def test_before_the_gate_speech_is_kept_whole_and_leading_silence_is_not() -> None:
    source = Playout(8000, 30_000)
    for _ in range(500):
        source.put(bytes(320))
    greeting = tone(300, 1000)
    source.put(greeting.tobytes())
    for _ in range(500):
        source.put(bytes(320))
    assert source.queued_ms <= 1000 + LONGEST_SILENCE_MS
    source.held = False
    assert bytes(source.take() or b"") == greeting.tobytes()[:320]


def test_silence_sent_in_real_time_behind_a_sentence_does_not_become_delay() -> None:
    source = playout()
    source.put(tone(300, 2000).tobytes())
    for _ in range(150):
        source.put(bytes(320))
        source.take()
    assert source.queued_ms <= LONGEST_SILENCE_MS


def test_pauses_within_speech_are_kept() -> None:
    source = playout()
    sentence = np.concatenate([tone(300, 400), silence(500), tone(300, 400)])
    for at in range(0, len(sentence), 160):
        source.put(sentence[at : at + 160].tobytes())
    whole = b"".join(frame or b"" for frame in drain(source))
    assert whole[: len(sentence) * 2] == sentence.tobytes()


def test_delay_left_by_a_stall_is_taken_back_in_quiet_frames() -> None:
    source = playout()
    quiet = noise(20, level_dbfs=-65).tobytes()
    source.put(quiet * 5)  # five frames too many
    for _ in range(3 * WINDOW_FRAMES):
        source.put(quiet)
        source.take()
    assert source.queued_ms <= 20
    assert source.frames_skipped == 4


def test_delay_left_by_a_stall_is_taken_back_without_clicks_when_the_voice_never_pauses() -> None:
    source = playout()
    audio = tone(250, 12_000)
    source.put(audio[:800].tobytes())
    heard = []
    for at in range(800, len(audio) - 160, 160):
        source.put(audio[at : at + 160].tobytes())
        heard.append(samples(source.take()))
    assert source.queued_ms <= 40
    assert steepest(np.concatenate(heard)) <= 2 * steepest(audio)


def test_an_engine_that_runs_ahead_is_not_shortened() -> None:
    source = playout()
    audio = tone(300, 5000)
    source.put(audio.tobytes())
    whole = b"".join(frame or b"" for frame in drain(source))
    assert whole[: len(audio) * 2] == audio.tobytes()
    assert source.frames_skipped == 0


@pytest.mark.parametrize("rate", [8000, 16000])
def test_frames_are_20_ms_at_any_rate(rate: int) -> None:
    source = Playout(rate, 1000)
    source.held = False
    source.put(tone(300, 40, rate=rate).tobytes())
    assert len(source.take() or b"") == rate // 50 * 2
