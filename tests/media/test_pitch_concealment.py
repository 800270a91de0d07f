"""Concealment is judged by speech that is known: what is made up is compared with what was lost."""

import functools
import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from media.pitch_concealment import ENOUGH_FRAMES, HISTORY_FRAMES, PitchConcealer
from tests.support.audio import Samples, level_dbfs, noise, tone
from tests.support.speech import spoken_alike

BEHIND = b"the packet behind the loss is here"
RATES = [8000, 16000]


@functools.cache
def speech(rate: int) -> list[Samples]:
    audio = spoken_alike("Good morning, many men and women were running all around in May.", rate)
    size = rate // 50
    return [audio[at : at + size] for at in range(0, len(audio) - size + 1, size)]


def samples(audio: bytes) -> Samples:
    return np.frombuffer(audio, dtype="<i2").astype(np.int16)


def is_voiced(audio: Samples, rate: int) -> bool:
    """Loud, and like itself one pitch period later."""
    signal = audio.astype(float)
    likeness = np.correlate(signal, signal, "full")[len(signal) - 1 :]
    return level_dbfs(audio) > -30 and likeness[rate // 200 : rate // 66].max() > 0.5 * likeness[0]


def voiced_losses(rate: int, frames: int) -> Iterator[int]:
    """Where that many frames of voiced speech can be lost, with voice before and a packet behind."""
    whole = speech(rate)
    for at in range(HISTORY_FRAMES, len(whole) - frames - 1):
        before, lost = whole[at - 2 : at], whole[at : at + frames]
        if is_voiced(np.concatenate(before), rate) and is_voiced(np.concatenate((before[-1], *lost)), rate):
            yield at


def lose(rate: int, at: int, frames: int) -> tuple[Samples, Samples, Samples]:
    """Last real frame, made-up frames, first real frame behind them, as they are heard."""
    whole = speech(rate)
    concealer = PitchConcealer(rate)
    for frame in whole[at - HISTORY_FRAMES : at]:
        concealer.remember(frame.tobytes())
    made = b"".join(concealer.conceal(rate // 25, BEHIND) for _ in range(frames))
    return whole[at - 1], samples(made), samples(concealer.resume(whole[at + frames].tobytes()))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("frames", "likeness"), [(1, 0.6), (2, 0.45), (3, 0.35)])
def test_made_up_speech_is_like_what_was_lost(rate: int, frames: int, likeness: float) -> None:
    found = []
    for at in voiced_losses(rate, frames):
        lost = np.concatenate(speech(rate)[at : at + frames]).astype(float)
        made = lose(rate, at, frames)[1].astype(float)
        found.append(float(np.dot(lost, made) / (np.linalg.norm(lost) * np.linalg.norm(made))))
    assert len(found) >= 15
    assert np.median(found) > likeness


@pytest.mark.parametrize("rate", RATES)
def test_one_lost_frame_leaves_less_error_than_a_hole_and_than_the_last_frame_again(rate: int) -> None:
    gains, repeated = [], []
    for at in voiced_losses(rate, 1):
        lost = speech(rate)[at].astype(float)
        energy = np.sum(lost**2)
        gains.append(10 * np.log10(energy / np.sum((lost - lose(rate, at, 1)[1]) ** 2)))
        repeated.append(10 * np.log10(energy / np.sum((lost - speech(rate)[at - 1]) ** 2)))
    assert np.median(gains) > 1.5
    assert np.median(gains) > np.median(repeated) + 2


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_seams_do_not_click(rate: int, frames: int) -> None:
    """No step at an edge is higher than the steps of the speech around it."""
    for at in voiced_losses(rate, frames):
        around = np.concatenate(speech(rate)[at - 5 : at + frames + 1]).astype(float)
        before, made, behind = lose(rate, at, frames)
        heard = np.concatenate((before, made, behind)).astype(float)
        size = rate // 50
        first, last = size, size + len(made)
        edges = (heard[first - 2 : first + 2], heard[last - 2 : last + rate // 100])
        steps = max(np.abs(np.diff(edge)).max() for edge in edges)
        assert steps <= 1.1 * np.abs(np.diff(around)).max()


@pytest.mark.parametrize("rate", RATES)
def test_a_vowel_goes_on_at_its_pitch(rate: int) -> None:
    time = np.arange(rate) / rate
    pitch = 123.0
    vowel = sum(3000 / k * np.sin(2 * np.pi * pitch * k * time) for k in range(1, 12))
    audio = np.asarray(vowel).astype(np.int16)
    size = rate // 50
    concealer = PitchConcealer(rate)
    for at in range(0, 30 * size, size):
        concealer.remember(audio[at : at + size].tobytes())
    made = samples(concealer.conceal(2 * size, BEHIND)).astype(float)
    lost = audio[30 * size : 31 * size].astype(float)
    assert 10 * np.log10(np.sum(lost**2) / np.sum((lost - made) ** 2)) > 10


def test_speech_stays_for_10_ms_and_is_gone_after_60() -> None:
    concealer = PitchConcealer(8000)
    for frame in np.split(tone(125, 640), 32):
        concealer.remember(frame.tobytes())
    concealer._background = 0.0
    levels = [level_dbfs(samples(concealer.conceal(160, BEHIND))) for _ in range(8)]
    assert levels[0] > -13
    assert all(later < earlier for earlier, later in itertools.pairwise(levels[1:6]))
    assert concealer.frames_concealed == 3


def test_behind_the_fade_the_background_of_before_is_heard() -> None:
    concealer = PitchConcealer(8000)
    hum = noise(400, level_dbfs=-58)
    words = tone(300, 200, level_dbfs=-15)
    for frame in (*np.split(hum, 20), *np.split(words, 10)):
        concealer.remember(frame.tobytes())
    heard = [samples(concealer.conceal(320)) for _ in range(20)]
    assert abs(level_dbfs(np.concatenate(heard[4:])) + 58) < 3
    assert concealer.frames_concealed == 3


def test_loud_speech_alone_is_never_taken_for_background() -> None:
    concealer = PitchConcealer(8000)
    for frame in np.split(tone(300, 640, level_dbfs=-10), 32):
        concealer.remember(frame.tobytes())
    for _ in range(5):
        heard = samples(concealer.conceal(320))
    assert level_dbfs(heard) < -49


def test_digital_silence_stays_digital_silence() -> None:
    concealer = PitchConcealer(8000)
    for _ in range(HISTORY_FRAMES):
        concealer.remember(bytes(320))
    assert all(concealer.conceal(320) == bytes(320) for _ in range(10))


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_little_or_nothing_heard_before_a_loss_is_no_error(frames: int) -> None:
    concealer = PitchConcealer(8000)
    for frame in np.split(tone(300, 20 * frames), frames) if frames else ():
        concealer.remember(frame.tobytes())
    made = concealer.conceal(320, BEHIND)
    assert len(made) == 320
    assert bool(samples(made).any()) is (frames > 0)
    assert len(concealer.resume(bytes(320))) == 320
    assert frames < ENOUGH_FRAMES


def test_pieces_of_any_length_are_one_continuous_piece() -> None:
    whole, pieces = PitchConcealer(8000), PitchConcealer(8000)
    for frame in np.split(tone(300, 100), 5):
        whole.remember(frame.tobytes())
        pieces.remember(frame.tobytes())
    assert whole.conceal(960) == pieces.conceal(160) + pieces.conceal(480) + pieces.conceal(320)


def test_a_packet_shorter_than_the_overlap_is_joined_in_its_whole_length() -> None:
    concealer = PitchConcealer(8000)
    for frame in np.split(tone(300, 100), 5):
        concealer.remember(frame.tobytes())
    concealer.conceal(960)
    assert len(concealer.resume(tone(300, 5).tobytes())) == 80
    assert concealer.faded == 0


def test_what_follows_a_long_pause_is_eased_in() -> None:
    concealer = PitchConcealer(8000)
    for _ in range(50):
        concealer.conceal(320)
    loud = np.full(160, 10000, dtype="<i2")
    resumed = samples(concealer.resume(loud.tobytes()))
    assert abs(int(resumed[0])) < 1000
    assert np.array_equal(resumed[80:], loud[80:])


def test_an_announced_pause_leads_softly_from_the_last_word_to_noise() -> None:
    concealer = PitchConcealer(8000)
    word = tone(400, 20)[:150]
    concealer.remember(word.tobytes())
    concealer.announce(32.0)
    pause = samples(concealer.conceal(320))
    assert abs(int(pause[0]) - int(word[-1])) < 600
    assert level_dbfs(pause[40:]) < -55
    assert concealer.frames_concealed == 0
