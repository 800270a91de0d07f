"""The inbound path against networks of all kinds, hours of it in simulated time. Judged is what is heard:
when each word comes, holes, clicks and the pitch. A delay is the time from a sample being spoken to its being
played: the packet's 20 ms and the network are in it.
"""

import gc
import sys
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from media.inbound_audio import InboundAudio
from tests.media.simulated_stream import (
    FRAME_S,
    RATE,
    Heard,
    Network,
    Packet,
    click_dbfs,
    delays_ms,
    hear,
    holes,
    in_turn,
    jittery,
    losing_bursts,
    onsets_ms,
    ramping,
    silenced,
    speech,
    spikes,
    stalling,
    words,
)
from tests.support.audio import Samples, dominant_tone, level_dbfs, silence, tone

HOUR_S = 3600
WORD_MS, PAUSE_MS = 1200, 400
CLEAN_MS = 28.0  # packet and the phase of our clock, as simulated
SLOT_MS, FRAME_MS = 4.0, 20.0
# Quantisation of mu-law at this level leaves less above 2 kHz; a seam in mid-wave leaves far more.
CLICK_DBFS = -45.0


def words_heard(heard: Heard, *, ppm: float = 0.0) -> list[float]:
    """Delays of the words of a talk that goes on and on."""
    cycle_ms = (WORD_MS + PAUSE_MS) / (1 + ppm / 1e6)
    return [at + heard.begun * 1000 - n * cycle_ms for n, at in enumerate(onsets_ms(heard.audio))]


def inner(audio: Samples) -> Samples:
    """Without what lies behind the end."""
    return audio[1600:-8000]


# --- an hour ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ppm", [200, -200])
def test_for_an_hour_drifting_clocks_cost_neither_a_word_nor_delay(ppm: int) -> None:
    heard = hear(speech(words(1), seconds=HOUR_S, ppm=ppm), jittery(0, 3))
    delays = words_heard(heard, ppm=ppm)
    assert len(delays) == HOUR_S * 1000 // (WORD_MS + PAUSE_MS)
    assert max(delays) <= CLEAN_MS + FRAME_MS + SLOT_MS
    assert heard.thrown_away == 0
    # All adjustment was made in pauses: what is concealed is the end of the stream.
    assert heard.concealed <= 3
    assert heard.inbound.frames_skipped + heard.inbound.frames_repeated in range(30, 45)


@pytest.mark.parametrize("ppm", [200, -200])
def test_for_an_hour_drifting_clocks_leave_no_hole_in_a_sound_without_pause(ppm: int) -> None:
    heard = hear(speech(tone(400, 1000), seconds=HOUR_S, ppm=ppm))
    assert holes(inner(heard.audio)) == 0
    assert heard.thrown_away == 0
    assert abs(len(inner(heard.audio)) / RATE - HOUR_S) < 2


def test_an_hour_of_loss_and_reordering_leaves_nothing_behind() -> None:
    sizes: list[int] = []

    def weigh(inbound: InboundAudio) -> None:
        sizes.append(held_bytes(inbound))

    random_network = jittery(0, 60, loss=0.02)

    def network(index: int, sent: float) -> list[float]:
        arrivals = list(random_network(index, sent))
        return arrivals * 2 if index % 50 == 0 else arrivals

    heard = hear(speech(words(1), seconds=HOUR_S), network, watch=weigh)
    first, last = sizes[12 : len(sizes) // 2], sizes[len(sizes) // 2 :]
    assert len(sizes) > 700
    assert max(last) <= max(first) + 2000
    assert heard.inbound.buffer.duplicate > 3000


def held_bytes(inbound: InboundAudio) -> int:
    """Everything that grows within it: containers and what they hold."""
    seen: set[int] = set()
    waiting: list[object] = [inbound]
    total = 0
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, type) or callable(item):
            continue
        seen.add(id(item))
        if isinstance(item, (list, dict, deque, bytearray, bytes, set)):
            total += sys.getsizeof(item)
        if type(item).__module__.startswith("media.") or isinstance(item, (list, dict, deque, tuple)):
            waiting += gc.get_referents(item)
    return total


# --- networks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "longest_ms", "concealed_percent"),
    [
        pytest.param(jittery(0, 4), 40, 0.1, id="clean"),
        pytest.param(jittery(15, 25), 60, 0.1, id="20+-5"),
        pytest.param(in_turn(0, 30), 80, 0.1, id="queue-30"),
        pytest.param(in_turn(0, 60), 110, 0.2, id="queue-60"),
        pytest.param(in_turn(0, 100), 150, 0.3, id="queue-100"),
        pytest.param(jittery(0, 60), 110, 0.3, id="overtaking-60"),
        pytest.param(spikes(), 220, 4, id="spikes"),
        pytest.param(stalling(3, 100, 180), 230, 2.5, id="wifi-often"),
        pytest.param(stalling(15, 100, 180), 230, 0.8, id="wifi-rare"),
        pytest.param(ramping(150, 20), 220, 1, id="bufferbloat"),
    ],
)
def test_no_word_is_lost_and_the_delay_is_bounded(
    network: Network, longest_ms: float, concealed_percent: float
) -> None:
    said = words(75)
    heard = hear(speech(said), network)
    delays = delays_ms(said, heard)
    assert len(delays) == 75
    assert max(delays) <= longest_ms
    assert 100 * (heard.concealed - 3) / heard.sent <= concealed_percent
    # Each word keeps its pitch, however the delay changed while it was spoken.
    for at in onsets_ms(heard.audio)[5:]:
        start = int(at * RATE / 1000)
        frequency, level = dominant_tone(heard.audio[start : start + 8000])
        assert abs(frequency - 400) < 4
        assert level > -16


