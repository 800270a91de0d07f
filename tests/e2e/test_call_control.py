"""Acting on live calls over the API: what the caller hears, what the agent hears, what a listener and a
watcher get.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import websockets
from aiohttp import web

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.live_caller import LiveCaller
from tests.e2e.parties import Parties
from tests.support.audio import (
    RATE,
    Samples,
    dominant_tone,
    level_dbfs,
    silence,
    tone,
    tone_level_dbfs,
    write_wav,
)

FILE_HZ, URL_HZ, MUSIC_HZ, AGENT_HZ, CALLER_HZ = 1100, 1300, 700, 500, 900
LONGEST_MUTE_MS = 40


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sounds")
    write_wav(directory / "notice.wav", tone(FILE_HZ, 800))
    write_wav(directory / "music.wav", tone(MUSIC_HZ, 500))
    write_wav(directory / "web.wav", tone(URL_HZ, 500))
    return directory


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, sounds: Path) -> Iterator[Gateway]:
    environment = UNLIMITED | {
        "TRUNKLINE_CONTROL_PLAY_DIR": str(sounds),
        "TRUNKLINE_CONTROL_HOLD_MUSIC": str(sounds / "music.wav"),
        "TRUNKLINE_CONTROL_PLAY_PRIVATE_URLS": "true",
        "TRUNKLINE_MEDIA_SILENCE_TIMEOUT": "2s",
    }
    with watched(Gateway(tmp_path_factory.mktemp("gateway"), environment=environment)) as running:
        yield running


@pytest.fixture(scope="module")
def api(gateway: Gateway) -> Iterator[ApiClient]:
    with closing(ApiClient(gateway.http, gateway.demo_key)) as client:
        yield client


@pytest.fixture(scope="module")
def engine(gateway: Gateway) -> Iterator[EngineView]:
    with closing(EngineView.of_child(gateway)) as view:
        yield view


@pytest.fixture
def parties(gateway: Gateway, api: ApiClient, tmp_path: Path) -> Iterator[Parties]:
    with Parties(gateway, api, tmp_path) as opened:
        yield opened
    assert_calls_gone(gateway)


@pytest.fixture
def quiet(parties: Parties, engine: EngineView) -> str:
    """The number of an agent that says nothing by itself."""
    return parties.inbound_number(engine.script({"wait": "tool"}))


@pytest.fixture
def humming(parties: Parties, engine: EngineView) -> str:
    """The number of an agent that gives one long tone."""
    return parties.inbound_number(engine.script({"tone": AGENT_HZ, "ms": 20_000}))


async def test_what_is_to_be_said_is_heard(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        assert level_dbfs(await caller.hears(300)) < -60
        call = await caller.post("say", {"text": "Your taxi is waiting.", "urgency": "immediate"})
        assert call["status"] == "in-progress"
        await caller.audio.until(lambda: level_dbfs(caller.audio.audio()[-RATE // 2 :]) > -40, 10)
        detail = await caller.step("say")
        assert detail == {"characters": 21, "urgency": "immediate", "uninterruptible": False}


async def test_a_message_reaches_the_agent(gateway: Gateway, quiet: str, engine: EngineView) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        await caller.post("message", {"text": "The caller is a regular.", "urgency": "later"})
        (engine_call,) = engine_call_ids(await caller.timeline())
        await _until(lambda: "The caller is a regular." in engine.texts(engine_call))


async def test_a_file_is_played_in_place_of_the_agent_whose_words_wait(
    gateway: Gateway, humming: str
) -> None:
    async with LiveCaller(gateway, humming) as caller:
        await caller.audio.until(lambda: level_dbfs(caller.audio.audio()[-800:]) > -40)
        call = await caller.post("play", {"path": "notice.wav"})
        assert call["id"] == caller.call_id
        await caller.step("play-finished")
        heard = caller.audio.audio()
        at = _spans_of(heard, FILE_HZ)
        assert len(at) == 1
        assert abs(at[0][1] - at[0][0] - 800) <= 60
        middle = heard[(at[0][0] + 100) * 8 : (at[0][0] + 600) * 8]
        assert tone_level_dbfs(middle, AGENT_HZ) < tone_level_dbfs(middle, FILE_HZ) - 30
        assert tone_level_dbfs(await caller.hears(200), AGENT_HZ) > -30, "the agent goes on"


async def test_a_loop_plays_until_it_is_stopped(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        await caller.post("play", {"path": "notice.wav", "loop": True, "volume": 0.25})
        await caller.audio.until(lambda: level_dbfs(caller.audio.audio()[-800:]) > -40)
        heard = await caller.hears(1500)
        assert tone_level_dbfs(heard, FILE_HZ) == pytest.approx(-24, abs=1)
        await caller.post("stop-play")
        await caller.hears(100)
        assert level_dbfs(await caller.hears(200)) < -60
        assert (await caller.step("play-finished"))["complete"] is False


async def test_a_file_of_the_web_is_played_and_its_copy_removed(
    gateway: Gateway, quiet: str, sounds: Path
) -> None:
    async with _website(sounds) as address, LiveCaller(gateway, quiet) as caller:
        await caller.post("play", {"url": f"http://{address}/web.wav"})
        assert (await caller.step("play-finished"))["complete"] is True
        assert dominant_tone(_loud(caller.audio.audio()))[0] == pytest.approx(URL_HZ, abs=3)
        await caller.post("play", {"url": f"http://{address}/missing.wav"})
        assert "404" in (await caller.step("play-failed"))["error"]
        assert "token" not in json.dumps(await caller.timeline())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"path": "../secret.wav"}, "path"),
        ({"path": "/etc/passwd"}, "path"),
        ({"path": "missing.wav"}, "path"),
        ({"path": "."}, "path"),
        ({}, "path"),
        ({"path": "notice.wav", "url": "http://example.com/a.wav"}, "path"),
        ({"url": "ftp://example.com/a.wav"}, "url"),
        ({"path": "notice.wav", "volume": 9}, "volume"),
    ],
)
async def test_what_cannot_be_played_is_refused_with_its_field(
    gateway: Gateway, quiet: str, body: dict[str, Any], field: str
) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        refused = await caller.post("play", body, status=422)
        assert refused["error"]["details"]["field"] == field


async def test_mute_silences_the_agent_within_two_frames(gateway: Gateway, humming: str) -> None:
    async with LiveCaller(gateway, humming) as caller:
        await caller.audio.until(lambda: level_dbfs(caller.audio.audio()[-800:]) > -40)
        await caller.hears(200)
        await caller.post("mute")
        answered = time.time()
        await caller.hears(400)
        packets = caller.audio.audio_packets()
        loud = [p.arrival for p in packets if level_dbfs(caller.audio.law.decode(p.payload)) > -50]
        assert (loud[-1] - answered) * 1000 < LONGEST_MUTE_MS
        assert level_dbfs(await caller.hears(300)) < -60
        await caller.post("unmute")
        await caller.hears(100)
        assert tone_level_dbfs(await caller.hears(300), AGENT_HZ) > -30


async def test_a_muted_caller_is_not_heard_by_the_agent(
    gateway: Gateway, quiet: str, engine: EngineView
) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        await caller.post("mute", {"side": "caller"})
        await caller.audio.play(np.concatenate([tone(CALLER_HZ, 600), silence(200)]))
        await caller.post("unmute", {"side": "caller"})
        await caller.audio.play(tone(FILE_HZ, 600))
        await asyncio.sleep(0.3)
        heard = await asyncio.to_thread(engine.input_of, await caller.timeline())
    assert tone_level_dbfs(_loud(heard), FILE_HZ) > -20
    assert tone_level_dbfs(heard, CALLER_HZ) < -55


async def test_hold_is_a_re_invite_with_music_and_the_agent_hears_silence(
    gateway: Gateway, humming: str, engine: EngineView
) -> None:
    async with LiveCaller(gateway, humming) as caller:
        caller.call.sdp = caller.audio.sdp(direction="recvonly", version=2)
        await caller.post("hold")
        invite = await caller.call.until_request("INVITE")
        assert b"a=sendonly" in invite.body
        await caller.audio.until(lambda: tone_level_dbfs(caller.audio.audio()[-800:], MUSIC_HZ) > -20)
        music = await caller.hears(1200)
        assert tone_level_dbfs(music, MUSIC_HZ) == pytest.approx(-12, abs=1)
        assert tone_level_dbfs(music, AGENT_HZ) < -50
        await caller.audio.play(np.concatenate([tone(CALLER_HZ, 400), silence(200)]))
        caller.audio.stop()
        await caller.hears(2500)  # longer than the media time-out
        caller.audio.start()
        await caller.post("say", {"text": "Hello?"}, status=409)
        caller.call.sdp = caller.audio.sdp(version=3)
        await caller.post("unhold")
        assert b"a=sendrecv" in (await caller.call.until_request("INVITE", 2)).body
        await caller.audio.until(lambda: tone_level_dbfs(caller.audio.audio()[-800:], AGENT_HZ) > -30)
        await caller.audio.play(tone(FILE_HZ, 400))
        await asyncio.sleep(0.3)
        heard = await asyncio.to_thread(engine.input_of, await caller.timeline())
        kinds = [step["kind"] for step in await caller.timeline()]
    assert tone_level_dbfs(_loud(heard), FILE_HZ) > -20
    assert tone_level_dbfs(heard, CALLER_HZ) < -55, "the agent heard the held caller"
    assert kinds.count("held") == kinds.count("unheld") == 1
    assert "media-timeout" not in kinds


async def test_the_far_party_s_own_hold_still_works_while_we_hold(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        caller.call.sdp = caller.audio.sdp(direction="recvonly", version=2)
        await caller.post("hold")
        await caller.call.until_request("ACK")
        answer = await caller.call.reinvite(caller.audio.sdp(direction="sendonly", version=3))
        assert answer.status == 200
        assert b"a=inactive" in answer.body
        answer = await caller.call.reinvite(caller.audio.sdp(version=4))
        assert b"a=sendonly" in answer.body, "we still hold"
        caller.call.sdp = caller.audio.sdp(version=5)
        await caller.post("unhold")
        assert b"a=sendrecv" in (await caller.call.until_request("INVITE", 2)).body


async def test_a_hold_that_the_far_side_refuses_still_brings_music(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        caller.phone.answer_in_dialog = False
        await caller.post("hold")
        invite = await caller.call.until_request("INVITE")
        caller.call.respond(invite, 488, "Not Acceptable Here")
        caller.phone.answer_in_dialog = True
        assert (await caller.step("hold-refused"))["sip_status"] == 488
        assert tone_level_dbfs(await caller.hears(400), MUSIC_HZ) > -20


async def test_keys_go_out_as_events_and_are_never_written_down(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        await caller.post("dtmf", {"digits": "47w#"})
        detail = await caller.step("digits-sent")
        assert caller.audio.digits() == "47#"
        assert detail == {"count": 4}
        assert "47" not in json.dumps([s["detail"] for s in await caller.timeline() if "digit" in s["kind"]])
        refused = await caller.post("dtmf", {"digits": "12x"}, status=422)
        assert refused["error"]["details"]["field"] == "digits"
        assert "12x" not in json.dumps(refused)


async def test_keys_in_every_way_reach_the_agent_once(
    gateway: Gateway, quiet: str, engine: EngineView
) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        (engine_call,) = engine_call_ids(await caller.timeline())
        await caller.audio.press("1")
        for digit in "12":
            await caller.call.send(
                "INFO",
                body=f"Signal={digit}\r\nDuration=100\r\n".encode(),
                content_type="application/dtmf-relay",
            )
        await caller.call.send("INFO", body=b"3", content_type="application/dtmf")
        await _until(lambda: engine.texts(engine_call) == ["123"])


async def test_a_phone_without_events_is_heard_by_its_tones_and_gets_tones(
    gateway: Gateway, quiet: str, engine: EngineView
) -> None:
    async with LiveCaller(gateway, quiet, telephone_event=False) as caller:
        (engine_call,) = engine_call_ids(await caller.timeline())
        pressed = (tone(770, 120, level_dbfs=-15) + tone(1336, 120, level_dbfs=-13)).astype(np.int16)
        await caller.audio.play(np.concatenate([pressed, silence(80), pressed, silence(300)]))
        await _until(lambda: engine.texts(engine_call) == ["55"])
        heard = await asyncio.to_thread(engine.input_of, await caller.timeline())
        assert tone_level_dbfs(heard, 770) < -45, "the agent heard the tones"
        await caller.post("dtmf", {"digits": "9"})
        await caller.step("digits-sent")
        sounded = _loud(caller.audio.audio())
        assert tone_level_dbfs(sounded, 852) > -20
        assert tone_level_dbfs(sounded, 1477) > -20


async def test_a_listener_hears_both_sides_in_their_channels(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        await caller.post("play", {"path": "notice.wav", "loop": True})
        ticket = await caller.post("listen")
        async with websockets.connect(ticket["url"]) as listener:
            hello = json.loads(await listener.recv())
            assert (hello["type"], hello["sample_rate"], hello["channels"]) == ("hello", RATE, 2)
            caller.audio.queue(tone(CALLER_HZ, 3000))
            await asyncio.sleep(0.5)
            parts = [await listener.recv() for _ in range(15)]
            audio = np.frombuffer(b"".join(p for p in parts if isinstance(p, bytes)), dtype="<i2")
            left, right = (audio.reshape(-1, 2)[-RATE // 2 :, side].astype(np.int16) for side in (0, 1))
            assert tone_level_dbfs(left, CALLER_HZ) > -15 > -50 > tone_level_dbfs(left, FILE_HZ)
            assert tone_level_dbfs(right, FILE_HZ) > -30 > -50 > tone_level_dbfs(right, CALLER_HZ)
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(ticket["url"])
            assert refused.value.response.status_code == 403, "a token is good for one connection"
            await caller.call.bye()
            *_, last = [message async for message in listener]
            assert json.loads(last) == {"type": "ended"}
            assert listener.close_code == 1000


async def test_a_listener_that_does_not_read_loses_audio_and_the_call_nothing(
    gateway: Gateway, humming: str
) -> None:
    async with LiveCaller(gateway, humming) as caller:
        ticket = await caller.post("listen")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        host, _, port = gateway.http.removeprefix("http://").rpartition(":")
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
        async with websockets.connect(ticket["url"], sock=sock, max_queue=1) as listener:
            assert json.loads(await listener.recv())["type"] == "hello"
            first = len(caller.audio.received)
            await asyncio.sleep(14)
            arrivals = [packet.arrival for packet in caller.audio.received[first:]]
            dropped = 0
            while not dropped:
                message = await asyncio.wait_for(listener.recv(), 5)
                if isinstance(message, str):
                    notice = json.loads(message)
                    assert notice["type"] == "dropped"
                    dropped = notice["milliseconds"]
            assert dropped >= 500
        assert len(arrivals) / (arrivals[-1] - arrivals[0]) == pytest.approx(50, abs=0.5)
        assert max(b - a for a, b in pairwise(arrivals)) < 0.2


async def test_events_of_a_call_come_in_order_and_end_with_it(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        stream = asyncio.create_task(_events(caller.http, f"/calls/{caller.call_id}/events"))
        await asyncio.sleep(0.5)
        await caller.post("say", {"text": "Hello there.", "urgency": "immediate"})
        await caller.audio.until(lambda: level_dbfs(caller.audio.audio()[-RATE // 2 :]) > -40, 10)
        await caller.audio.press("7")
        await asyncio.sleep(3)
        await caller.call.bye()
        events = await asyncio.wait_for(stream, 10)
    kinds = [event["event"] for event in events]
    assert kinds[0] == "call"
    assert {"timeline", "transcript", "agent-state", "digit", "quality", "status"} <= set(kinds)
    steps = [event["data"]["sequence"] for event in events if event["event"] == "timeline"]
    assert steps[0] == 1
    assert steps == sorted(set(steps)), "no step is missing, doubled or out of order"
    finals = [e["data"] for e in events if e["event"] == "transcript" and e["data"]["final"]]
    assert [final["text"].strip() for final in finals if final["speaker"] == "agent"] == ["Hello there."]
    assert all("digit" not in event["data"] for event in events if event["event"] == "digit")
    assert (kinds[-1], events[-1]["data"]["status"]) == ("status", "ended")
    numbers = [int(event["id"].rpartition("-")[2]) for event in events if "id" in event]
    assert numbers == sorted(numbers)
    over = await _events_of_ended_call(gateway, caller.call_id)
    assert over[0]["data"]["status"] == "ended"


async def test_a_watcher_that_comes_back_misses_nothing(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        path = f"/calls/{caller.call_id}/events"
        seen = await _events(caller.http, path, until=lambda event: "id" in event, act=caller.post("mute"))
        for verb in ("unmute", "mute", "unmute"):
            await caller.post(verb)
        await caller.call.bye()
        rest = await asyncio.wait_for(_events(caller.http, path, after=seen[-1]["id"]), 10)
    steps = [event["data"]["kind"] for event in rest if event["event"] == "timeline"]
    assert steps[:3] == ["unmuted", "muted", "unmuted"]


async def test_all_calls_of_the_organisation_are_watched_in_one_stream(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as first:
        stream = asyncio.create_task(
            _events(
                first.http,
                "/events",
                until=lambda event: event["event"] == "status" and event["data"]["status"] == "ended",
            )
        )
        await asyncio.sleep(0.3)
        async with LiveCaller(gateway, quiet) as second:
            await first.post("mute")
            await second.call.bye()
            events = await asyncio.wait_for(stream, 10)
    ours = {event["data"]["call_id"] for event in events}
    assert ours == {first.call_id, second.call_id}
    statuses = [e["data"]["status"] for e in events if e["event"] == "status"]
    assert statuses[-1] == "ended"
    assert "in-progress" in statuses


async def test_verbs_need_a_call_in_progress(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        await caller.call.bye()
        await _until(lambda: not _in_progress(gateway))
        for verb, body in (
            ("say", {"text": "Hello"}),
            ("message", {"text": "Hello"}),
            ("play", {"path": "notice.wav"}),
            ("stop-play", None),
            ("mute", None),
            ("unmute", None),
            ("hold", None),
            ("unhold", None),
            ("dtmf", {"digits": "1"}),
            ("recording/pause", None),
            ("listen", None),
        ):
            refused = await caller.post(verb, body, status=409)
            assert refused["error"]["details"]["status"] == "ended", verb
        caller.call_id = "00000000-0000-7000-8000-000000000000"
        await caller.post("say", {"text": "Hello"}, status=404)


async def test_a_recording_that_is_paused_holds_silence(gateway: Gateway, quiet: str) -> None:
    async with LiveCaller(gateway, quiet) as caller:
        refused = await caller.post("recording/pause", status=409)
        assert refused["error"]["code"] == "recording_not_running"
        await caller.post("recording/start")
        for verb in ("recording/pause", "recording/resume", "recording/stop"):
            await caller.post(verb)
        assert (await caller.step("recording-finished"))["error"] is None
        kinds = [s["kind"] for s in await caller.timeline() if s["kind"].startswith("recording-")]
        assert kinds[:4] == [
            "recording-started",
            "recording-paused",
            "recording-resumed",
            "recording-stopped",
        ]


# --- helpers ------------------------------------------------------------------------------------------------


async def _until(condition: Any, seconds: float = 5) -> None:
    limit = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < limit, "it did not come true"
        await asyncio.sleep(0.05)


def _in_progress(gateway: Gateway) -> bool:
    return gateway.metrics()["trunkline_calls_live"] > 0


def _loud(samples: Samples) -> Samples:
    """The part above -40 dBFS, by frames."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    kept = [frame for frame in frames if level_dbfs(frame) > -40]
    return np.concatenate(kept) if kept else samples[:0]


