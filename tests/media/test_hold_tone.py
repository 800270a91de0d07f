import numpy as np
import pytest

from media.hold_tone import hold_tone
from tests.support.audio import level_dbfs, tone_level_dbfs


@pytest.mark.parametrize("rate", [8000, 16000])
def test_it_is_soft_and_begins_and_ends_in_silence(rate: int) -> None:
    sound = np.frombuffer(hold_tone(rate), dtype="<i2").astype(np.int16)
    assert len(sound) == 4 * rate
    assert -30 < level_dbfs(sound) < -20
    assert int(np.abs(sound).max()) < 10_000
    assert abs(int(sound[0])) < 50
    assert abs(int(sound[-1])) < 50, "the seam of the loop would click"
    assert tone_level_dbfs(sound, 659.25, rate) > -40
