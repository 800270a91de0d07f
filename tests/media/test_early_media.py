"""What is heard before the answer, through a whole leg with a far party on a real socket."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from media import messages
from tests.media.test_leg import LEG, Bench, negotiate_l16
from tests.support.audio import (
    Samples,
    level_dbfs,
    loud_spans,
    read_wav,
    silence,
    tone,
    tone_level_dbfs,
    write_wav,
)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def heard(bench: Bench, frames: int) -> Samples:
    """What arrives within so many frames, read now and then as a telephone does."""
    parts: list[Samples] = []
    for _ in range(frames // 25):
        bench.tick(25)
        parts += bench.heard()
    return np.concatenate(parts) if parts else silence(0)


@pytest.mark.parametrize("negotiated_first", [True, False])
def test_a_caller_hears_a_ringing_tone_until_the_answer_and_then_the_agent(
    bench: Bench, negotiated_first: bool
) -> None:
    if negotiated_first:
        bench.negotiate()
    bench.do(messages.PlayEarly(leg_id=LEG))
    if not negotiated_first:
        bench.negotiate()
    bench.leg.playout.put(tone(1000, 400).tobytes())
    rings = loud_spans(heard(bench, 300))
    assert [(round(span.start_ms, -2), round(span.duration_ms, -2)) for span in rings] == [
        (0, 1000),
        (5000, 1000),
    ]
    bench.do(messages.OpenGate(leg_id=LEG))
    bench.say(silence(20))
    answered = heard(bench, 100)
    assert tone_level_dbfs(answered[160:3000], 1000) > -14, "the agent's first words waited"
    assert tone_level_dbfs(answered, 425) < -60


def test_the_tone_is_the_same_at_a_wide_codec(bench: Bench) -> None:
    bench.do(messages.PlayEarly(leg_id=LEG))
    negotiate_l16(bench, 16000)
    bench.tick(25)
    payloads = b"".join(np.frombuffer(p, dtype=">i2").astype("<i2").tobytes() for p in packets(bench))
    sound = np.frombuffer(payloads, dtype="<i2").astype(np.int16)
    assert len(sound) == 8000
    assert tone_level_dbfs(sound, 425, 16000) == pytest.approx(-22, abs=2)


def packets(bench: Bench) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(bench.peer.recv(4096)[12:])
        except BlockingIOError:
            return found


def test_a_file_is_played_again_and_again(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "welcome.wav"
    write_wav(path, np.concatenate([tone(700, 200), silence(200)]))
    bench.negotiate()
    bench.do(messages.PlayEarly(leg_id=LEG, path=str(path)))
    bench.files.close(5.0)
    spans = loud_spans(heard(bench, 100))
    assert [round(span.start_ms) for span in spans] == [0, 400, 800, 1200, 1600]


def test_a_file_that_cannot_be_played_becomes_the_tone(bench: Bench, tmp_path: Path) -> None:
    bench.negotiate()
    bench.do(messages.PlayEarly(leg_id=LEG, path=str(tmp_path / "missing.wav")))
    bench.files.close(5.0)
    assert tone_level_dbfs(heard(bench, 50), 425) > -26


def test_a_caller_who_sends_nothing_before_the_answer_is_not_missed(bench: Bench) -> None:
    bench.negotiate()
    bench.do(messages.PlayEarly(leg_id=LEG))
    heard(bench, 1500)
    assert "MediaTimedOut" not in bench.kinds()
    bench.do(messages.OpenGate(leg_id=LEG))
    heard(bench, 175)
    assert "MediaTimedOut" in bench.kinds(), "after the answer it is, within 3 s"


async def test_early_media_is_not_recorded_and_listeners_do_not_get_it(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    bench.negotiate()
    bench.do(messages.PlayEarly(leg_id=LEG))
    bench.do(messages.StartRecording(leg_id=LEG, path=str(path)))
    bench.do(messages.StartListening(leg_id=LEG))
    assert level_dbfs(heard(bench, 50)) > -30
    bench.do(messages.StopRecording(leg_id=LEG))
    bench.files.close(5.0)
    assert not read_wav(path)[0].any()
    overheard = [event.audio for event in bench.events if isinstance(event, messages.AudioHeard)]
    assert overheard
    assert not any(b"".join(overheard))
    assert "FirstAudioSent" not in bench.kinds()


def test_after_the_answer_nothing_early_is_played(bench: Bench) -> None:
    bench.answered()
    bench.do(messages.PlayEarly(leg_id=LEG))
    assert level_dbfs(heard(bench, 50)) < -70
