import struct

import pytest

from media.codecs import UnknownCodecError, create_codec


@pytest.mark.parametrize("rate", [8000, 16000])
def test_samples_travel_in_network_byte_order(rate: int) -> None:
    codec = create_codec("L16", rate)
    samples = (0, 1, -1, 32767, -32768, 258)
    payload = codec.encode(struct.pack("<6h", *samples))
    assert struct.unpack(">6h", payload) == samples
    assert struct.unpack("<6h", codec.decode(payload)) == samples
    assert (codec.clock_rate, codec.sample_rate) == (rate, rate)


def test_two_bytes_last_one_tick_and_half_a_sample_is_not_valid() -> None:
    codec = create_codec("L16", 16000)
    assert codec.ticks(bytes(640)) == 320
    assert codec.ticks(bytes(641)) == 0
    assert codec.silence(320) == bytes(640)


def test_rates_that_the_engine_does_not_speak_are_refused() -> None:
    with pytest.raises(UnknownCodecError):
        create_codec("L16", 44100)
