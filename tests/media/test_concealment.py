import numpy as np

from media.concealment import cross_fade, fade_in, fade_out_tail, mirrored
from tests.support.audio import Samples, tone

FRAME_BYTES = 320


def frame(level_dbfs: float = -10.0) -> bytes:
    return tone(400, 20, level_dbfs=level_dbfs).tobytes()


def samples(audio: bytes) -> Samples:
    return np.frombuffer(audio, dtype="<i2").astype(np.int16)


def test_a_fade_in_leaves_the_rest_untouched() -> None:
    audio = frame()
    assert fade_in(audio, 40)[80:] == audio[80:]
    assert len(fade_in(audio[:20], 40)) == 20


def test_a_tail_goes_on_from_the_last_sample_to_silence() -> None:
    last = tone(400, 20)[:150]
    tail = samples(fade_out_tail(last.tobytes(), FRAME_BYTES, 40))
    assert len(tail) == 160
    assert abs(int(tail[0]) - int(last[-1])) < 400
    assert not np.any(tail[40:])
    assert len(fade_out_tail(last.tobytes(), 10, 40)) == 10
    assert fade_out_tail(b"", 8, 40) == bytes(8)


def test_a_cross_fade_begins_as_one_frame_and_ends_as_the_other() -> None:
    earlier, later = np.full(160, 8000, dtype="<i2"), np.full(160, -8000, dtype="<i2")
    faded = samples(cross_fade(earlier.tobytes(), later.tobytes()))
    assert faded[0] > 7800
    assert faded[-1] < -7800
    assert abs(int(faded[80])) < 200


def test_a_mirrored_frame_joins_what_is_before_and_behind_it() -> None:
    original = samples(frame(-40))
    again = samples(mirrored(original.tobytes()))
    assert len(again) == len(original)
    assert abs(int(again[0]) - int(original[-1])) < 20
    assert abs(int(again[-1]) - int(original[-1])) < 20
