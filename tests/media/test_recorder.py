import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.clock import Schedule
from media.file_thread import FileThread
from media.recorder import Recorder, Recording
from tests.support.audio import Samples, dominant_tone, read_wav, silence, tone

FRAME_S = 0.02
ROOT = Path(__file__).parents[2]


class ImmediateFiles(FileThread):
    """Writes at once, for recordings that run faster than the clock."""

    def submit(self, job: Callable[[], object]) -> None:
        job()


async def finish(recording: Recording) -> tuple[int, str | None]:
    done: asyncio.Future[tuple[int, str | None]] = asyncio.get_running_loop().create_future()
    recording.finish(lambda duration_ms, error: done.set_result((duration_ms, error)))
    return await asyncio.wait_for(done, 5)


def write(recording: Recording, caller: Samples, agent: Samples, rate: int = 8000) -> None:
    """Both sides, frame by frame, in time."""
    size = rate // 50
    for index, at in enumerate(range(0, len(caller), size)):
        recording.write(caller[at : at + size].tobytes(), agent[at : at + size].tobytes(), index * FRAME_S)


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_the_far_party_is_left_and_the_agent_right(tmp_path: Path, rate: int) -> None:
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "calls" / "a.wav", rate)
    caller = tone(400, 1500, rate=rate, level_dbfs=-10)
    agent = tone(900, 1500, rate=rate, level_dbfs=-20)
    write(recording, caller, agent, rate)
    assert await finish(recording) == (1500, None)
    audio, found_rate = read_wav(tmp_path / "calls" / "a.wav")
    assert (found_rate, audio.shape) == (rate, (rate * 3 // 2, 2))
    assert np.array_equal(audio[:, 0], caller)
    assert np.array_equal(audio[:, 1], agent)
    files.close(5.0)


async def test_silence_on_one_side_keeps_the_sides_in_step(tmp_path: Path) -> None:
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "a.wav", 8000)
    word = tone(500, 20).tobytes()
    for index in range(100):
        recording.write(
            word if index == 70 else None, bytearray(word) if index == 71 else None, index * FRAME_S
        )
    assert await finish(recording) == (2000, None)
    audio, _ = read_wav(tmp_path / "a.wav")
    assert np.flatnonzero(audio[:, 0])[0] // 160 == 70
    assert np.flatnonzero(audio[:, 1])[0] // 160 == 71
    files.close(5.0)


async def test_nothing_is_recorded_during_a_pause_and_the_rest_keeps_its_place(tmp_path: Path) -> None:
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "a.wav", 8000)
    word = tone(500, 20).tobytes()
    for index in range(150):
        recording.paused = 40 <= index < 110
        recording.write(word, word, index * FRAME_S)
    assert await finish(recording) == (3000, None)
    loud = np.abs(read_wav(tmp_path / "a.wav")[0]).reshape(150, 320).max(axis=1) > 0
    assert loud[:40].all()
    assert not loud[40:110].any()
    assert loud[110:].all()
    files.close(5.0)


class ServedLeg:
    """A leg on the media clock's own schedule, with a loop that is late as often as the test says."""

    def __init__(self, recording: Recording, slot: int = 2) -> None:
        self.schedule = Schedule(4, 200, 0.0)
        self.recording = recording
        self.slot = slot
        self.last_tick = 0.0
        self.marks: list[float] = []  # when a marked frame was served
        self.mark_due = 1.0
        self._mark = np.full(160, 12_000, dtype="<i2").tobytes()

    def wake(self, now: float, every_s: float) -> None:
        for number in self.schedule.due(now):
            if number % self.schedule.slots != self.slot:
                continue
            in_time = 0.015 < now - self.last_tick < 0.025
            mark = in_time and now >= self.mark_due
            if mark:
                self.marks.append(now)
                self.mark_due = now + every_s
            self.recording.write(self._mark if mark else None, self._mark if mark else None, now)
            self.last_tick = now


async def test_an_hour_with_stalls_stays_within_a_frame_of_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    recording = Recorder(ImmediateFiles(), 1 << 30).start(path, 8000)
    leg = ServedLeg(recording)
    chance = random.Random(7)
    now, stalls, shifts = 0.0, 0, 0
    while now < 3600:
        late = chance.random() * 0.002
        if chance.random() < 1 / 3000:  # every 12 s or so: longer than the clock makes up for, or just so
            late = chance.choice((0.05, 0.205, 0.3, 1.0, 4.0)) * (0.9 + 0.2 * chance.random())
            stalls += 1
        if chance.random() < 1 / 90_000:
            leg.slot = (leg.slot + 1) % 5  # the far party's packets come at another time from now on
            shifts += 1
        now = max(now, leg.schedule.next_at) + late
        leg.wake(now, every_s=5.0)
    duration_ms, error = await finish(recording)
    audio, rate = read_wav(path)
    os.unlink(path)
    assert error is None
    assert stalls > 200
    assert shifts > 3
    assert leg.schedule.slots_skipped > 10_000
    assert len(leg.marks) > 500
    assert abs(duration_ms - 3600_000) <= 40
    starts = []
    for side in range(2):
        marked = audio[:, side] > 6000
        starts.append(np.flatnonzero(marked[1:] & ~marked[:-1]) + 1)
    assert np.array_equal(starts[0], starts[1])
    found = starts[0] / rate
    assert len(found) == len(leg.marks)
    wanted = np.array(leg.marks)
    errors = found - wanted - np.median(found - wanted)
    assert np.abs(errors).max() <= 0.020, f"{np.abs(errors).max() * 1000:.1f} ms"


