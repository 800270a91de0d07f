import asyncio
from datetime import timedelta

from gateway.recordings.retention import RecordingSweeper
from gateway.recordings.s3_storage import S3Storage
from store.records import RecordingFile, RecordingStatus
from tests.gateway.recordings.conftest import T0, Scene
from tests.gateway.recordings.s3_server import S3Server
from tests.gateway.recordings.test_archive import finished


async def test_recordings_older_than_the_limit_are_deleted_and_younger_ones_stay(scene: Scene) -> None:
    archive = scene.archive()
    calls = [await scene.ended_call(age=timedelta(days=days)) for days in (40, 31, 29, 0)]
    for call in calls:
        archive.finished(call, finished(call))
    await scene.settled(archive)
    sweeper = RecordingSweeper(archive, scene.store.calls, 30, scene.clock)
    assert await sweeper.sweep() == 2
    statuses = [(await scene.stored(call)).recording_status for call in calls]
    assert statuses == [RecordingStatus.NONE] * 2 + [RecordingStatus.READY] * 2
    assert len(list((scene.directory / "kept").rglob("*.mp3"))) == 2
    assert (await scene.kinds(calls[0]))[-1] == "recording-deleted"
    assert await sweeper.sweep() == 0
    scene.now = T0 + timedelta(days=1, seconds=1)
    assert await sweeper.sweep() == 1


async def test_without_a_limit_recordings_are_kept_for_ever(scene: Scene) -> None:
    file = RecordingFile("disk:a.mp3", "mp3", 2, 8000, 1, 1, "")
    await scene.ended_call(RecordingStatus.READY, age=timedelta(days=9_999), recording_file=file)
    assert await RecordingSweeper(scene.archive(), scene.store.calls, 0, scene.clock).sweep() == 0


async def test_failed_recordings_do_not_outlive_the_limit(scene: Scene) -> None:
    call = await scene.ended_call(RecordingStatus.FAILED, age=timedelta(days=31))
    sweeper = RecordingSweeper(scene.archive(), scene.store.calls, 30, scene.clock)
    assert await sweeper.sweep() == 1
    assert not (scene.directory / "live" / f"{call.id}.wav").exists()


async def test_a_storage_that_is_away_ends_the_round_and_the_next_one_deletes(scene: Scene) -> None:
    async with S3Server() as server:
        scene.storages["s3"] = S3Storage(server.bucket())
        scene.keep_in = "s3"
        for name in ("a", "b"):
            server.objects[f"calls/{name}"] = b"x"
            file = RecordingFile(f"s3:recordings/calls/{name}", "mp3", 2, 8000, 1, 1, "")
            await scene.ended_call(
                RecordingStatus.READY, age=timedelta(days=31), wav=False, recording_file=file
            )
        sweeper = RecordingSweeper(scene.archive(), scene.store.calls, 30, scene.clock)
        server.fail_next = [503]
        assert await sweeper.sweep() == 0
        assert len(server.objects) == 2
        assert await sweeper.sweep() == 2
        assert server.objects == {}
        await scene.storages["s3"].close()


async def test_a_forgotten_recording_is_taken_up(scene: Scene) -> None:
    call = await scene.ended_call(age=timedelta(hours=1))
    archive = scene.archive()
    sweeper = RecordingSweeper(archive, scene.store.calls, 0, scene.clock)
    await sweeper.sweep()
    await scene.settled(archive)
    assert (await scene.stored(call)).recording_status is RecordingStatus.READY


async def test_the_first_round_comes_at_once(scene: Scene) -> None:
    call = await scene.ended_call(age=timedelta(hours=1))
    archive = scene.archive()
    sweeper = RecordingSweeper(archive, scene.store.calls, 0, scene.clock)
    sweeper.start()
    while (await scene.stored(call)).recording_status is not RecordingStatus.READY:
        await asyncio.sleep(0.01)
    await scene.settled(archive)
    await sweeper.close()
