"""The life of a recording after its call, with a real encoder and real files."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.call import Call
from gateway.errors import ConflictError, NotFoundError, UnavailableError
from gateway.recordings.s3_storage import S3Storage
from media.encoder_client import EncoderClient
from media.encoding import RecordingFormat
from media.messages import RecordingFinished
from store.records import RecordingFile, RecordingStatus
from tests.gateway.recordings.conftest import T0, Scene
from tests.gateway.recordings.s3_server import S3Server
from tests.media.test_recording_encoder import decoded
from tests.support.audio import dominant_tone


def finished(call: Call, duration_ms: int = 1500, error: str | None = None) -> RecordingFinished:
    return RecordingFinished(
        leg_id=call.id, path=call.record.recording_path or "", duration_ms=duration_ms, error=error
    )


def kept_path(scene: Scene, call: Call, extension: str = "mp3") -> Path:
    return scene.directory / "kept" / "2026" / "05" / "06" / f"{call.id}.{extension}"


def wav_path(scene: Scene, call: Call) -> Path:
    return scene.directory / "live" / f"{call.id}.wav"


def live_files(scene: Scene) -> list[Path]:
    return list((scene.directory / "live").iterdir())


async def test_a_finished_recording_becomes_an_mp3_and_the_wav_goes(scene: Scene) -> None:
    archive = scene.archive()
    call = await scene.ended_call()
    archive.finished(call, finished(call))
    assert call.record.recording_status is RecordingStatus.PROCESSING
    await scene.settled(archive)
    record = await scene.stored(call)
    content = kept_path(scene, call).read_bytes()
    file = record.recording_file
    assert record.recording_status is RecordingStatus.READY
    assert record.recording_path is None
    assert file == RecordingFile(
        location=f"disk:2026/05/06/{call.id}.mp3",
        format="mp3",
        channels=2,
        sample_rate=8000,
        duration_ms=1500,
        size_bytes=len(content),
        sha256=file.sha256 if file else "",
    )
    audio, rate = decoded(str(kept_path(scene, call)))
    assert [round(dominant_tone(audio[2000:10_000, side], rate)[0], -1) for side in (0, 1)] == [440, 1000]
    assert live_files(scene) == []
    assert await scene.kinds(call) == ["answered", "call.recording.ready"]
    assert scene.counted("ready") == 1


@pytest.mark.parametrize("format", [RecordingFormat.OPUS, RecordingFormat.WAV])
async def test_other_formats_are_kept_under_their_own_name(scene: Scene, format: RecordingFormat) -> None:
    scene.settings = {"format": format, "channels": 1}
    archive = scene.archive()
    call = await scene.ended_call()
    archive.finished(call, finished(call))
    await scene.settled(archive)
    file = (await scene.stored(call)).recording_file
    assert file is not None
    assert (file.format, file.channels) == (str(format), 1)
    assert decoded(str(kept_path(scene, call, str(format))))[0].shape[1] == 1


async def test_a_lost_worker_costs_the_rest_of_the_recording_and_not_what_was_there(scene: Scene) -> None:
    archive = scene.archive()
    call = await scene.ended_call()
    archive.finished(call, finished(call, duration_ms=0, error="worker 1: killed"))
    await scene.settled(archive)
    file = (await scene.stored(call)).recording_file
    assert file is not None
    assert file.duration_ms == 1500


async def test_a_call_that_ended_before_its_first_frame_has_no_recording(scene: Scene) -> None:
    archive = scene.archive()
    call = await scene.ended_call()
    archive.finished(call, finished(call, duration_ms=0))
    await scene.settled(archive)
    while live_files(scene):
        await asyncio.sleep(0)
    assert (await scene.stored(call)).recording_status is RecordingStatus.NONE
    assert await scene.kinds(call) == ["answered", "recording-empty"]


async def test_what_cannot_be_encoded_has_failed_and_is_left_for_a_person(scene: Scene) -> None:
    archive = scene.archive()
    call = await scene.ended_call()
    wav_path(scene, call).write_bytes(b"this is no sound")
    archive.finished(call, finished(call))
    await scene.settled(archive)
    record = await scene.stored(call)
    assert (record.recording_status, record.recording_file) == (RecordingStatus.FAILED, None)
    assert record.recording_path == str(wav_path(scene, call))
    assert wav_path(scene, call).read_bytes() == b"this is no sound"
    assert await scene.kinds(call) == ["answered", "recording-failed"]
    assert scene.counted("failed") == 1


async def test_an_encoder_that_was_killed_is_given_another_chance(scene: Scene) -> None:
    archive = scene.archive()
    first, second = await scene.ended_call(), await scene.ended_call()
    archive.finished(first, finished(first))
    await scene.settled(archive)
    assert scene.encoder.pid is not None
    os.kill(scene.encoder.pid, signal.SIGKILL)
    archive.finished(second, finished(second))
    await scene.settled(archive)
    assert (await scene.stored(second)).recording_status is RecordingStatus.READY


async def test_an_encoder_that_always_dies_fails_the_recording_and_no_more(scene: Scene) -> None:
    scene.encoder = EncoderClient((sys.executable, "-c", "pass"))
    archive = scene.archive()
    call = await scene.ended_call()
    archive.finished(call, finished(call))
    await scene.settled(archive)
    assert (await scene.stored(call)).recording_status is RecordingStatus.FAILED


# --- after a crash


@pytest.mark.parametrize("status", [RecordingStatus.RECORDING, RecordingStatus.PROCESSING])
async def test_after_a_crash_unfinished_recordings_are_encoded(scene: Scene, status: RecordingStatus) -> None:
    call = await scene.ended_call(status)
    (scene.directory / "live" / f"{call.id}.part").write_bytes(b"half an mp3")
    scene.now += timedelta(seconds=30)
    archive = scene.archive()
    await archive.start()
    await scene.settled(archive)
    record = await scene.stored(call)
    assert record.recording_status is RecordingStatus.READY
    assert kept_path(scene, call).exists()
    assert live_files(scene) == []
    timeline = await scene.store.calls.timeline(call.id)
    assert [event.kind for event in timeline] == ["answered", "call.recording.ready"]
    assert timeline[1].t_ms >= 30_000


async def test_a_gateway_that_is_stopped_goes_on_after_its_next_start(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.recordings.archive.CLOSE_PATIENCE_S", 0.1)
    scene.encoder = EncoderClient((sys.executable, "-c", "import time; time.sleep(60)"))
    archive = scene.archive()
    call = await scene.ended_call()
    archive.finished(call, finished(call))
    closing = asyncio.create_task(archive.close())
    while scene.encoder.pid is None:
        await asyncio.sleep(0)
    os.kill(scene.encoder.pid, signal.SIGSTOP)  # it does nothing more, whatever it is asked
    await closing
    scene.archives.clear()
    assert (await scene.stored(call)).recording_status is RecordingStatus.PROCESSING
    scene.encoder = EncoderClient()
    archive = scene.archive()
    await archive.start()
    await scene.settled(archive)
    assert (await scene.stored(call)).recording_status is RecordingStatus.READY


async def test_a_recording_whose_file_is_gone_has_failed(scene: Scene) -> None:
    call = await scene.ended_call(wav=False)
    archive = scene.archive()
    await archive.start()
    await scene.settled(archive)
    assert (await scene.stored(call)).recording_status is RecordingStatus.FAILED


async def test_what_a_crash_left_beside_a_recording_that_was_kept_is_removed(scene: Scene) -> None:
    kept = await scene.ended_call(RecordingStatus.READY)
    deleted = await scene.ended_call(RecordingStatus.NONE)
    deleted.step("recording-deleted", by="api")
    deleted.save()
    await scene.writer.flush()
    failed = await scene.ended_call(RecordingStatus.FAILED)
    (scene.directory / "live" / "stranger.wav").write_bytes(b"")
    archive = scene.archive()
    await archive.start()
    assert {path.name for path in live_files(scene)} == {f"{failed.id}.wav", "stranger.wav"}
    assert archive.waiting == 0
    assert (await scene.stored(kept)).recording_status is RecordingStatus.READY
    assert (await scene.stored(deleted)).recording_status is RecordingStatus.NONE


async def test_a_recording_that_the_store_had_not_heard_of_is_taken_up(scene: Scene) -> None:
    call = await scene.ended_call(RecordingStatus.NONE)
    archive = scene.archive()
    await archive.start()
    await scene.settled(archive)
    assert (await scene.stored(call)).recording_status is RecordingStatus.READY
    assert live_files(scene) == []


async def test_a_live_call_is_not_taken_for_a_crashed_one(scene: Scene) -> None:
    call = await scene.ended_call()
    scene.live[call.id] = call
    archive = scene.archive()
    scene.now += timedelta(days=1)
    assert await archive.take_up() == 0
    del scene.live[call.id]
    assert await archive.take_up() == 1
    assert await archive.take_up() == 0, "it is being worked on"
    await scene.settled(archive)


# --- a bucket


async def test_recordings_go_to_the_bucket_and_older_ones_stay_readable(scene: Scene) -> None:
    archive = scene.archive()
    old, new = await scene.ended_call(), await scene.ended_call()
    archive.finished(old, finished(old))
    await scene.settled(archive)
    async with S3Server() as server:
        scene.storages["s3"] = S3Storage(server.bucket())
        scene.keep_in = "s3"
        archive = scene.archive()
        await archive.start()
        archive.finished(new, finished(new))
        await scene.settled(archive)
        assert list(server.objects) == [f"calls/2026/05/06/{new.id}.mp3"]
        assert live_files(scene) == []
        for call in (old, new):
            record = await scene.stored(call)
            assert record.recording_file is not None
            size = record.recording_file.size_bytes
            content = b"".join([piece async for piece in await archive.read(record, 0, size)])
            assert len(content) == size
            await archive.delete(record, "api")
        assert server.objects == {}
        await scene.storages["s3"].close()


async def test_a_storage_that_is_away_is_asked_again_and_nothing_is_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.recordings.archive.FIRST_PAUSE_S", 0.0)
    async with S3Server() as server:
        server.fail_next = [500, 503, 403]
        scene.storages["s3"] = S3Storage(server.bucket())
        scene.keep_in = "s3"
        archive = scene.archive()
        call = await scene.ended_call()
        archive.finished(call, finished(call))
        await scene.settled(archive)
        assert [method for method, _ in server.requests] == ["PUT"] * 4
        assert (await scene.stored(call)).recording_status is RecordingStatus.READY
        await scene.storages["s3"].close()


# --- deletion


async def test_a_deleted_recording_is_gone_from_disk_and_call(scene: Scene) -> None:
    archive = scene.archive()
    call = await scene.ended_call()
    archive.finished(call, finished(call))
    await scene.settled(archive)
    record = await scene.stored(call)
    await archive.delete(record, "api")
    after = await scene.stored(call)
    assert (after.recording_status, after.recording_file) == (RecordingStatus.NONE, None)
    assert not kept_path(scene, call).exists()
    timeline = await scene.store.calls.timeline(call.id)
    assert (timeline[-1].kind, timeline[-1].detail) == ("recording-deleted", {"by": "api"})
    with pytest.raises(NotFoundError):
        await archive.delete(after, "api")
    with pytest.raises(NotFoundError):
        await archive.read(record, 0, 1)


async def test_a_recording_that_is_being_made_cannot_be_deleted(scene: Scene) -> None:
    archive = scene.archive()
    call = await scene.ended_call()
    scene.live[call.id] = call
    with pytest.raises(ConflictError) as refused:
        await archive.delete(call.record, "api")
    assert refused.value.code == "recording_running"


async def test_a_recording_that_is_being_encoded_is_given_up_when_it_is_deleted(scene: Scene) -> None:
    scene.encoder = EncoderClient((sys.executable, "-c", "import time; time.sleep(60)"))
    archive = scene.archive()
    call = await scene.ended_call()
    archive.finished(call, finished(call))
    while scene.encoder.pid is None:
        await asyncio.sleep(0)
    await archive.delete(call.record, "api")
    assert archive.waiting == 0
    assert live_files(scene) == []
    assert (await scene.stored(call)).recording_status is RecordingStatus.NONE


async def test_a_failed_recording_is_deleted_with_its_wav(scene: Scene) -> None:
    archive = scene.archive()
    call = await scene.ended_call(RecordingStatus.FAILED)
    await archive.delete(call.record, "api")
    assert live_files(scene) == []


async def test_a_storage_that_is_away_keeps_what_was_to_be_deleted(scene: Scene) -> None:
    async with S3Server() as server:
        scene.storages["s3"] = S3Storage(server.bucket())
        scene.keep_in = "s3"
        archive = scene.archive()
        call = await scene.ended_call()
        archive.finished(call, finished(call))
        await scene.settled(archive)
        server.fail_next = [503]
        with pytest.raises(UnavailableError):
            await archive.delete(call.record, "api")
        record = await scene.stored(call)
        assert record.recording_status is RecordingStatus.READY
        server.fail_next = [503]
        with pytest.raises(UnavailableError):
            await archive.read(record, 0, 10)
        await scene.storages["s3"].close()


async def test_a_recording_in_a_storage_that_is_no_longer_configured_says_so(scene: Scene) -> None:
    file = RecordingFile("s3:old/a.mp3", "mp3", 2, 8000, 1500, 10, "")
    call = await scene.ended_call(RecordingStatus.READY, recording_file=file)
    archive = scene.archive()
    with pytest.raises(UnavailableError):
        await archive.read(call.record, 0, 10)


async def test_a_call_is_found_while_it_lives_and_afterwards(scene: Scene) -> None:
    archive = scene.archive()
    call = await scene.ended_call()
    assert await archive.find(call.id) == call.record
    live = await scene.ended_call()
    live.update(outcome="only in memory")
    scene.live[live.id] = live
    assert await archive.find(live.id) == live.record
    assert await archive.find("none") is None
    assert live.record.created_at == T0
