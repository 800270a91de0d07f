"""A client of the public API, as a customer would write it; every answer is checked for its envelope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

Json = dict[str, Any]
TERMINAL = ("ended", "failed", "cancelled")


class ApiClient:
    """Speaks to `/api/public/v1` with a bearer key. Methods named by what they do return the `data` part."""

    def __init__(self, base_url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=f"{base_url}/api/public/v1", headers=headers, timeout=10)

    def close(self) -> None:
        self.http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._data(self.http.get(path, params=query))

    def post(self, path: str, body: Json | None = None, *, key: str | None = None) -> Any:
        headers = {"X-Idempotency-Key": key} if key else {}
        return self._data(self.http.post(path, json=body, headers=headers))

    def patch(self, path: str, body: Json) -> Any:
        """The `data` of the answer."""
        return self._data(self.http.patch(path, json=body))

    def call(self, call_id: str) -> Json:
        data: Json = self.get(f"/calls/{call_id}")
        return data

    def calls(self, **query: Any) -> list[Json]:
        data: list[Json] = self.get("/calls", **query)
        return data

    def timeline(self, call_id: str) -> list[Json]:
        data: list[Json] = self.get(f"/calls/{call_id}/timeline")
        return data

    def place_call(self, agent_id: str, number: str, *, key: str | None = None, **fields: Any) -> Json:
        data: Json = self.post("/calls", {"agent_id": agent_id, "phone_number": number, **fields}, key=key)
        return data

    def wait_until_active(self, agent_id: str, seconds: float = 10) -> Json:
        """The agent once the engine knows it and it may take calls."""
        limit = time.monotonic() + seconds
        while True:
            agent: Json = self.get(f"/agents/{agent_id}")
            if agent["status"] == "active":
                return agent
            assert time.monotonic() < limit, f"not active after {seconds} s: {agent}"
            time.sleep(0.05)

    def wait_for_call(self, wanted: Callable[[Json], bool], seconds: float = 10, **query: Any) -> Json:
        """The newest listed call that `wanted` accepts, waiting for it."""
        limit = time.monotonic() + seconds
        while True:
            calls = self.calls(**query)
            for call in calls:
                if wanted(call):
                    return call
            if time.monotonic() > limit:
                raise AssertionError(f"no such call within {seconds} s; the newest: {calls[:2]}")
            time.sleep(0.05)

    def wait_for_status(self, call_id: str, *statuses: str, seconds: float = 10) -> Json:
        """The call once its status is one of `statuses`; fails at once when it ends otherwise."""
        limit = time.monotonic() + seconds
        while True:
            call = self.call(call_id)
            if call["status"] in statuses:
                return call
            if call["status"] in TERMINAL or time.monotonic() > limit:
                steps = self.timeline(call_id)
                raise AssertionError(f"waited for {statuses}, the call is {call}\ntimeline: {steps}")
            time.sleep(0.05)

    def _data(self, response: httpx.Response) -> Any:
        assert response.is_success, (
            f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
        )
        body = response.json()
        assert {"request_id", "ts"} <= body["meta"].keys()
        return body["data"]
