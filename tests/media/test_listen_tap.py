import numpy as np

from media.listen_tap import ListenTap
from media.messages import AudioHeard


def test_a_batch_is_a_tenth_of_a_second_with_a_side_in_each_channel() -> None:
    batches: list[AudioHeard] = []
    tap = ListenTap("leg-1", 8000, batches.append)
    for number in range(5):
        assert batches == []
        left = np.full(160, 100 + number, dtype="<i2").tobytes()
        tap.write(left, None if number == 2 else np.full(160, -200 - number, dtype="<i2").tobytes())
    (batch,) = batches
    audio = np.frombuffer(batch.audio, dtype="<i2").reshape(5, 160, 2)
    assert audio[:, :, 0].mean(axis=1).tolist() == [100, 101, 102, 103, 104]
    assert audio[:, :, 1].mean(axis=1).tolist() == [-200, -201, 0, -203, -204]
    assert (batch.leg_id, batch.sequence, batch.sample_rate) == ("leg-1", 1, 8000)


def test_loud_sides_do_not_touch_each_other() -> None:
    batches: list[AudioHeard] = []
    tap = ListenTap("leg-1", 16000, batches.append)
    for _ in range(10):
        tap.write(
            np.full(320, 32767, dtype="<i2").tobytes(), bytearray(np.full(320, -32768, dtype="<i2").tobytes())
        )
    assert [batch.sequence for batch in batches] == [1, 2]
    audio = np.frombuffer(batches[1].audio, dtype="<i2").reshape(-1, 2)
    assert set(audio[:, 0]) == {32767}
    assert set(audio[:, 1]) == {-32768}
