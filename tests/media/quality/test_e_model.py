import pytest

from media.quality.e_model import (
    CodecImpairment,
    burst_ratio,
    delay_impairment,
    impairment_of,
    loss_impairment,
    mos,
    rating,
)

G711 = impairment_of("PCMU", 8000)


def g711_mos(one_way_ms: float, loss_percent: float, burst: float = 1.0) -> float:
    return mos(rating(G711, one_way_ms, loss_percent, burst))


def test_a_clean_g711_call_has_the_rating_of_the_recommendation() -> None:
    assert rating(G711, 0, 0) == 93.2
    assert g711_mos(0, 0) == pytest.approx(4.41, abs=0.01)


@pytest.mark.parametrize(
    ("r", "expected"),
    # Points of the curve printed in G.107, annex B, table B.1.
    [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0), (100, 4.5), (120, 4.5)],
)
def test_the_score_follows_the_curve_of_annex_b(r: float, expected: float) -> None:
    assert mos(r) == pytest.approx(expected, abs=0.01)


def test_the_score_never_leaves_its_scale() -> None:
    scores = [mos(step / 10) for step in range(-50, 1400)]
    assert min(scores) == 1.0
    assert max(scores) == 4.5


def test_delay_does_no_harm_up_to_100_ms_and_then_ever_more() -> None:
    assert delay_impairment(100) == 0
    assert delay_impairment(150) < 1.0
    harms = [delay_impairment(delay) for delay in range(100, 1000, 50)]
    assert harms == sorted(harms)
    # G.107, figure of Idd: about 20 at 400 ms.
    assert delay_impairment(400) == pytest.approx(24, abs=4)


def test_the_targets_of_the_product_hold_on_the_networks_they_name() -> None:
    assert g711_mos(20 + 25 + 20, 0.5) >= 4.3
    assert g711_mos(100, 3.0) >= 3.6


def test_concealment_is_what_makes_g711_robust() -> None:
    bare = CodecImpairment(ie=0.0, bpl=4.3)
    assert loss_impairment(G711, 3) == pytest.approx(10.1, abs=0.1)
    assert loss_impairment(bare, 3) > 3 * loss_impairment(G711, 3)


def test_loss_in_bursts_is_worse_than_the_same_loss_at_random() -> None:
    assert g711_mos(0, 5, burst=4) < g711_mos(0, 5) - 0.05


def test_wide_band_is_rated_on_its_own_scale() -> None:
    g722 = impairment_of("G722", 16000)
    assert g722.wideband
    assert rating(g722, 0, 0) == 116
    assert mos(rating(g722, 0, 0), wideband=True) == pytest.approx(4.34, abs=0.01)
    assert impairment_of("opus", 16000).wideband
    assert impairment_of("L16", 16000).wideband
    assert not impairment_of("L16", 8000).wideband
    assert mos(rating(g722, 0, 10), wideband=True) < 3


def test_burst_ratio_is_one_for_single_losses_and_the_mean_gap_for_bursts() -> None:
    assert burst_ratio(lost=10, gaps=10, expected=1000) == 1.0
    assert burst_ratio(lost=40, gaps=10, expected=1000) == pytest.approx(3.84)
    assert burst_ratio(lost=0, gaps=0, expected=1000) == 1.0
    assert burst_ratio(lost=5, gaps=1, expected=0) == 1.0