@pytest.mark.parametrize(
    ("loss", "least"),
    [pytest.param(0.005, 4.3, id="half-percent"), pytest.param(0.03, 3.6, id="three-percent")],
)
def test_jitter_and_loss_are_rated_as_good_and_nothing_that_came_is_thrown_away(
    loss: float, least: float
) -> None:
    heard = hear(speech(words(1), seconds=300), jittery(15, 25, loss=loss, seed=3))
    assert heard.lost / heard.sent == pytest.approx(loss, rel=0.3)
    assert heard.quality.windows >= 59
    assert heard.quality.mos_average is not None
    assert heard.quality.mos_average >= least
    assert heard.thrown_away == 0
    # Half of the losses are in pauses, where they are made up for like others.
    assert heard.concealed <= heard.lost + 3


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_on_a_clean_network_next_to_no_delay_is_added(ptime_ms: int) -> None:
    said = words(40)
    heard = hear(speech(said, ptime_ms=ptime_ms), jittery(0, 2))
    added = [delay - ptime_ms for delay in delays_ms(said, heard)]
    assert max(added) <= 30
    assert heard.concealed <= 4  # the end of the stream


# --- single events ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_one_lost_packet_parks_no_delay(ptime_ms: int) -> None:
    said = words(12)
    lost = 3000 // ptime_ms

    def network(index: int, sent: float) -> tuple[float, ...]:
        return () if index == lost else (sent,)

    whole = hear(speech(said, ptime_ms=ptime_ms))
    heard = hear(speech(said, ptime_ms=ptime_ms), network)
    assert np.allclose(delays_ms(said, heard), delays_ms(said, whole), atol=5)
    # What follows is played at its time: one frame behind the loss both are the same, sample by sample.
    behind = int((3000 + 2 * ptime_ms + 40) * RATE / 1000)
    assert np.array_equal(heard.audio[behind:], whole.audio[behind:])
    assert heard.concealed - whole.concealed == -(-ptime_ms // 20)


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_a_delay_of_the_network_is_given_back_whatever_the_packet_time(ptime_ms: int) -> None:
    said = words(20)

    def network(index: int, sent: float) -> tuple[float, ...]:
        return (max(sent, 4.15) if sent >= 4.0 else sent,)

    delays = delays_ms(said, hear(speech(said, ptime_ms=ptime_ms), network))
    assert max(delays[3:]) > delays[0] + 40
    assert max(delays[8:]) <= delays[0] + FRAME_MS + 6


@pytest.mark.parametrize("catch_up_s", [10.0, 0.1], ids=["all-made-up-for", "frames-left-out"])
def test_a_stall_of_ours_leaves_no_delay(catch_up_s: float) -> None:
    said = words(20)
    heard = hear(speech(said), our_stalls=[(5.0, 5.3)], catch_up_s=catch_up_s)
    delays = delays_ms(said, heard)
    assert max(delays[6:]) <= delays[0] + FRAME_MS
    assert heard.concealed <= 3 + 5


def test_delay_is_given_back_in_unbroken_sound_without_a_click_or_another_pitch() -> None:
    said = tone(210, 30_000)

    def network(index: int, sent: float) -> tuple[float, ...]:
        return (max(sent, 2.1) if sent >= 2.0 else sent,)

    heard = hear(speech(said), network)
    assert heard.inbound.periods_skipped >= 4
    assert heard.inbound.buffer.depth == 0
    given_back = heard.audio[4 * RATE : 20 * RATE]
    assert holes(given_back) == 0
    assert click_dbfs(given_back) < CLICK_DBFS
    assert dominant_tone(given_back)[0] == pytest.approx(210, abs=1)


def test_delay_is_gained_and_lost_in_the_noise_of_a_room_without_a_click() -> None:
    low = tone(200, 60_000, level_dbfs=-56)
    heard = hear(speech(low), stalling(5, 40, 100))
    assert heard.inbound.frames_skipped > 5
    assert click_dbfs(heard.audio[RATE:-RATE]) < -60


def test_bursts_of_loss_move_nothing() -> None:
    said = words(75)
    heard = hear(speech(said), losing_bursts(0.01, 5))
    assert heard.lost > 50
    assert heard.concealed <= heard.lost + 3
    delays = delays_ms(said, heard)
    # A word whose first packets are lost begins late; all others come at their time.
    assert float(np.median(delays)) <= CLEAN_MS + SLOT_MS + 6
    assert sum(delay > CLEAN_MS + 25 for delay in delays) <= 6
    assert heard.thrown_away == 0


def test_packets_in_another_order_and_twice_are_heard_once_and_in_order() -> None:
    said = words(30)

    def network(index: int, sent: float) -> tuple[float, ...]:
        late = 0.03 if index % 10 == 3 else 0.0
        return (sent + late, sent + late + 0.007) if index % 4 == 0 else (sent + late,)

    heard = hear(speech(said), network)
    assert heard.inbound.buffer.duplicate > 300
    assert max(delays_ms(said, heard)) <= CLEAN_MS + 2 * FRAME_MS
    # Once it is known that packets come late, none is missed.
    settled = heard.audio[10 * RATE :]
    assert heard.inbound.buffer.late <= 10
    for at in onsets_ms(settled)[1:]:
        start = int(at * RATE / 1000)
        assert click_dbfs(settled[start + 400 : start + 9000]) < CLICK_DBFS


# --- senders ------------------------------------------------------------------------------------------------


def sequel(first: list[Packet], frequency: float, **changes: int) -> list[Packet]:
    """The same sender, or another, goes on at another pitch: what of it is heard can be told."""
    end = first[-1].sent
    sequence = changes.get("sequence", first[-1].sequence + 1)
    timestamp = changes.get("timestamp", first[-1].timestamp + 160)
    following = speech(tone(frequency, 4000), sequence=sequence, timestamp=timestamp)
    stream = changes.get("stream", 1)
    return first + [replace(packet, sent=end + packet.sent, stream=stream) for packet in following]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"timestamp": 50_000 + 4_000_000}, id="timestamp-ahead"),
        pytest.param({"timestamp": 50_000 + 32_000 + 1600}, id="timestamp-a-little-ahead"),
        pytest.param({"timestamp": 1000}, id="timestamp-back"),
        pytest.param({"timestamp": 50_000 + 32_000 - 800}, id="timestamp-a-little-back"),
        pytest.param({"timestamp": 3_000_000_000, "sequence": 40_000}, id="both-ahead"),
        pytest.param({"timestamp": 77, "sequence": 60_000}, id="both-back"),
        pytest.param({"timestamp": 900_000, "sequence": 100}, id="sequence-back"),
        pytest.param({"timestamp": 9, "sequence": 5, "stream": 2}, id="another-ssrc"),
    ],
)
def test_a_sender_that_jumps_is_heard_on_at_once_and_without_delay(changes: dict[str, int]) -> None:
    first = list(speech(tone(400, 4000)))
    heard = hear(sequel(first, 900, **changes))
    turn = int((4.0 + 0.02 + FRAME_S - heard.begun) * RATE)
    before, after = heard.audio[RATE : turn - 800], heard.audio[turn + 800 : turn + 3 * RATE]
    assert holes(before) == holes(after) == 0
    assert dominant_tone(before)[0] == pytest.approx(400, abs=2)
    assert dominant_tone(after)[0] == pytest.approx(900, abs=2)
    assert heard.concealed <= 3 + 6
    assert heard.inbound.buffer.late <= 1
    # The end comes when it was said: no delay was left by the jump.
    end_ms = np.flatnonzero(np.abs(heard.audio.astype(int)) > 6000)[-1] * 1000 / RATE + heard.begun * 1000
    assert end_ms <= 8000 + CLEAN_MS + FRAME_MS + 20