async def test_a_first_frame_that_came_late_does_not_shift_the_rest(tmp_path: Path) -> None:
    recording = Recorder(ImmediateFiles(), 1 << 20).start(tmp_path / "a.wav", 8000)
    for index in range(200):
        recording.write(None, None, max(index * FRAME_S, 0.1))
    assert await finish(recording) == (4000, None)


async def test_a_frame_too_many_is_left_out(tmp_path: Path) -> None:
    recording = Recorder(ImmediateFiles(), 1 << 20).start(tmp_path / "a.wav", 8000)
    for index in range(500):
        recording.write(None, None, (index - (index > 100) - (index > 200)) * FRAME_S)
    duration_ms, _ = await finish(recording)
    assert duration_ms == (500 - 2) * 20


def test_a_process_killed_in_mid_call_leaves_a_file_that_plays(tmp_path: Path) -> None:
    """A real process and a real SIGKILL: no chance to tidy up."""
    path = tmp_path / "a.wav"
    child = subprocess.Popen(
        [sys.executable, "-c", _RECORDS_FOR_EVER, str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    seconds_on_disk = [int(child.stdout.readline()) for _ in range(5)][-1]
    child.kill()
    child.wait(10)
    child.stdout.close()
    audio, rate = read_wav(path)
    assert (rate, seconds_on_disk) == (8000, 5)
    assert len(audio) >= 8000 * 5
    assert round(dominant_tone(audio[:8000, 0])[0]) == 500
    assert round(dominant_tone(audio[:8000, 1])[0]) == 700
    assert path.stat().st_mode & 0o777 == 0o600


_RECORDS_FOR_EVER = """
import sys
from pathlib import Path
from media.file_thread import FileThread
from media.recorder import Recorder
from tests.support.audio import tone
files = FileThread()
recording = Recorder(files, 1 << 30).start(Path(sys.argv[1]), 8000)
caller, agent = tone(500, 1000), tone(700, 1000)
second = 0
while True:
    for at in range(0, 8000, 160):
        now = second + at / 8000
        recording.write(caller[at : at + 160].tobytes(), agent[at : at + 160].tobytes(), now)
    second += 1
    files.submit(lambda second=second: print(second, flush=True))
    if second % 100 == 0:
        files.close(60.0)
"""


async def test_a_disk_that_is_too_slow_costs_sound_but_not_time(tmp_path: Path) -> None:
    files = FileThread()
    release = threading.Event()
    files.submit(lambda: release.wait(30) and None)
    recorder = Recorder(files, queue_bytes=2 * 16000)
    recording = recorder.start(tmp_path / "a.wav", 8000)
    frame = tone(500, 20).tobytes()
    for index in range(150):
        recording.write(frame, frame, index * FRAME_S)
    assert recorder.frames_dropped == 100
    release.set()
    assert await finish(recording) == (3000, None)
    audio, _ = read_wav(tmp_path / "a.wav")
    assert audio[:8000].any()
    assert not audio[8000:].any()
    files.close(5.0)


async def test_what_comes_after_a_slow_disk_is_in_its_place(tmp_path: Path) -> None:
    files = FileThread()
    release = threading.Event()
    files.submit(lambda: release.wait(30) and None)
    recorder = Recorder(files, queue_bytes=2 * 16000)
    recording = recorder.start(tmp_path / "a.wav", 8000)
    frame = tone(500, 20).tobytes()
    for index in range(150):
        recording.write(frame, frame, index * FRAME_S)
    release.set()
    files.close(5.0)
    for index in range(150, 200):
        recording.write(frame, frame, index * FRAME_S)
    assert await finish(recording) == (4000, None)
    loud = np.abs(read_wav(tmp_path / "a.wav")[0]).reshape(4, 16000).max(axis=1) > 0
    assert loud.tolist() == [True, False, False, True]
    files.close(5.0)


class CountingFiles(FileThread):
    """Counts how often the thread is woken."""

    woken = 0

    def submit(self, job: Callable[[], object]) -> None:
        self.woken += 1
        job()


async def test_many_recordings_wake_the_file_thread_together(tmp_path: Path) -> None:
    files = CountingFiles()
    recorder = Recorder(files, 1 << 30)
    recordings = [
        recorder.start(tmp_path / f"{number}.wav", 8000, flush_frames=30 + number % 40)
        for number in range(100)
    ]
    frame = tone(500, 20).tobytes()
    for index in range(1000):
        for number, recording in enumerate(recordings):
            recording.write(frame, None, index * FRAME_S + number * 0.0002)
    assert files.woken <= 20 / 0.25 + 1
    results = await asyncio.gather(*(finish(recording) for recording in recordings))
    assert results == [(20_000, None)] * 100
    assert all(read_wav(tmp_path / f"{number}.wav")[0][:, 0].any() for number in range(100))


async def test_an_error_of_the_disk_is_told_when_the_recording_finishes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    files = FileThread()
    recording = Recorder(files, 1 << 20).start(tmp_path / "file" / "a.wav", 8000)
    for index in range(60):
        recording.write(silence(20).tobytes(), None, index * FRAME_S)
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
