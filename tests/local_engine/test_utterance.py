from collections.abc import Callable

import numpy as np

from local_engine.actions import Keypad, Play, Say, Silence, Tone
from local_engine.speech import Speech
from local_engine.tones import keypad
from local_engine.utterance import Utterance, UtteranceBuilder, spoken_text
from tests.local_engine.stage import RATE, speech_of
from tests.support.audio import dominant_tone

Waiting = list[tuple[str, Callable[[Speech], None]]]


def at_once(text: str, callback: Callable[[Speech], None]) -> None:
    callback(speech_of(text))


def test_parts_follow_one_another_and_words_keep_their_place() -> None:
    built: list[Utterance] = []
    parts = (Say("you said"), Silence(100), Play(b"\1\0" * 800), Say("right"))
    UtteranceBuilder(parts, RATE, at_once, built.append).start()
    (utterance,) = built
    assert len(utterance.pcm) / 16 == 400 + 100 + 100 + 200
    assert [(word.text, word.start_ms) for word in utterance.words] == [
        ("you", 0.0),
        (" said", 200.0),
        (" right", 600.0),
    ]
    assert utterance.text == "you said right"
    assert utterance.pcm[1600 * 5 : 1600 * 6] == b"\1\0" * 800


def test_tones_and_keys_need_no_speech() -> None:
    built: list[Utterance] = []
    UtteranceBuilder((Tone(1000.0, 200), Keypad("5")), RATE, at_once, built.append).start()
    samples = np.frombuffer(built[0].pcm, dtype="<i2").astype(np.int16)
    assert abs(dominant_tone(samples[:1600])[0] - 1000) < 3
    assert built[0].pcm[3200:] == keypad("5", RATE)


def test_it_waits_for_all_speech_whatever_the_order() -> None:
    built: list[Utterance] = []
    waiting: Waiting = []
    builder = UtteranceBuilder(
        (Say("one"), Say("two")), RATE, lambda text, callback: waiting.append((text, callback)), built.append
    )
    builder.start()
    for text, callback in reversed(waiting):
        assert not built
        callback(speech_of(text))
    assert "".join(word.text for word in built[0].words) == "one two"


def test_a_cancelled_utterance_never_comes() -> None:
    built: list[Utterance] = []
    waiting: Waiting = []
    builder = UtteranceBuilder(
        (Say("one"),), RATE, lambda text, callback: waiting.append((text, callback)), built.append
    )
    builder.start()
    builder.cancel()
    waiting[0][1](speech_of("one"))
    assert not built


def test_one_uninterruptible_part_protects_the_whole() -> None:
    builder = UtteranceBuilder((Say("a"), Say("b", uninterruptible=True)), RATE, at_once, lambda _: None)
    assert builder.uninterruptible


def test_only_what_is_said_is_text() -> None:
    assert spoken_text((Say(" a "), Silence(10), Say("b"), Say("  "))) == "a b"
