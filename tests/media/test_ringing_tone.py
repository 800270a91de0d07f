"""The ringing tone: two seconds in six, the same at every rate, without a seam between its frames."""

from __future__ import annotations

import numpy as np
import pytest

from media.ringing_tone import ringing_frame


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_it_rings_two_seconds_in_six(rate: int) -> None:
    frames = [np.frombuffer(ringing_frame(rate, number), dtype="<i2") for number in range(600)]
    assert {len(frame) for frame in frames} == {rate // 50}
    loud = [bool(np.abs(frame.astype(int)).max() > 100) for frame in frames]
    assert loud == ([True] * 100 + [False] * 200) * 2
    sound = np.concatenate(frames[:100]).astype(float)
    spectrum = np.abs(np.fft.rfft(sound))
    strongest = sorted(round(float(index) / 2) for index in np.argsort(spectrum)[-2:])
    assert strongest == [440, 480]
    assert np.abs(np.diff(sound)).max() < 6000 * 2 * np.pi * 480 / rate, "no jump"
