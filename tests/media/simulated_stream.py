"""A far party, a network and our clock in simulated time, around one `InboundAudio`.

A packet is sent when its last sample was spoken; the network tells when it arrives. Sockets are read once per
slot of 4 ms, frames are played every 20 ms from 8 ms after the first packet on, as the media clock does it.
What was heard is returned, so that it can be judged by its sound.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from media.codecs import create_codec
from media.inbound_audio import InboundAudio
from media.quality.call_quality import CallQuality, StreamCounters
from media.quality.e_model import impairment_of
from media.rtp_statistics import RtpReceiveStatistics
from tests.support.audio import Samples, loud_spans, silence, tone

RATE = 8000
SLOT_S = 0.004
FRAME_S = 0.020
SERVED_AFTER_S = 0.008
NEVER = float("inf")

Network = Callable[[int, float], Iterable[float]]  # packet and when it is sent (s) to when it arrives


@dataclass(frozen=True, slots=True)
class Packet:
    sent: float  # seconds
    sequence: int
    timestamp: int
    payload: bytes | None  # None: comfort noise of -60 dBov
    stream: int = 1  # SSRC


@dataclass(slots=True)
class Heard:
    audio: Samples
    inbound: InboundAudio
    received: RtpReceiveStatistics
    quality: CallQuality
    begun: float = 0.0  # when the first frame was played (s)
    sent: int = 0
    lost: int = 0

    @property
    def concealed(self) -> int:
        return self.inbound.frames_concealed

    @property
    def thrown_away(self) -> int:
        return self.inbound.buffer.late + self.inbound.buffer.overflowed

    def counters(self) -> StreamCounters:
        """As the leg's monitor reads them."""
        buffer, received = self.inbound.buffer, self.received
        return StreamCounters(
            packets=received.packets,
            lost=received.lost,
            gaps=received.gaps,
            discarded=self.thrown_away,
            jitter_ms=received.jitter_ms,
            buffer_ms=buffer.depth * 1000 / RATE,
            round_trip_ms=None,
        )


def perfect(index: int, sent: float) -> Iterable[float]:
    return (sent,)


def speech(
    audio: Samples,
    *,
    seconds: float | None = None,
    ptime_ms: int = 20,
    ppm: float = 0.0,
    sequence: int = 1000,
    timestamp: int = 50_000,
) -> Iterator[Packet]:
    """Packets of `audio`, over and over for so long, from a sender whose clock is fast by `ppm`."""
    coded = create_codec("PCMU", RATE).encode(audio.tobytes())
    step = ptime_ms * 8
    payloads = [coded[at : at + step] for at in range(0, len(coded) - step + 1, step)]
    count = len(payloads) if seconds is None else int(seconds * 1000 / ptime_ms)
    spacing = ptime_ms / 1000 / (1 + ppm / 1e6)
    turn = itertools.cycle(payloads)
    for index in range(count):
        yield Packet(
            (index + 1) * spacing,
            (sequence + index) & 0xFFFF,
            (timestamp + index * step) & 0xFFFFFFFF,
            next(turn),
        )


def hear(
    packets: Iterable[Packet],
    network: Network = perfect,
    *,
    max_ms: int = 200,
    our_stalls: Iterable[tuple[float, float]] = (),
    catch_up_s: float = NEVER,
    watch: Callable[[InboundAudio], None] = lambda inbound: None,
    tail_s: float = 0.5,
) -> Heard:
    """Play it all. `our_stalls`: when we stood still, from and to (s); so much of the missed frames is made
    up for. `watch` is called every five seconds.
    """
    inbound = InboundAudio(create_codec("PCMU", RATE), max_ms)
    received, codec = RtpReceiveStatistics(RATE), impairment_of("PCMU", RATE)
    heard = Heard(np.zeros(0, np.int16), inbound, received, CallQuality(0.0))
    frames: list[bytes] = []
    under_way: list[tuple[float, int, Packet]] = []
    stalls = list(our_stalls)
    source = iter(packets)
    upcoming = next(source, None)
    index = slot = 0
    turns = 1
    end = NEVER
    next_frame = NEVER
    put, frame = inbound.put, inbound.frame
    while (now := slot * SLOT_S) < end:
        slot += 1
        if stalls and now >= stalls[0][0]:
            if now < stalls[0][1]:
                continue
            stalls.pop(0)
        while upcoming is not None and upcoming.sent <= now:
            arrivals = network(index, upcoming.sent)
            heard.sent += 1
            none = True
            for arrival in arrivals:
                none = False
                heapq.heappush(under_way, (arrival, index, upcoming))
            heard.lost += none
            index += 1
            upcoming = next(source, None)
            if upcoming is None:
                end = now + tail_s
        while under_way and under_way[0][0] <= now:
            _, _, packet = heapq.heappop(under_way)
            if next_frame == NEVER:
                heard.begun = next_frame = now + SERVED_AFTER_S
            if packet.stream != received.ssrc:
                if received.packets:
                    inbound.reset()
                received.begin(packet.stream, packet.sequence)
            received.received(packet.sequence, packet.timestamp, 160, now)
            if packet.payload is None:
                inbound.comfort_noise(packet.sequence, bytes((60,)))
            else:
                put(packet.sequence, packet.timestamp, packet.payload, now)
        if now - next_frame > catch_up_s:
            missed = int((now - next_frame - catch_up_s) / FRAME_S)
            frames.append(bytes(320 * missed))
            next_frame += missed * FRAME_S
        while next_frame <= now + 1e-9:
            frames.append(frame(now))
            next_frame += FRAME_S
        if now >= 5.0 * turns:
            turns += 1
            heard.quality.sample(now, heard.counters(), codec)
            watch(inbound)
    heard.audio = np.frombuffer(b"".join(frames), dtype="<i2").astype(np.int16)
    return heard


