"""`serve` from start to stop: what is told, what is stopped, and with which exit code it ends."""

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gateway import gateway_parts
from gateway import serve as module
from gateway.application import Gateway
from gateway.config import Config
from gateway.demo import LocalEngine
from gateway.serve import HttpSide, serve
from store.database import Store
from tests.gateway.doubles import RecordingPlane, ScriptedEngine, until
from tests.gateway.scene import config_for


class Http(HttpSide):
    """An HTTP side that notes what happens to it."""

    def __init__(self, fault: OSError | None = None) -> None:
        self.gateway: Gateway | None = None
        self.fault = fault
        self.state = "new"

    def open(self, gateway: Gateway, host: str, port: int) -> HttpSide:
        self.gateway = gateway
        return self

    async def start(self) -> tuple[str, int]:
        if self.fault is not None:
            raise self.fault
        self.state = "started"
        return "127.0.0.1", 8080

    async def stop(self) -> None:
        self.state = "stopped"


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> RecordingPlane:
    plane = RecordingPlane()
    monkeypatch.setattr(gateway_parts, "open_media_plane", lambda config: plane)
    monkeypatch.setattr(gateway_parts, "UltravoxClient", lambda *arguments, **options: ScriptedEngine())
    return plane


@pytest.fixture
def engine_log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The demonstration without its child process; notes what would have happened to it."""
    log: list[str] = []

    async def start(self: LocalEngine) -> None:
        log.append("started")
        self.base_url = "http://127.0.0.1:1"

    async def stop(self: LocalEngine) -> None:
        log.append("stopped")

    monkeypatch.setattr(LocalEngine, "start", start)
    monkeypatch.setattr(LocalEngine, "stop", stop)
    return log


Run = Callable[..., "asyncio.Task[int]"]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    tasks: list[asyncio.Task[int]] = []

    def start(config: Config, http: Http, *, demo: bool = False) -> asyncio.Task[int]:
        task = asyncio.create_task(serve(config, http.open, demo=demo))
        tasks.append(task)
        return task

    yield start
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ready(http: Http, capsys: pytest.CaptureFixture[str]) -> str:
    shown = ""

    def told() -> bool:
        nonlocal shown
        shown += capsys.readouterr().out
        return "ready " in shown

    await until(told)
    return shown


async def test_the_ready_line_says_where_everything_is(
    plane: RecordingPlane, run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    http = Http()
    task = run(config_for(tmp_path), http)
    line = (await ready(http, capsys)).splitlines()[-1]
    assert line.startswith("ready sip=127.0.0.1:")
    assert line.endswith(" http=127.0.0.1:8080")
    assert http.gateway is not None
    assert http.gateway.health().ready
    signal.raise_signal(signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    assert http.state == "stopped"


async def test_the_demonstration_can_be_dialled_when_it_says_ready(
    plane: RecordingPlane,
    engine_log: list[str],
    run: Run,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    http = Http()
    task = run(config_for(tmp_path), http, demo=True)
    shown = await ready(http, capsys)
    assert http.gateway is not None
    assert http.gateway.directory.agents_to_sync() == []
    assert "+15550100" in shown
    assert "demo_key=truedy_" in shown
    (link,) = re.findall(r"open http://127.0.0.1:8080/dashboard/#/sign-in/(\S+)", shown)
    key = await http.gateway.sign_in.by_link(link, "127.0.0.1")
    assert key is not None
    assert key.name == "demo"
    signal.raise_signal(signal.SIGINT)
    assert await asyncio.wait_for(task, 10) == 0
    assert engine_log == ["started", "stopped"]


async def test_a_sip_port_in_use_is_told_and_everything_stopped(
    plane: RecordingPlane,
    engine_log: list[str],
    run: Run,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        address = f"udp:127.0.0.1:{other.getsockname()[1]}"
        http = Http()
        assert await run(config_for(tmp_path, sip={"listen": (address,)}), http, demo=True) == 1
    errors = capsys.readouterr().err
    assert f"trunkline: cannot listen for SIP on {address}: " in errors
    assert "in use" in errors
    assert engine_log == ["started", "stopped"]
    assert http.state == "new"


async def test_an_http_port_in_use_is_told_and_everything_stopped(
    plane: RecordingPlane, run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    http = Http(OSError(98, "Address already in use"))
    assert await run(config_for(tmp_path), http) == 1
    assert "cannot listen for HTTP on 127.0.0.1:0: Address already in use" in capsys.readouterr().err
    assert http.gateway is not None
    assert not http.gateway.health().ready
    assert http.gateway._user_agent.statistics.connections == 0


async def test_a_database_that_cannot_be_used_is_told_and_the_engine_stopped(
    plane: RecordingPlane,
    engine_log: list[str],
    run: Run,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    assert await run(config_for(tmp_path / "file"), Http(), demo=True) == 1
    assert "trunkline: the database cannot be used" in capsys.readouterr().err
    assert engine_log == ["started", "stopped"]


async def test_a_signal_during_the_start_stops_what_was_started(
    plane: RecordingPlane,
    engine_log: list[str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    opening = asyncio.Event()

    async def slow(url: str) -> Store:
        opening.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Store, "open", slow)
    http = Http()
    task = run(config_for(tmp_path), http, demo=True)
    await opening.wait()
    signal.raise_signal(signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    assert engine_log == ["started", "stopped"]
    assert http.state == "new"


async def test_the_first_signal_drains_and_the_second_ends_at_once(
    plane: RecordingPlane,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    drained: list[float] = []

    async def drain(self: Gateway, timeout_s: float) -> None:
        drained.append(timeout_s)
        await asyncio.Event().wait()

    monkeypatch.setattr(Gateway, "drain", drain)
    http = Http()
    task = run(config_for(tmp_path, calls={"drain_timeout": 3600}), http)
    await ready(http, capsys)
    signal.raise_signal(signal.SIGTERM)
    await until(lambda: drained)
    assert http.state == "started"
    signal.raise_signal(signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    assert drained == [3600]
    assert http.state == "stopped"


@pytest.mark.parametrize(
    "section",
    [
        {"sip": {"listen": ("udp:0.0.0.0:0",)}},
        {"http": {"listen": "192.0.2.1:0"}},
        {"media": {"bind_host": "0.0.0.0"}},
    ],
)
async def test_a_demonstration_that_others_could_reach_is_refused(
    section: dict[str, dict[str, object]],
    run: Run,
    engine_log: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert await run(config_for(tmp_path, **section), Http(), demo=True) == 1
    assert "loopback only" in capsys.readouterr().err
    assert engine_log == []


async def test_an_engine_that_does_not_answer_holds_the_ready_line_up_for_a_while_only(
    plane: RecordingPlane,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    async def silent(self: ScriptedEngine) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(ScriptedEngine, "ping", silent)
    monkeypatch.setattr(module, "SETTLE_TIMEOUT_S", 0.05)
    http = Http()
    run(config_for(tmp_path), http)
    await ready(http, capsys)
    assert http.gateway is not None
    assert not http.gateway.health().ready
