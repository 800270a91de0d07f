"""The local engine seen from its own side: what it received in a call, and the faults it can be asked for."""

from __future__ import annotations

import io
import json
import re
import wave
from typing import Any, Self

import httpx
import numpy as np
import psutil

from tests.e2e.api_client import Json
from tests.e2e.gateway_process import Gateway
from tests.support.audio import RATE, Samples


def engine_call_ids(timeline: list[Json]) -> list[str]:
    """The engine's calls that served a call of the gateway, by its timeline."""
    return re.findall(r'"engine_call_id": "([^"]+)"', json.dumps(timeline))


def _has_inspection(base_url: str) -> bool:
    """Whether the REST side listens here (the engine's sockets have ports of their own)."""
    try:
        return httpx.get(f"{base_url}/inspect", timeout=2).is_success
    except httpx.HTTPError:
        return False


class EngineView:
    """Speaks to the engine's inspection and fault pages."""

    def __init__(self, base_url: str, key: str) -> None:
        self.base_url = base_url
        self.http = httpx.Client(base_url=base_url, headers={"X-API-Key": key}, timeout=10)

    @classmethod
    def of_child(cls, gateway: Gateway) -> Self:
        """The engine that a demonstration gateway has started as its child."""
        for pid in gateway.children:
            process = psutil.Process(pid)
            key = process.environ().get("LOCAL_ENGINE_API_KEY", "")
            for link in process.net_connections("tcp"):
                base_url = f"http://127.0.0.1:{link.laddr.port}"
                if link.status == psutil.CONN_LISTEN and _has_inspection(base_url):
                    return cls(base_url, key)
        raise AssertionError(f"the gateway has no engine among its children {gateway.children}")

    def close(self) -> None:
        self.http.close()

    def inspect(self, engine_call_id: str) -> Json:
        """What the engine knows of one call: counters, messages with their times, events."""
        answer = self.http.get(f"/inspect/calls/{engine_call_id}")
        answer.raise_for_status()
        body: Json = answer.json()
        return body

    def input(self, engine_call_id: str, rate: int = RATE) -> Samples:
        """The caller's audio as the engine received it, at the rate that its call was made for."""
        samples, found = self._audio(engine_call_id, "input")
        assert found == rate
        return samples

    def output(self, engine_call_id: str) -> tuple[Samples, int]:
        """The audio that the engine sent, without the pauses in between, and its rate."""
        return self._audio(engine_call_id, "output")

    def _audio(self, engine_call_id: str, side: str) -> tuple[Samples, int]:
        answer = self.http.get(f"/inspect/calls/{engine_call_id}/{side}.wav")
        answer.raise_for_status()
        with wave.open(io.BytesIO(answer.content), "rb") as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
            return samples, file.getframerate()

    def input_of(self, timeline: list[Json]) -> Samples:
        """The caller's audio in the call that this timeline tells of."""
        return self.input(engine_call_ids(timeline)[-1])

    def texts(self, engine_call_id: str) -> list[str]:
        """The text messages that came for the agent (keys pressed)."""
        history = self.inspect(engine_call_id)["history"]
        return [entry["text"] for entry in history if entry["medium"] == "text"]

    def arm(self, **fault: Any) -> None:
        """Have the next creations of a call meet a fault (`status`, `retryAfter`, `delayMs`, `call`,
        `count`).
        """
        self.http.post("/faults", json=fault).raise_for_status()

    def disarm(self) -> None:
        """Take back every fault that is still waiting."""
        self.http.delete("/faults").raise_for_status()

    def calls_of(self, call_id: str) -> list[Json]:
        """What the engine knows of its calls that served one call of the gateway, in their order."""
        answer = self.http.get("/inspect/calls", params={"metadata.call_id": call_id})
        answer.raise_for_status()
        results: list[Json] = answer.json()["results"]
        return results

    @staticmethod
    def slow_to_open(seconds: float) -> str:
        """The prompt of an agent whose engine socket opens so late that a caller hears it ring."""
        return f"[scenario:receptionist] [fault:slow_upgrade_ms={seconds * 1000:.0f}] You are slow."

    @staticmethod
    def script(*steps: Json, faults: str = "") -> str:
        """The prompt of an agent that does exactly these steps."""
        marker = f"[fault:{faults}] " if faults else ""
        return f"[scenario:script] {marker}{json.dumps(list(steps))}"
