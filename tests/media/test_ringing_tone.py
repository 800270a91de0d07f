import numpy as np
import pytest

from media.ringing_tone import ringing_tone
from tests.support.audio import dominant_tone, gaps, loud_spans


@pytest.mark.parametrize("rate", [8000, 16000])
def test_one_second_of_five_at_425_hz_without_clicks(rate: int) -> None:
    sound = np.frombuffer(ringing_tone(rate), dtype="<i2").astype(np.int16)
    assert len(sound) == 5 * rate
    (span,) = loud_spans(sound, rate=rate)
    assert span.duration_ms == pytest.approx(1000, abs=15)
    frequency, _ = dominant_tone(sound[rate // 10 : rate // 2], rate)
    assert frequency == pytest.approx(425, abs=2)
    # No step is larger than that of a sine of its level.
    assert np.abs(np.diff(sound.astype(np.int32))).max() < 3600 * 2 * np.pi * 425 / rate * 1.1
    assert gaps(sound[rate // 10 : rate // 2], rate=rate) == []
