import numpy as np
import pytest

from media.codecs import create_codec
from media.inbound_audio import InboundAudio
from media.standing_delay import WINDOW_FRAMES
from tests.support.audio import Samples, dominant_tone, gaps, level_dbfs, tone

SILENCE = bytes(320)


def inbound() -> InboundAudio:
    return InboundAudio(create_codec("PCMU", 8000), 200)


def payloads(audio: Samples, ptime_ms: int) -> list[bytes]:
    encoded = create_codec("PCMU", 8000).encode(audio.tobytes())
    step = ptime_ms * 8
    return [encoded[at : at + step] for at in range(0, len(encoded), step)]


def decoded(audio: Samples) -> bytes:
    codec = create_codec("PCMU", 8000)
    return codec.decode(codec.encode(audio.tobytes()))


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_every_packet_time_becomes_frames_of_20_ms_without_loss(ptime_ms: int) -> None:
    audio = tone(440, 240)
    receiver = inbound()
    frames = b""
    pending = payloads(audio, ptime_ms)
    sent = 0
    for tick in range(12):
        # What was recorded until now has arrived, in whole packets (the first one early).
        while pending and sent * ptime_ms < (tick + 1) * 20:
            receiver.put(sent, sent * ptime_ms * 8, pending.pop(0), (tick + 1) * 0.02 - 0.01)
            sent += 1
        frames += receiver.frame((tick + 1) * 0.02)
    assert frames == decoded(audio)
    assert receiver.frames_concealed == 0


def test_nothing_received_is_silence() -> None:
    assert inbound().frame(0.0) == SILENCE


def test_a_lost_packet_is_concealed_and_the_length_kept() -> None:
    receiver = inbound()
    packets = payloads(tone(400, 100), 20)
    for index in (0, 1, 3, 4):
        receiver.put(index, index * 160, packets[index], 0.0)
    frames = [receiver.frame(tick * 0.02) for tick in range(5)]
    assert receiver.frames_concealed == 1
    assert np.frombuffer(frames[2], dtype="<i2").any(), "a short loss is not a hole"
    assert frames[4] == decoded(tone(400, 100))[4 * 320 :]


def test_a_long_pause_becomes_silence_after_60_ms() -> None:
    receiver = inbound()
    receiver.put(0, 0, payloads(tone(400, 20), 20)[0], 0.0)
    frames = [receiver.frame(tick * 0.02) for tick in range(8)]
    assert frames[4:] == [SILENCE] * 4
    assert receiver.frames_concealed == 3


def test_a_delay_that_stands_is_taken_back_in_a_pause() -> None:
    receiver = inbound()
    quiet = create_codec("PCMU", 8000).silence(160)
    for index in range(4):
        receiver.put(index, index * 160, quiet, 0.0)
    for index in range(4, 2 * WINDOW_FRAMES):
        receiver.put(index, index * 160, quiet, index * 0.02)
        receiver.frame(index * 0.02 + 0.01)
    assert receiver.frames_skipped >= 3
    assert receiver.buffer.depth <= 160


def test_a_delay_that_jitter_needs_is_kept() -> None:
    receiver = inbound()
    packets = [create_codec("PCMU", 8000).silence(160)] * 400
    sent = 0
    for tick in range(380):
        # Packets come in twos: every other tick finds the buffer empty unless it keeps one back.
        if tick % 2 == 0:
            for _ in range(2):
                receiver.put(sent & 0xFFFF, sent * 160, packets[sent], tick * 0.02)
                sent += 1
        receiver.frame(tick * 0.02 + 0.01)
    assert receiver.frames_skipped == 0


def test_another_stream_drops_what_the_old_one_left() -> None:
    receiver = inbound()
    old, new = payloads(tone(400, 20), 20)[0], payloads(tone(900, 20), 20)[0]
    receiver.put(0, 0, old, 0.0)
    receiver.reset()
    receiver.put(60000, 999, new, 0.02)
    assert receiver.frame(0.03) == decoded(tone(900, 20))


def test_an_empty_payload_is_refused() -> None:
    assert not inbound().put(0, 0, b"", 0.0)


