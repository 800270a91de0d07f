import itertools

import pytest

from tests.support import audio
from tests.support.impaired_network import Delivery, ImpairedPath, Impairer, Impairment
from tests.support.rtp_peer import HEADER, RtpPeer


def packet(index: int, size: int = 160) -> bytes:
    return HEADER.pack(0x80, 0, index & 0xFFFF, index * 160, 7) + bytes(size)


def sent_through(does: Impairment, packets: int = 2000, seed: int = 3) -> tuple[Impairer, list[Delivery]]:
    """A packet every 20 ms; what comes out in the order of its time, counted."""
    impairer = Impairer(does, seed)
    out = sorted(
        itertools.chain.from_iterable(impairer.take(packet(index), index * 0.02) for index in range(packets))
    )
    for delivery in out:
        impairer.delivered(delivery, delivery.due)
    return impairer, out


def sequences(out: list[Delivery]) -> list[int]:
    return [int.from_bytes(delivery.data[2:4]) for delivery in out]


def test_a_good_network_changes_nothing() -> None:
    impairer, out = sent_through(Impairment())
    assert sequences(out) == list(range(2000))
    truth = impairer.truth
    assert (truth.lost, truth.duplicated, truth.out_of_order, truth.delivered) == (0, 0, 0, 2000)
    assert truth.jitter_ms == pytest.approx(0, abs=1e-6)


def test_the_same_seed_does_the_same_and_another_one_does_not() -> None:
    does = Impairment(loss=0.1, jitter_ms=10, delay_ms=20, reorder=0.1, duplicate=0.1)
    first, again, other = (sent_through(does, seed=seed)[1] for seed in (1, 1, 2))
    assert [d.due for d in first] == [d.due for d in again]
    assert sequences(first) != sequences(other)


def test_random_loss_has_its_share_and_mostly_single_losses() -> None:
    impairer, out = sent_through(Impairment(loss=0.05))
    truth = impairer.truth
    assert truth.lost == pytest.approx(100, abs=30)
    assert truth.lost / truth.loss_runs < 1.2
    assert set(sequences(out)).isdisjoint(truth.lost_sequences)
    assert len(out) + truth.lost == 2000


def test_burst_loss_comes_in_runs() -> None:
    truth = sent_through(Impairment(burst_begins=0.02, burst_ends=0.25))[0].truth
    assert truth.lost / truth.loss_runs == pytest.approx(4, abs=1.5)
    assert truth.lost / 2000 == pytest.approx(0.02 / 0.27, abs=0.03)


def test_an_outage_is_where_it_was_asked_for() -> None:
    _, out = sent_through(Impairment(outages=((100, 20),)), packets=200)
    assert sequences(out) == [*range(100), *range(120, 200)]


def test_jitter_keeps_order_and_its_bounds() -> None:
    impairer, out = sent_through(Impairment(delay_ms=20, jitter_ms=5))
    assert sequences(out) == list(range(2000))
    delays = [(delivery.due - delivery.came) * 1000 for delivery in out]
    assert 14.9 < min(delays) < 15.5
    assert 24.5 < max(delays) < 25.1
    # The mean difference of two even distributions of this width is a third of it.
    assert impairer.truth.jitter_ms == pytest.approx(10 / 3, abs=1.0)


def test_a_spike_holds_up_what_comes_behind_it() -> None:
    _, out = sent_through(Impairment(spike_every=50, spike_ms=100, starts_at=1), packets=100)
    assert sequences(out) == list(range(100))
    assert [round(delivery.due, 3) for delivery in out[50:57]] == [1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.12]


def test_reordering_loses_nothing_and_is_counted_as_a_receiver_sees_it() -> None:
    impairer, out = sent_through(Impairment(reorder=0.1))
    order = sequences(out)
    assert sorted(order) == list(range(2000))
    highest = list(itertools.accumulate(order, max))
    assert impairer.truth.out_of_order == sum(a < b for a, b in zip(order, highest, strict=True)) > 100


def test_duplicates_are_the_same_packet_twice() -> None:
    impairer, out = sent_through(Impairment(duplicate=0.1))
    assert len(out) - len(set(sequences(out))) == impairer.truth.duplicated > 100
    assert impairer.truth.out_of_order == 0


def test_drift_moves_packets_ever_later() -> None:
    _, out = sent_through(Impairment(drift_ppm=500), packets=2001)
    assert out[2000].due - out[2000].came == pytest.approx(0.02, abs=1e-6)


def test_a_bottleneck_delays_then_drops() -> None:
    """64 kbit/s for a stream that takes 80: what does not fit into the queue is lost."""
    truth = sent_through(Impairment(bits_per_s=64_000, queue_ms=100))[0].truth
    assert truth.lost / 2000 == pytest.approx(0.2, abs=0.02)
    assert truth.delay_max_ms == pytest.approx(100, abs=26)


async def test_a_path_carries_audio_both_ways() -> None:
    async with RtpPeer.open(seed=1) as phone, RtpPeer.open(seed=2) as gateway:
        with ImpairedPath(up=Impairment(outages=((10, 5),)), down=Impairment(delay_ms=40)) as path:
            phone.remote = path.near
            path.gateway = (gateway.host, gateway.port)
            gateway.remote = path.far
            phone.queue(audio.tone(500, 1000))
            gateway.queue(audio.tone(900, 1000))
            phone.start()
            gateway.start()
            await gateway.until_received(40)
            await phone.until_received(40)
            assert {received.source for received in gateway.received} == {path.far}
            assert path.up.lost == 5
            assert audio.dominant_tone(gateway.audio()[:1600])[0] == pytest.approx(500, abs=10)
            assert audio.dominant_tone(phone.audio()[:4000])[0] == pytest.approx(900, abs=10)
