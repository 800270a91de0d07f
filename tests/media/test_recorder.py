import asyncio
import threading
from pathlib import Path

import numpy as np

from media.file_thread import FileThread
from media.recorder import Recorder, Recording
from tests.support.audio import dominant_tone, read_wav, silence, tone


async def finish(recording: Recording) -> tuple[int, str | None]:
    done: asyncio.Future[tuple[int, str | None]] = asyncio.get_running_loop().create_future()
    recording.finish(lambda duration_ms, error: done.set_result((duration_ms, error)))
    return await asyncio.wait_for(done, 5)


async def test_the_far_party_is_left_and_the_agent_right(tmp_path: Path) -> None:
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "calls" / "a.wav", 8000)
    caller, agent = tone(400, 1500, level_dbfs=-10), tone(900, 1500, level_dbfs=-20)
    for at in range(0, len(caller), 160):
        recording.write(caller[at : at + 160].tobytes(), agent[at : at + 160].tobytes())
    assert await finish(recording) == (1500, None)
    audio, rate = read_wav(tmp_path / "calls" / "a.wav")
    assert (rate, audio.shape) == (8000, (12000, 2))
    assert np.array_equal(audio[:, 0], caller)
    assert np.array_equal(audio[:, 1], agent)
    files.close(5.0)


async def test_silence_on_one_side_keeps_the_sides_in_step(tmp_path: Path) -> None:
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "a.wav", 8000)
    word = tone(500, 20).tobytes()
    for index in range(100):
        recording.write(word if index == 70 else None, word if index == 71 else None)
    assert await finish(recording) == (2000, None)
    audio, _ = read_wav(tmp_path / "a.wav")
    assert np.flatnonzero(audio[:, 0])[0] // 160 == 70
    assert np.flatnonzero(audio[:, 1])[0] // 160 == 71
    files.close(5.0)


async def test_a_process_killed_in_mid_call_leaves_a_file_that_plays(tmp_path: Path) -> None:
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "a.wav", 8000)
    second = tone(700, 1000)
    for at in range(0, len(second), 160):
        recording.write(second[at : at + 160].tobytes(), None)
    files.close(5.0)  # what was handed over is written; the recording is never finished
    audio, _ = read_wav(tmp_path / "a.wav")
    assert len(audio) == 8000
    assert round(dominant_tone(audio[:, 0])[0]) == 700


async def test_a_disk_that_is_too_slow_costs_sound_but_not_time(tmp_path: Path) -> None:
    files = FileThread()
    release = threading.Event()
    files.submit(lambda: release.wait(30) and None)
    recorder = Recorder(files, queue_bytes=2 * 16000)
    recording = recorder.start(tmp_path / "a.wav", 8000)
    frame = tone(500, 20).tobytes()
    for _ in range(150):
        recording.write(frame, frame)
    assert recorder.frames_dropped == 100
    release.set()
    assert await finish(recording) == (3000, None)
    audio, _ = read_wav(tmp_path / "a.wav")
    assert audio[:8000].any()
    assert not audio[8000:].any()
    files.close(5.0)


async def test_an_error_of_the_disk_is_told_when_the_recording_finishes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "file" / "a.wav", 8000)
    for _ in range(60):
        recording.write(silence(20).tobytes(), None)
    duration_ms, error = await finish(recording)
    assert duration_ms == 0
    assert error is not None
    assert "Error" in error
    files.close(5.0)


async def test_a_recording_without_a_frame_is_an_empty_file(tmp_path: Path) -> None:
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "a.wav", 8000)
    assert await finish(recording) == (0, None)
    assert read_wav(tmp_path / "a.wav")[0].size == 0
    files.close(5.0)
