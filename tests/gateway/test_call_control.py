"""Files that may be played and what becomes of those from the web; tickets for listeners."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from gateway.call_actions import CallActions, Side
from gateway.call_control import CallControl, RecordingVerb
from gateway.calls import CallService
from gateway.configuration.http import ControlSection
from gateway.errors import ConflictError, InvalidRequestError, LimitExceededError, NotFoundError
from gateway.listening import LISTENERS_PER_CALL
from gateway.session import Session
from gateway.transfers.plan import TransferPlan
from media import messages as m
from tests.gateway.samples import in_progress
from tests.gateway.transfers.noted_transfers import NotedTransfers


class Scene:
    """Call control over one call in progress, whose commands are kept."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.commands: list[m.Command] = []
        self.call = in_progress()
        self.actions = CallActions(self.call, self.commands.append, lambda **said: None)
        self.held: list[tuple[bool, Path | None]] = []
        self.session = SimpleNamespace(
            call=self.call,
            actions=self.actions,
            over=False,
            set_hold=lambda held, music: self.held.append((held, music)),
            transfers=NotedTransfers(),
        )
        self.fetched = directory / "fetched"
        config = ControlSection(play_dir=directory / "sounds", play_private_urls=True).model_copy(
            update=settings
        )
        self.control = CallControl(
            cast("CallService", self), config, recordings=directory / "recordings", fetched=self.fetched
        )

    async def in_progress(self, organization_id: str, call_id: str) -> Session:
        if (organization_id, call_id) != ("org", "c1"):
            raise NotFoundError("no such call")
        return cast("Session", self.session)

    def live_session(self, call_id: str) -> Session | None:
        return None if self.session.over else cast("Session", self.session)

    async def play(self, *, path: str | None = None, url: str | None = None) -> None:
        await self.control.play("org", "c1", path=path, url=url, loop=False, volume=1.0)

    def played(self) -> list[str]:
        return [command.path for command in self.commands if isinstance(command, m.Play)]

    async def step(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while True:
                for event in self.call.timeline:
                    if event.kind == kind:
                        return event.detail
                await asyncio.sleep(0)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    (tmp_path / "sounds" / "inner").mkdir(parents=True)
    for name in ("sounds/a.wav", "sounds/inner/b.mp3", "secret.wav"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "sounds" / "link.wav").symlink_to(tmp_path / "secret.wav")
    made = Scene(tmp_path)
    yield made
    await made.control.close()


@pytest.fixture
async def website() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """An address, and what its answers wait for."""
    ready = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        await ready.wait()
        return web.Response(body=b"sound")

    app = web.Application()
    app.router.add_get("/a.wav", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", ready
    ready.set()
    await runner.cleanup()


async def test_files_of_the_directory_may_be_played(scene: Scene, tmp_path: Path) -> None:
    await scene.play(path="a.wav")
    await scene.play(path="inner/b.mp3")
    root = (tmp_path / "sounds").resolve()
    assert scene.played() == [str(root / "a.wav"), str(root / "inner" / "b.mp3")]


@pytest.mark.parametrize(
    "path",
    ["../secret.wav", "inner/../../secret.wav", "link.wav", "/etc/passwd", "inner", "none.wav", "a\0b", ""],
)
async def test_nothing_outside_the_directory_is_played(scene: Scene, path: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await scene.play(path=path)
    assert refused.value.details["field"] == "path"
    assert scene.played() == []


async def test_without_a_directory_there_are_no_files(tmp_path: Path) -> None:
    scene = Scene(tmp_path, play_dir=None, play_urls=False)
    for source, field in (({"path": "a.wav"}, "path"), ({"url": "http://example.com/a.wav"}, "url")):
        with pytest.raises(InvalidRequestError) as refused:
            await scene.play(**source)
        assert refused.value.details["field"] == field


@pytest.mark.parametrize("source", [{}, {"path": "a.wav", "url": "http://example.com/a.wav"}])
async def test_there_is_one_source(scene: Scene, source: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        await scene.play(**source)


async def test_a_file_from_the_web_is_played_when_it_is_here_and_removed_afterwards(
    scene: Scene, website: tuple[str, asyncio.Event]
) -> None:
    address, ready = website
    await scene.play(url=f"{address}/a.wav?token=secret")
    assert scene.played() == []
    ready.set()
    await scene.step("play-started")
    (path,) = scene.played()
    assert Path(path).parent == scene.fetched
    scene.actions.take(m.PlayFinished(leg_id="c1", play_id="play-1", complete=True))
    assert os.listdir(scene.fetched) == []
    assert "secret" not in str(scene.call.timeline)


async def test_a_file_that_cannot_be_had_is_told_on_the_timeline(
    scene: Scene, website: tuple[str, asyncio.Event]
) -> None:
    await scene.play(url=f"{website[0]}/other.wav")
    assert "404" in (await scene.step("play-failed"))["error"]
    assert scene.played() == []


async def test_what_is_being_fetched_gives_way(scene: Scene, website: tuple[str, asyncio.Event]) -> None:
    address, ready = website
    for give_up in (
        lambda: scene.control.stop_play("org", "c1"),
        lambda: scene.control.hold("org", "c1", held=True),
        lambda: scene.control.play("org", "c1", path="a.wav", url=None, loop=False, volume=1.0),
        scene.control.close,
    ):
        await scene.play(url=f"{address}/a.wav")
        (task,) = scene.control._fetching.values()
        await give_up()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
    ready.set()
    assert [Path(path).name for path in scene.played()] == ["a.wav"]
    assert not scene.fetched.exists() or not any(scene.fetched.iterdir())


async def test_a_file_that_comes_after_the_call_is_not_kept(
    scene: Scene, website: tuple[str, asyncio.Event]
) -> None:
    address, ready = website
    await scene.play(url=f"{address}/a.wav")
    scene.session.over = True
    ready.set()
    assert (await scene.step("play-failed"))["error"] == "the call is over"
    assert list(scene.fetched.iterdir()) == []


async def test_on_hold_nothing_is_fetched(scene: Scene) -> None:
    scene.actions.hold(True, None)
    with pytest.raises(ConflictError):
        await scene.play(url="http://127.0.0.1:1/a.wav")


async def test_verbs_reach_the_call(scene: Scene, tmp_path: Path) -> None:
    control = scene.control
    await control.mute("org", "c1", Side.CALLER, muted=True)
    await control.send_digits("org", "c1", "1#")
    await control.hold("org", "c1", held=True)
    for verb in RecordingVerb.START, RecordingVerb.PAUSE, RecordingVerb.RESUME, RecordingVerb.STOP:
        await control.recording("org", "c1", verb)
    assert [type(command) for command in scene.commands] == [
        m.SetMute,
        m.SendDigits,
        m.StartRecording,
        m.PauseRecording,
        m.ResumeRecording,
        m.StopRecording,
    ]
    assert scene.held == [(True, None)]
    assert scene.call.record.recording_path == str(tmp_path / "recordings" / "c1.wav")
    with pytest.raises(NotFoundError):
        await control.say("another", "c1", "Hello", uninterruptible=False, urgency="soon")


async def test_a_ticket_lets_one_listener_in(scene: Scene) -> None:
    ticket = await scene.control.listen("org", "c1")
    with pytest.raises(NotFoundError):
        scene.control.listeners("c1", "guessed")
    assert scene.control.listeners("c1", ticket.token) is scene.actions.listeners
    with pytest.raises(NotFoundError):
        scene.control.listeners("c1", ticket.token)


async def test_a_ticket_is_for_its_own_call_while_it_lasts(scene: Scene) -> None:
    other, late = [await scene.control.listen("org", "c1") for _ in range(2)]
    with pytest.raises(NotFoundError):
        scene.control.listeners("c2", other.token)
    scene.session.over = True
    with pytest.raises(NotFoundError):
        scene.control.listeners("c1", late.token)


async def test_no_ticket_for_a_call_with_enough_listeners(scene: Scene) -> None:
    for _ in range(LISTENERS_PER_CALL):
        scene.actions.listeners.add()
    with pytest.raises(LimitExceededError):
        await scene.control.listen("org", "c1")


async def test_transfers_reach_the_call(scene: Scene) -> None:
    desk = scene.session.transfers
    plan = TransferPlan("+14155550188")
    await scene.control.transfer("org", "c1", plan)
    await scene.control.end_transfer("org", "c1", complete=True)
    await scene.control.end_transfer("org", "c1", complete=False)
    assert (desk.plans, desk.ends) == ([plan], ["completed", "cancelled"])


async def test_a_call_that_was_put_through_has_nobody_who_speaks_or_plays(scene: Scene) -> None:
    scene.session.transfers.put_through = True
    control = scene.control
    for act in (
        lambda: control.say("org", "c1", "Hello", uninterruptible=False, urgency="soon"),
        lambda: control.message("org", "c1", "Hello", urgency="soon"),
        lambda: control.mute("org", "c1", Side.AGENT, muted=True),
        lambda: control.play("org", "c1", path="a.wav", url=None, loop=False, volume=1.0),
    ):
        with pytest.raises(ConflictError) as refused:
            await act()
        assert refused.value.code == "call_transferred"
    await control.send_digits("org", "c1", "1")
