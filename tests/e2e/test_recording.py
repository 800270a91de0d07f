"""Recordings as a customer gets them: what is in which channel, the link, and what a crash leaves."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import psutil
import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.fixed_speech_engine import fixed_speech_engine
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties, Party
from tests.support.audio import RATE, Samples, dominant_tone, tone

CALLER_HZ = 1013
AGENT_HZ = 787

StartGateway = Callable[..., Gateway]


@pytest.fixture
def recorded_number(start_gateway: StartGateway, tmp_path: Path) -> tuple[str, str]:
    """A number whose agent is recorded, in the data directory that the test's gateways use; and a key."""
    demo = start_gateway(data=tmp_path / "data")
    with contextlib.closing(ApiClient(demo.http, demo.demo_key)) as api:
        number = Parties(demo, api, tmp_path).inbound_number(recording_enabled=True)
    demo.stop()
    return number, demo.demo_key


@contextlib.contextmanager
def serving(
    start_gateway: StartGateway, tmp_path: Path, key: str, engine_url: str, **settings: str
) -> Iterator[tuple[Gateway, ApiClient, Parties]]:
    environment = {
        "TRUNKLINE_ENGINE_BASE_URL": engine_url,
        "TRUNKLINE_ENGINE_API_KEY": "unused",
        "TRUNKLINE_MEDIA_BIND_HOST": "127.0.0.1",
        "TRUNKLINE_MEDIA_WORKERS": "2",
        **{f"TRUNKLINE_RECORDINGS_{name.upper()}": value for name, value in settings.items()},
    }
    gateway = start_gateway(demo=False, data=tmp_path / "data", environment=environment)
    with (
        contextlib.closing(ApiClient(gateway.http, key)) as api,
        Parties(gateway, api, tmp_path) as parties,
    ):
        yield gateway, api, parties


def call_of(api: ApiClient, caller: Party) -> str:
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    return str(api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id)["id"])


def ready(api: ApiClient, call_id: str, seconds: float = 20) -> Json:
    limit = time.monotonic() + seconds
    while (call := api.call(call_id))["recording_status"] != "ready":
        assert call["recording_status"] in ("recording", "processing"), api.timeline(call_id)
        assert call["recording_url"] is None
        assert time.monotonic() < limit, f"not ready after {seconds} s: {api.timeline(call_id)}"
        time.sleep(0.05)
    return call


def decoded(content: bytes) -> tuple[Samples, int]:
    with av.open(io.BytesIO(content)) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout=stream.layout)
        pieces = [
            out.to_ndarray().reshape(-1, stream.channels)
            for frame in file.decode(stream)
            for out in resampler.resample(frame)
        ]
        return np.concatenate(pieces).astype(np.int16), stream.rate


def begin_and_pitch(channel: Samples) -> tuple[float, float]:
    """When (seconds) something is first heard in a channel, and at what frequency (Hz)."""
    begin = int(np.flatnonzero(np.abs(channel.astype(np.int32)) > 1500)[0])
    return begin / RATE, dominant_tone(channel[begin + 800 : begin + 4000])[0]


