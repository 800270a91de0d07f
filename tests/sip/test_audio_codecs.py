import pytest

from sip.audio_codecs import AUDIO_CODECS, answered_fmtp, best_sample_rate, codecs_named, rank

OPUS = AUDIO_CODECS["OPUS"][0]


@pytest.mark.parametrize(
    ("names", "rate"),
    [
        (("G722", "PCMU"), 16000),
        (("PCMU", "G722"), 8000),
        (("opus",), 16000),
        (("L16",), 16000),
        ((), 8000),
        (("EVS", "OPUS"), 16000),
    ],
)
def test_rate_of_a_call_is_guessed_by_the_first_codec_offered(names: tuple[str, ...], rate: int) -> None:
    assert best_sample_rate(names) == rate


def test_unknown_names_are_left_out_and_l16_stands_for_both_its_rates() -> None:
    assert [(codec.key, codec.clock_rate) for codec in codecs_named(["l16", "AMR", "pcmu"])] == [
        ("L16", 16000),
        ("L16", 8000),
        ("PCMU", 8000),
    ]


def test_both_laws_share_the_place_of_the_first() -> None:
    ours = codecs_named(["G722", "PCMA", "OPUS", "PCMU"])
    places = {codec.key: rank(codec, ours) for codec in ours}
    assert places == {"G722": 0, "PCMA": 1, "OPUS": 2, "PCMU": 1}


@pytest.mark.parametrize("wild", ["maxplaybackrate=", "maxplaybackrate=9999999999", "minptime=x", "==;;"])
def test_parameters_that_make_no_sense_are_answered_with_ours(wild: str) -> None:
    assert answered_fmtp(OPUS, wild) == answered_fmtp(OPUS, "")


def test_codecs_without_parameters_answer_none() -> None:
    assert answered_fmtp(AUDIO_CODECS["G722"][0], "bitrate=64000") == ""