def _spans_of(samples: Samples, frequency: float) -> list[tuple[int, int]]:
    """Where (ms) a tone is heard, looked at every 20 ms."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    there = [tone_level_dbfs(frame, frequency) > -25 for frame in frames]
    edges = [at for at, (a, b) in enumerate(pairwise([False, *there, False])) if a != b]
    return [(start * 20, end * 20) for start, end in zip(edges[::2], edges[1::2], strict=True)]


@asynccontextmanager
async def _website(directory: Path) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_static("/", directory)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _events(
    http: httpx.AsyncClient, path: str, *, after: str | None = None, until: Any = None, act: Any = None
) -> list[dict[str, Any]]:
    """The events of a stream to its end, or up to the one that `until` wants; `act` is awaited once the first
    has come.
    """
    headers = {"Last-Event-ID": after} if after else {}
    events: list[dict[str, Any]] = []
    async with http.stream("GET", path, headers=headers, timeout=30) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if line and name in ("id", "event"):
                event[name] = value
            elif line and name == "data":
                event["data"] = json.loads(value)
            elif not line and "event" in event:
                events.append(event)
                if act is not None:
                    act = await act and None
                if until is not None and until(event):
                    break
                event = {}
    return events


async def _events_of_ended_call(gateway: Gateway, call_id: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(
        base_url=f"{gateway.http}/api/public/v1", headers={"Authorization": f"Bearer {gateway.demo_key}"}
    ) as http:
        return await asyncio.wait_for(_events(http, f"/calls/{call_id}/events"), 10)