def test_who_said_what_when_is_in_the_mp3_behind_the_link(
    start_gateway: StartGateway, recorded_number: tuple[str, str], tmp_path: Path
) -> None:
    number, key = recorded_number
    with (
        fixed_speech_engine(tone(AGENT_HZ, 1000)) as engine,
        serving(start_gateway, tmp_path, key, engine.url) as (gateway, api, parties),
    ):
        caller = parties.connected_caller(number=number, hold_ms=4500)
        call_id = call_of(api, caller)
        assert api.call(call_id)["recording_status"] == "recording"
        time.sleep(2)
        caller.audio.speak(tone(CALLER_HZ, 1000))
        caller.sip.finish()
        api.wait_for_status(call_id, "ended")
        call = ready(api, call_id)
        url = call["recording_url"]
        assert url.startswith(f"{gateway.http}/recordings/{call_id}.mp3?token=")
        response = httpx.get(url)
        assert response.headers["content-type"] == "audio/mpeg"
        audio, rate = decoded(response.content)
        assert (rate, audio.shape[1]) == (RATE, 2)

        caller_at, caller_pitch = begin_and_pitch(audio[:, 0])
        agent_at, agent_pitch = begin_and_pitch(audio[:, 1])
        assert caller_pitch == pytest.approx(CALLER_HZ, abs=5)
        assert agent_pitch == pytest.approx(AGENT_HZ, abs=5)
        assert agent_at < 0.5, "the agent's first word is recorded"
        assert 1.5 < caller_at - agent_at < 2.7
        assert len(audio) / rate == pytest.approx(4.5, abs=0.3), "silence is kept"

        description = api.get(f"/calls/{call_id}/recording")
        assert description["size_bytes"] == len(response.content)
        assert description["duration_seconds"] == pytest.approx(len(audio) / rate, abs=0.05)
        ranged = httpx.get(url, headers={"Range": "bytes=100-199"})
        assert (ranged.status_code, ranged.content) == (206, response.content[100:200])
        assert httpx.get(url.replace("token=", "token=A")).status_code == 403

        kinds = [step["kind"] for step in api.timeline(call_id)]
        assert kinds.index("answered") < kinds.index("recording-started")
        assert kinds.index("recording-finished") < kinds.index("call.recording.ready")
        assert not list((tmp_path / "data" / "recordings" / "live").iterdir()), "the WAV file has gone"
        assert gateway.metrics()['trunkline_recordings_total{result="ready"}'] == 1

        assert api.http.delete(f"/calls/{call_id}/recording").status_code == 204
        assert httpx.get(url).status_code == 404
        assert api.call(call_id)["recording_status"] == "none"
        assert not list((tmp_path / "data" / "recordings").rglob("*.mp3"))


def media_workers(gateway: Gateway) -> list[int]:
    children = psutil.Process(gateway.process.pid).children()
    return [child.pid for child in children if "media.worker" in child.cmdline()]


def test_a_call_that_died_with_its_worker_keeps_what_was_recorded(
    start_gateway: StartGateway, recorded_number: tuple[str, str], tmp_path: Path
) -> None:
    number, key = recorded_number
    with (
        fixed_speech_engine(tone(AGENT_HZ, 8000)) as engine,
        serving(start_gateway, tmp_path, key, engine.url) as (gateway, api, parties),
    ):
        caller = parties.connected_caller(number=number, scenario="far_end_hangs_up", seconds=25)
        call_id = call_of(api, caller)
        time.sleep(3.2)
        for pid in media_workers(gateway):
            os.kill(pid, signal.SIGKILL)
        api.wait_for_status(call_id, "failed")
        _holds_the_agent(ready(api, call_id), at_least_s=2.0)


def test_a_killed_gateway_keeps_the_recording_at_its_next_start(
    start_gateway: StartGateway, recorded_number: tuple[str, str], tmp_path: Path
) -> None:
    number, key = recorded_number
    with fixed_speech_engine(tone(AGENT_HZ, 8000)) as engine:
        with serving(start_gateway, tmp_path, key, engine.url) as (gateway, api, parties):
            caller = parties.connected_caller(number=number, hold_ms=20_000)
            call_id = call_of(api, caller)
            time.sleep(3.2)
            gateway.process.kill()
            gateway.process.wait(10)
        with serving(start_gateway, tmp_path, key, engine.url, format="wav") as (_, api, _):
            call = ready(api, call_id)
            assert call["status"] == "failed"
            assert ".wav?" in call["recording_url"], "as the settings say now"
            _holds_the_agent(call, at_least_s=2.0)


def _holds_the_agent(call: dict[str, Any], at_least_s: float) -> None:
    audio, rate = decoded(httpx.get(call["recording_url"]).content)
    assert len(audio) / rate >= at_least_s
    assert begin_and_pitch(audio[:, 1])[1] == pytest.approx(AGENT_HZ, abs=5)
