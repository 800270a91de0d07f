"""Marks are known again by number and place, whatever surrounds them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.markers import (
    NUMBERS,
    PACKET_SAMPLES,
    Found,
    find_marks,
    mark_payloads,
    noise_payloads,
)
from tests.support.g711 import Law

MARKS = mark_payloads()
NOISE = noise_payloads()


@pytest.mark.parametrize("number", [0, 1, 5, 127, 128, 170, 255])
def test_mark_is_found_at_its_sample(number: int) -> None:
    stream = NOISE[0] + NOISE[1][:37] + MARKS[number] + NOISE[2] + NOISE[3]
    assert find_marks(stream) == [Found(number, PACKET_SAMPLES + 37)]


def test_all_marks_are_different_and_one_packet_long() -> None:
    assert len(set(MARKS)) == NUMBERS
    assert {len(payload) for payload in MARKS + NOISE} == {PACKET_SAMPLES}


def test_marks_in_a_long_stream_are_all_found_in_order() -> None:
    stream = b"".join(
        NOISE[n % 50] + NOISE[(n + 1) % 50] + MARKS[n] + NOISE[(n + 2) % 50] for n in range(256)
    )
    assert [found.number for found in find_marks(stream)] == list(range(256))


def test_noise_and_silence_hold_no_mark() -> None:
    assert find_marks(b"".join(NOISE)) == []
    assert find_marks(b"\xff" * 8000) == []
    assert find_marks(b"") == []


def test_mark_survives_another_level_and_a_lost_sample() -> None:
    quieter = Law.PCMU.decode(MARKS[77]).astype(np.int32) * 6 // 10
    damaged = Law.PCMU.encode(quieter.astype(np.int16))
    stream = b"".join(NOISE[:3]) + damaged[:80] + damaged[81:] + b"".join(NOISE[3:6])
    assert [found.number for found in find_marks(stream)] == [77]


def test_cut_mark_is_not_guessed() -> None:
    assert find_marks(b"".join(NOISE[:3]) + MARKS[9][:100]) == []
    wrong_parity = Law.PCMU.decode(MARKS[9]).copy()
    wrong_parity[-16:] = 20_000 if wrong_parity[-1] < 8000 else 0
    assert find_marks(b"".join(NOISE[:3]) + Law.PCMU.encode(wrong_parity) + NOISE[3]) == []
