import numpy as np
import pytest

from media.codecs import SelfConcealing, create_codec
from media.codecs.libopus import OpusError, has_fec
from media.codecs.opus import Opus, OpusPreferences
from tests.support.audio import Samples, dominant_tone, find, level_dbfs, noise, tone
from tests.support.speech import spoken
from tests.support.wideband_peer import OPUS as FFMPEG
from tests.support.wideband_peer import Encoder, decode

RATE = 16000
FRAME = 320
# The encoder looks ahead by 6.5 ms (RFC 6716, section 4.2.9 and the resampler's delay of libopus).
DELAY = 104


def frames(audio: Samples, samples: int = FRAME) -> list[bytes]:
    whole = len(audio) // samples * samples
    return [audio[at : at + samples].astype("<i2").tobytes() for at in range(0, whole, samples)]


def samples(audio: bytes) -> Samples:
    return np.frombuffer(audio, dtype="<i2").astype(np.int16)


def codec(fmtp: str = "useinbandfec=1") -> Opus:
    made = create_codec("opus", 48000, fmtp)
    assert isinstance(made, Opus)
    return made


def sent(audio: Samples, fmtp: str = "useinbandfec=1") -> list[bytes]:
    encoder = codec(fmtp)
    return [encoder.encode(frame) for frame in frames(audio)]


def error_db(wanted: Samples, heard: Samples) -> float:
    """Energy of the difference against that of what was wanted."""
    difference = heard.astype(float) - wanted.astype(float)
    return float(10 * np.log10((np.sum(difference**2) + 1) / (np.sum(wanted.astype(float) ** 2) + 1)))


@pytest.mark.parametrize("frequency", [300, 1000, 3000, 6000])
def test_a_tone_of_the_wide_band_is_heard_as_itself(frequency: float) -> None:
    decoder = codec()
    audio = tone(frequency, 600, rate=RATE)
    heard = samples(b"".join(map(decoder.decode, sent(audio))))
    assert len(heard) == len(audio)
    assert abs(dominant_tone(heard[3200:], RATE)[0] - frequency) < 10
    assert abs(level_dbfs(heard[3200:]) - level_dbfs(audio[3200:])) < 3


def test_an_independent_decoder_hears_what_we_send() -> None:
    audio = tone(3000, 600, rate=RATE)
    heard = decode(FFMPEG, sent(audio))
    assert abs(dominant_tone(heard[3200:], RATE)[0] - 3000) < 10
    assert abs(level_dbfs(heard[3200:]) - level_dbfs(audio[3200:])) < 3


def test_speech_keeps_its_shape() -> None:
    audio = spoken("Good morning, how may I help you?", RATE)
    heard = samples(b"".join(map(codec().decode, sent(audio))))
    count = len(heard) - DELAY
    assert np.corrcoef(heard[DELAY:], audio[:count])[0, 1] > 0.9


@pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
def test_packet_times_are_told_by_the_first_bytes(milliseconds: int) -> None:
    made = codec()
    pcm = tone(440, milliseconds, rate=RATE).astype("<i2").tobytes()
    payload = made.encode(pcm)
    assert made.ticks(payload) == milliseconds * 48
    assert len(made.decode(payload)) == len(pcm)


@pytest.mark.parametrize(
    ("payload", "ticks"),
    [
        (b"", 0),
        (bytes([9 << 3, 0]), 960),
        (bytes([8 << 3 | 1, 0]), 960),
        (bytes([11 << 3 | 3, 2, 0]), 5760),
        (bytes([11 << 3 | 3, 3, 0]), 0),  # 180 ms: more than a packet may hold
        (bytes([9 << 3 | 3]), 0),
        (bytes([9 << 3 | 3, 0]), 0),
        (bytes([16 << 3]), 120),
        (bytes([13 << 3]), 960),
    ],
)
def test_length_of_a_packet_by_its_table_of_contents(payload: bytes, ticks: int) -> None:
    assert codec().ticks(payload) == ticks


def test_stereo_from_the_peer_becomes_mono() -> None:
    # Configuration 31 (CELT, full band, 20 ms) with the stereo bit, a frame of silence.
    made = codec()
    payload = bytes([31 << 3 | 4, 0xFF, 0xFE])
    assert len(made.decode(payload)) == 640


def test_a_lost_packet_comes_back_from_its_successor_better_than_by_guessing() -> None:
    audio = spoken("Seven wizards make a vexing brew for nine lazy dogs.", RATE)
    packets = sent(audio)
    intact = [samples(pcm) for pcm in map(codec().decode, packets)]
    recovered, guessed = codec(), codec()
    better = total = 0
    told: list[float] = []
    made_up: list[float] = []
    for index, packet in enumerate(packets[:-1]):
        if index % 7 == 6 and level_dbfs(intact[index]) > -35 and has_fec(packets[index + 1]):
            with_fec = samples(recovered.conceal(FRAME, packets[index + 1]))
            without = samples(guessed.conceal(FRAME))
            told.append(error_db(intact[index], with_fec))
            made_up.append(error_db(intact[index], without))
            better += told[-1] < made_up[-1]
            total += 1
        else:
            recovered.decode(packet)
            guessed.decode(packet)
    assert total >= 8
    assert recovered.recovered == total
    assert better >= 0.8 * total
    assert np.mean(told) < np.mean(made_up) - 3