def test_after_a_pause_that_was_announced_noise_of_its_level_is_heard_and_nothing_is_concealed() -> None:
    receiver = inbound()
    packets = payloads(tone(400, 100), 20)
    for index in range(5):
        receiver.put(index, index * 160, packets[index], index * 0.02)
        receiver.frame(index * 0.02 + 0.01)
    receiver.comfort_noise(5, bytes([55]))
    pause = [
        np.frombuffer(receiver.frame(0.1 + tick * 0.02), dtype="<i2").astype(np.int16) for tick in range(20)
    ]
    assert abs(level_dbfs(np.concatenate(pause[1:])) + 55) < 1
    assert abs(int(pause[0][0])) < 8000
    assert receiver.frames_concealed == 0
    receiver.put(6, 30 * 160, packets[0], 0.6)
    resumed = np.frombuffer(receiver.frame(0.61), dtype="<i2").astype(np.int16)
    assert level_dbfs(resumed[80:]) > -20
    assert receiver.frames_concealed == 0


def test_a_loss_in_front_of_an_announced_pause_is_still_concealed() -> None:
    receiver = inbound()
    packets = payloads(tone(400, 200), 20)
    for index in (0, 1, 2, 3, 4, 5, 7):
        receiver.put(index, index * 160, packets[index], 0.0)
    receiver.comfort_noise(8, bytes([60]))
    frames = [receiver.frame(tick * 0.02) for tick in range(8)]
    lost = np.frombuffer(frames[6], dtype="<i2").astype(np.int16)
    assert level_dbfs(lost) > -20
    assert receiver.frames_concealed == 1


@pytest.mark.parametrize("ptime_ms", [10, 20, 40, 60])
def test_opus_of_every_packet_time_becomes_frames_of_20_ms(ptime_ms: int) -> None:
    encoder = create_codec("OPUS", 48000)
    receiver = InboundAudio(create_codec("OPUS", 48000), 200)
    audio = tone(440, 480, rate=16000)
    step = ptime_ms * 16
    for index, at in enumerate(range(0, len(audio), step)):
        payload = encoder.encode(audio[at : at + step].tobytes())
        assert receiver.put(index, index * ptime_ms * 48, payload, index * ptime_ms / 1000)
        for tick in range((index + 1) * ptime_ms // 20 - index * ptime_ms // 20):
            assert len(receiver.frame((index * ptime_ms + tick * 20) / 1000 + 0.01)) == 640
    assert receiver.frames_concealed == 0
    assert receiver.buffer.depth == 0


@pytest.mark.parametrize(("name", "clock_rate"), [("G722", 8000), ("OPUS", 48_000)])
def test_in_wideband_speech_delay_is_given_back_period_by_period(name: str, clock_rate: int) -> None:
    encoder = create_codec(name, clock_rate)
    receiver = InboundAudio(create_codec(name, clock_rate), 200)
    said = tone(210, 14_000, rate=16_000)
    coded = [encoder.encode(said[at : at + 320].tobytes()) for at in range(0, len(said), 320)]
    heard = bytearray()
    sent = 0
    for tick in range(len(coded)):
        now = tick * 0.02
        # Between 2.0 and 2.1 s nothing comes, and then all of it.
        while sent <= tick and not 100 <= tick < 105:
            receiver.put(sent, sent * clock_rate // 50, coded[sent], now)
            sent += 1
        heard += receiver.frame(now + 0.008)
    assert receiver.periods_skipped >= 4
    assert receiver.buffer.depth == 0
    given_back = np.frombuffer(bytes(heard), dtype="<i2").astype(np.int16)[4 * 16_000 :]
    assert gaps(given_back, rate=16_000, threshold_dbfs=-18) == []
    assert dominant_tone(given_back, 16_000)[0] == pytest.approx(210, abs=1)


def test_a_packet_that_comes_just_in_time_is_given_more_time_in_the_next_pause() -> None:
    """A slow sender: its packets come later and later before they are played, and one day too late."""
    receiver = inbound()
    quiet = create_codec("PCMU", 8000).silence(160)
    for index in range(300):
        receiver.put(index, index * 160, quiet, index * 0.02 + index * 0.00005)
        receiver.frame(index * 0.02 + 0.012)
    assert receiver.frames_repeated == 1
    assert receiver.frames_concealed == 0
