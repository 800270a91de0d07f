import pytest

from local_engine.voices import CATALOGUE, SpeakingVoice, find_voice, speaking_voice

LANGUAGES = frozenset(("en-us", "en-gb", "en", "de", "fr", "es"))


def test_catalogue_voices_are_found_by_id_and_by_name() -> None:
    mark = CATALOGUE[0]
    assert find_voice("Mark") is mark
    assert find_voice("mark") is mark
    assert find_voice(mark.voice_id) is mark
    assert find_voice("nobody") is None


def test_an_unknown_id_always_sounds_the_same_and_ids_differ() -> None:
    ids = [f"1b3f9d1a-0000-4000-8000-{number:012d}" for number in range(40)]
    first = [speaking_voice(each, None, LANGUAGES) for each in ids]
    assert first == [speaking_voice(each, None, LANGUAGES) for each in ids]
    assert len(set(first)) > 3


@pytest.mark.parametrize(
    ("voice", "hint", "language"),
    [
        (None, None, "en-us"),
        ("Edwin", None, "en-gb"),
        ("Edwin", "de-CH", "de"),
        ("Klara", "", "de"),
        (None, "fr_FR", "fr"),
        (None, "tlh", "en-us"),
    ],
)
def test_the_hint_chooses_the_language(voice: str | None, hint: str | None, language: str) -> None:
    assert speaking_voice(voice, hint, LANGUAGES).language == language


def test_no_voice_is_the_first_of_the_catalogue() -> None:
    assert speaking_voice(None, None, LANGUAGES) == SpeakingVoice("en-us", CATALOGUE[0].variant)