# --- networks -----------------------------------------------------------------------------------------------


def jittery(low_ms: float, high_ms: float, *, loss: float = 0.0, seed: int = 1) -> Network:
    """Every packet takes between `low_ms` and `high_ms`; some are lost at random."""
    random = Random(seed)

    def network(index: int, sent: float) -> Iterable[float]:
        if random.random() < loss:
            return ()
        return (sent + random.uniform(low_ms, high_ms) / 1000,)

    return network


def in_turn(low_ms: float, high_ms: float, *, seed: int = 1) -> Network:
    """The same in a queue: no packet overtakes another."""
    random = Random(seed)
    last = 0.0

    def network(index: int, sent: float) -> Iterable[float]:
        nonlocal last
        last = max(last, sent + random.uniform(low_ms, high_ms) / 1000)
        return (last,)

    return network


def spikes(*, seed: int = 1) -> Network:
    """Delays of a heavy tail, up to 180 ms, in a queue."""
    random = Random(seed)
    last = 0.0

    def network(index: int, sent: float) -> Iterable[float]:
        nonlocal last
        last = max(last, sent + min(0.18, 0.004 * random.paretovariate(1.3)))
        return (last,)

    return network


def stalling(every_s: float, low_ms: float, high_ms: float, *, seed: int = 1) -> Network:
    """Now and then nothing comes for a while, and then all that was held up at once, as wifi does it."""
    random = Random(seed)
    begin = until = every_s

    def network(index: int, sent: float) -> Iterable[float]:
        nonlocal begin, until
        if sent >= begin + every_s:
            begin = sent
            until = begin + random.uniform(low_ms, high_ms) / 1000
        return (max(sent, until if sent >= begin else 0.0) + random.uniform(0, 0.004),)

    return network


def ramping(highest_ms: float, period_s: float) -> Network:
    """A queue that fills and drains again."""

    def network(index: int, sent: float) -> Iterable[float]:
        place = sent % period_s / period_s
        return (sent + highest_ms / 1000 * (2 * place if place < 0.5 else 2 - 2 * place),)

    return network


def losing_bursts(share: float, longest: int, *, seed: int = 1) -> Network:
    """At `share` of the packets a run of up to `longest` is lost."""
    random = Random(seed)
    left = 0

    def network(index: int, sent: float) -> Iterable[float]:
        nonlocal left
        if left:
            left -= 1
            return ()
        if random.random() < share:
            left = random.randint(1, longest) - 1
            return ()
        return (sent + random.uniform(0, 0.005),)

    return network


# --- what is said and how it is judged ----------------------------------------------------------------------


def silenced(
    packets: Iterable[Packet], *, comfort_noise: bool, timestamps_stand: bool = False
) -> Iterator[Packet]:
    """A sender that sends nothing in pauses, but perhaps tells of their noise. `timestamps_stand`: of the
    kind that does not count the pause.
    """
    sequence: int | None = None
    pause = False
    left_out = 0
    for packet in packets:
        if sequence is None:
            sequence = packet.sequence
        if packet.payload is not None and set(packet.payload) <= {0x7F, 0xFF}:
            left_out += 160 if timestamps_stand else 0
            if pause or not comfort_noise:
                continue
            pause = True
            yield replace(packet, sequence=sequence, payload=None)
        else:
            pause = False
            stamp = (packet.timestamp - left_out) & 0xFFFFFFFF
            yield replace(packet, sequence=sequence, timestamp=stamp)
        sequence = (sequence + 1) & 0xFFFF


def words(count: int, *, word_ms: int = 1200, pause_ms: int = 400, frequency: float = 400.0) -> Samples:
    """Tones with silence between: where one begins tells the delay."""
    return np.concatenate([tone(frequency, word_ms), silence(pause_ms)] * count).astype(np.int16)


def onsets_ms(audio: Samples, *, longest_gap_ms: float = 200.0) -> list[float]:
    """Where in what was said, or heard, the words begin."""
    return [span.start_ms for span in loud_spans(audio, threshold_dbfs=-30, join_ms=longest_gap_ms)]


def delays_ms(said: Samples, heard: Heard, *, ppm: float = 0.0) -> list[float]:
    """Word by word from mouth to ear, packet time and network included."""
    pairs = zip(onsets_ms(said), onsets_ms(heard.audio), strict=True)
    return [at + heard.begun * 1000 - spoken / (1 + ppm / 1e6) for spoken, at in pairs]


def holes(audio: Samples, *, window_ms: float = 5.0, below_dbfs: float = -30.0) -> int:
    """Windows of a steady sound in which next to nothing is heard."""
    step = int(RATE * window_ms / 1000)
    windows = audio[: len(audio) // step * step].astype(np.float32).reshape(-1, step)
    level = np.sqrt(np.mean(windows**2, axis=1))
    return int(np.sum(level < 32768 * 10 ** (below_dbfs / 20)))


def click_dbfs(audio: Samples, above_hz: float = 2000.0) -> float:
    """The loudest 5 ms of what lies above a frequency: a low tone has nothing there, a click has."""
    spectrum = np.fft.rfft(audio.astype(np.float64))
    spectrum[: int(above_hz * len(audio) / RATE)] = 0
    high = np.fft.irfft(spectrum, len(audio))
    power = np.convolve(high**2, np.ones(40) / 40, "same")
    return float(10 * np.log10(max(power[400:-400].max(), 1e-3) / 32768**2))