@pytest.mark.parametrize("comfort_noise", [False, True])
@pytest.mark.parametrize("timestamps_stand", [False, True])
@pytest.mark.parametrize(
    ("highest_ms", "longest_ms"), [pytest.param(4, 44, id="clean"), pytest.param(60, 125, id="jitter")]
)
def test_after_pauses_of_any_length_each_word_comes_at_its_time(
    comfort_noise: bool, timestamps_stand: bool, highest_ms: float, longest_ms: float
) -> None:
    lengths = [200, 500, 1000, 3000, 10_000, 30_000] * 2
    said = np.concatenate([np.concatenate((tone(400, 1200), silence(length))) for length in lengths])
    packets = silenced(speech(said), comfort_noise=comfort_noise, timestamps_stand=timestamps_stand)
    heard = hear(packets, in_turn(0, highest_ms))
    begins = [sum(1200 + length for length in lengths[:n]) for n in range(len(lengths))]
    found = onsets_ms(heard.audio, longest_gap_ms=100)
    assert len(found) == len(lengths)
    delays = [at + heard.begun * 1000 - begin for at, begin in zip(found, begins, strict=True)]
    assert max(delays) <= longest_ms
    if comfort_noise:
        # In the pause of 30 s the noise that was told is heard, not nothing.
        start = int((found[5] + 1200 + 1000) * RATE / 1000)
        assert level_dbfs(heard.audio[start : start + 20 * RATE]) == pytest.approx(-60, abs=1)
