import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from local_engine.errors import SpeechQueueFull
from local_engine.espeak import Synthesis, WordMark
from local_engine.speech import PEAK, Speech, SpeechKey, SpeechService, make_speech, split_words
from local_engine.voices import SpeakingVoice
from tests.support.audio import level_dbfs, silence, tone

VOICE = SpeakingVoice("en-us", "m3")


def key(text: str = "Good day, Ada.", rate: int = 8000) -> SpeechKey:
    return SpeechKey(text, VOICE, rate)


def test_the_synthesisers_silence_is_cut_and_words_move_along() -> None:
    pcm = np.concatenate((silence(200, 22050), tone(400, 1000, rate=22050), silence(600, 22050)))
    synthesis = Synthesis(pcm.tobytes(), 22050, (WordMark(0, 4410), WordMark(5, 15435)))
    speech = make_speech(key("Good day"), synthesis)
    assert len(speech.pcm) / 16 == pytest.approx(1080, abs=5)
    assert [word.text for word in speech.words] == ["Good", " day"]
    assert speech.words[0].start_ms == pytest.approx(0, abs=5)
    assert speech.words[1].start_ms == pytest.approx(500, abs=5)


def test_speech_is_levelled_whatever_the_synthesiser_gave() -> None:
    for level in (-40.0, -6.0):
        synthesis = Synthesis(tone(400, 500, rate=22050, level_dbfs=level).tobytes(), 22050, ())
        samples = np.frombuffer(make_speech(key(), synthesis).pcm, dtype="<i2")
        assert np.abs(samples.astype(np.int32)).max() == pytest.approx(PEAK, rel=0.05)


def test_silence_becomes_no_audio() -> None:
    speech = make_speech(key("..."), Synthesis(bytes(2000), 22050, ()))
    assert speech == Speech("...", b"", 8000, ())


def test_all_words_together_are_the_text() -> None:
    text = "Hello, — well… it's  fine! (Really.) "
    marks = [(0, 0.0), (9, 300.0), (15, 500.0), (15, 510.0), (14, 520.0), (20, 700.0), (99, 800.0)]
    words = split_words(text, marks)
    assert "".join(word.text for word in words) == text.strip()
    starts = [word.start_ms for word in words]
    assert starts == sorted(starts)


def test_text_without_marks_is_one_word() -> None:
    assert [word.text for word in split_words(" hm ", [])] == ["hm"]
    assert split_words("  ", []) == ()


@pytest.fixture
def service() -> Iterator[SpeechService]:
    service = SpeechService(cache_bytes=200_000, queue_limit=2)
    yield service
    service.close()


async def spoken(service: SpeechService, wanted: SpeechKey) -> Speech:
    future: asyncio.Future[Speech] = asyncio.get_running_loop().create_future()
    service.request(wanted, future.set_result)
    return await asyncio.wait_for(future, 5)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
async def test_speech_comes_at_the_calls_rate(service: SpeechService, rate: int) -> None:
    await service.start()
    speech = await spoken(service, key(rate=rate))
    seconds = len(speech.pcm) / 2 / rate
    assert 0.6 < seconds < 2.5
    assert "".join(word.text for word in speech.words) == "Good day, Ada."
    assert level_dbfs(np.frombuffer(speech.pcm, dtype="<i2")) > -30


async def test_cached_speech_comes_at_once(service: SpeechService) -> None:
    await service.start(("Good day.",), (8000,))
    got: list[Speech] = []
    service.request(SpeechKey("Good day.", service.voice(None, None), 8000), got.append)
    assert len(got) == 1


async def test_equal_requests_share_one_synthesis(service: SpeechService) -> None:
    await service.start()
    results = await asyncio.gather(*(spoken(service, key()) for _ in range(20)))
    assert all(result is results[0] for result in results)


async def test_a_full_queue_refuses_and_counts(service: SpeechService) -> None:
    await service.start()
    gate = threading.Event()
    service._thread.submit(gate.wait)
    waiting = [asyncio.create_task(spoken(service, key(f"number {index}"))) for index in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(SpeechQueueFull):
        service.request(key("one too many"), lambda speech: None)
    assert service.refused == 1
    gate.set()
    await asyncio.gather(*waiting)


async def test_the_cache_is_bounded_and_forgets_the_oldest(service: SpeechService) -> None:
    await service.start()
    for index in range(30):
        await spoken(service, key(f"This is sentence number {index}."))
    assert service._cached_bytes <= 200_000
    assert key("This is sentence number 29.") in service._cache
    assert key("This is sentence number 0.") not in service._cache


async def test_what_the_synthesiser_refuses_arrives_without_audio(service: SpeechService) -> None:
    await service.start()
    speech = await spoken(service, SpeechKey("hello", SpeakingVoice("tlh", "m3"), 8000))
    assert speech.pcm == b""
    assert service.failed == 1
