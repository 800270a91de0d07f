"""The encoding process seen from the gateway: started, lost, resting, ended."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from media.encoder_client import EncoderClient, EncoderLostError
from media.encoding import EncodingError, EncodingJob
from tests.media.test_recording_encoder import decoded, recording
from tests.support.audio import tone


def encoders() -> list[psutil.Process]:
    """The processes that clients have started; database servers of other tests are our children, too."""
    return [child for child in psutil.Process().children() if child.name().startswith("python")]


@pytest.fixture
async def client() -> AsyncIterator[EncoderClient]:
    made = EncoderClient()
    yield made
    await made.close()


def job(tmp_path: Path, name: str = "kept") -> EncodingJob:
    source = tmp_path / "a.wav"
    if not source.exists():
        recording(source, tone(440, 500), tone(440, 500))
    return EncodingJob(source=str(source), target=str(tmp_path / name))


async def test_recordings_are_encoded_one_after_the_other_by_one_process(
    client: EncoderClient, tmp_path: Path
) -> None:
    assert client.pid is None, "no process before there is work"
    results = await asyncio.gather(*(client.encode(job(tmp_path, f"kept{number}")) for number in range(5)))
    assert {result.duration_ms for result in results} == {500}
    assert all(len(decoded(str(tmp_path / f"kept{number}"))[0]) == 4000 for number in range(5))
    first = client.pid
    await client.encode(job(tmp_path))
    assert client.pid == first


async def test_a_recording_that_cannot_be_encoded_is_told_and_the_next_one_goes_on(
    client: EncoderClient, tmp_path: Path
) -> None:
    with pytest.raises(EncodingError, match="FileNotFoundError"):
        await client.encode(EncodingJob(source=str(tmp_path / "none"), target=str(tmp_path / "never")))
    assert (await client.encode(job(tmp_path))).duration_ms == 500


async def test_a_process_that_dies_is_told_and_replaced(client: EncoderClient, tmp_path: Path) -> None:
    await client.encode(job(tmp_path))
    first = client.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(EncoderLostError):
        await client.encode(job(tmp_path))
    assert (await client.encode(job(tmp_path))).duration_ms == 500
    assert client.pid != first


async def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    client = EncoderClient((sys.executable, "-c", "import time; time.sleep(60)"), job_timeout_s=0.05)
    with pytest.raises(EncoderLostError):
        await client.encode(job(tmp_path))
    assert client.pid is None
    assert not encoders()


async def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    client = EncoderClient((str(tmp_path / "no-such-program"),))
    with pytest.raises(EncoderLostError):
        await client.encode(job(tmp_path))


async def test_without_work_the_process_ends(tmp_path: Path) -> None:
    client = EncoderClient(idle_s=0.0)
    await client.encode(job(tmp_path))
    while encoders():
        await asyncio.sleep(0.01)
    assert client.pid is None
    assert (await client.encode(job(tmp_path))).duration_ms == 500
    await client.close()
    assert not encoders()


async def test_closing_ends_the_process_even_in_the_middle_of_a_job(tmp_path: Path) -> None:
    client = EncoderClient((sys.executable, "-c", "import time; time.sleep(60)"))
    waiting = asyncio.create_task(client.encode(job(tmp_path)))
    while client.pid is None:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await client.close()
    assert not encoders()