def test_a_loss_of_two_is_made_up_and_then_recovered_at_its_full_length() -> None:
    packets = sent(spoken("Nine lazy dogs.", RATE))
    made = codec()
    for packet in packets[:20]:
        made.decode(packet)
    assert len(made.conceal(2 * FRAME, packets[22])) == 4 * FRAME
    assert len(made.conceal(100)) == 200, "any length, though the decoder goes by steps"


def test_concealment_fades_while_nothing_comes() -> None:
    made = codec()
    for packet in sent(tone(300, 400, rate=RATE)):
        made.decode(packet)
    first, *_, last = [level_dbfs(samples(made.conceal(FRAME))) for _ in range(20)]
    assert first > -20
    assert last < first - 25


def test_a_damaged_packet_is_concealed_and_counted() -> None:
    made = codec()
    packets = sent(tone(300, 100, rate=RATE))
    for packet in packets:
        made.decode(packet)
    # Two frames of equal length cannot share an odd number of bytes.
    assert len(made.decode(bytes([9 << 3 | 1, 1, 2, 3]))) == 4 * FRAME
    assert made.damaged == 1


def test_a_packet_time_that_opus_lacks_is_an_error() -> None:
    with pytest.raises(OpusError):
        codec().encode(bytes(960))


def test_format_parameters_of_the_peer_are_read_and_bad_ones_ignored() -> None:
    assert OpusPreferences.parse("") == OpusPreferences()
    assert OpusPreferences.parse("minptime=10; useinbandfec=1;usedtx=1;cbr=1;stereo=1") == OpusPreferences(
        fec=True, dtx=True, constant_bit_rate=True
    )
    assert OpusPreferences.parse("maxplaybackrate=8000;maxaveragebitrate=16000").playback_rate == 8000
    assert OpusPreferences.parse("maxaveragebitrate=1").bit_rate == 6000
    assert OpusPreferences.parse("maxaveragebitrate=510000").bit_rate == 32000
    assert OpusPreferences.parse("useinbandfec=yes;maxplaybackrate=-5;;=") == OpusPreferences()


def test_frames_are_described_twice_only_for_a_peer_that_wants_it() -> None:
    audio = spoken("Good morning.", RATE)
    assert any(map(has_fec, sent(audio, "useinbandfec=1")))
    assert not any(map(has_fec, sent(audio, "")))


def test_constant_bit_rate_makes_packets_of_one_length() -> None:
    audio = spoken("Good morning.", RATE)
    assert len({len(packet) for packet in sent(audio, "cbr=1;usedtx=1")}) == 1
    assert len({len(packet) for packet in sent(audio)}) > 5


def test_narrow_playback_is_sent_no_wide_band() -> None:
    audio = noise(400, rate=RATE, level_dbfs=-20)
    heard = samples(b"".join(map(codec().decode, sent(audio, "maxplaybackrate=8000"))))[1600:]
    spectrum = np.abs(np.fft.rfft(heard.astype(float)))
    half = len(spectrum) // 2
    assert np.sum(spectrum[half + 200 :] ** 2) < 0.001 * np.sum(spectrum[:half] ** 2)


def test_silence_need_not_be_sent_to_a_peer_that_wants_it_so() -> None:
    quiet = np.zeros(RATE * 2, dtype=np.int16)
    packets = sent(quiet, "usedtx=1")
    assert packets[-20:].count(b"") >= 15
    assert all(sent(quiet))
    assert codec().silence(960) is None


def test_it_conceals_by_itself_and_others_do_not() -> None:
    assert isinstance(codec(), SelfConcealing)
    assert not isinstance(create_codec("G722", 8000), SelfConcealing)


def test_packets_of_ffmpeg_sound_the_same_from_us_and_from_its_own_decoder() -> None:
    """FFmpeg's decoder of Opus shares no code with the library that is used here."""
    encoder, decoder = Encoder(FFMPEG), codec()
    audio = spoken("Good morning, how may I help you?", RATE)
    pieces = [audio[at : at + FRAME] for at in range(0, len(audio) - FRAME, FRAME)]
    packets = [packet for packet in map(encoder.encode, pieces) if packet]
    ours = samples(b"".join(map(decoder.decode, packets)))
    middle = ours[4 * FRAME : -4 * FRAME]
    assert find(middle, decode(FFMPEG, packets), RATE)[1] > 0.98
    assert find(audio[8 * FRAME : -8 * FRAME], ours, RATE)[1] > 0.93


def test_our_speech_sounds_the_same_from_an_independent_decoder() -> None:
    audio = spoken("Seven grey geese gathered by the gate.", RATE)
    packets = sent(audio)
    ours = samples(b"".join(map(codec().decode, packets)))
    assert find(ours[4 * FRAME : -4 * FRAME], decode(FFMPEG, packets), RATE)[1] > 0.98
