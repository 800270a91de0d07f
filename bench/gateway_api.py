"""What a measured gateway is told over its API before the calls come: a trunk, an agent, a number."""

from __future__ import annotations

import time
from typing import Any

import httpx

from bench.processes import StartError

NUMBER = "+15550299"
ECHO_PROMPT = "[scenario:echo] You return what you hear."
VOICE_ID = "7b6f2e0c-2f0a-4c53-9d7e-0c6a1b0f6a11"
PAGE = 100


class GatewayApi:
    """A client with one key."""

    def __init__(self, http: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=f"http://{http.removeprefix('http://')}/api/public/v1",
            headers={"Authorization": f"Bearer {key}"},
            timeout=20,
        )

    def close(self) -> None:
        self._http.close()

    def prepare(self, *, codec: str, srtp: bool, recording: bool) -> None:
        """Callers on this machine reach an echo at `NUMBER`. Raises `StartError`."""
        self._post(
            "/trunks",
            {
                "name": "bench",
                "inbound": {"allowed_addresses": ["127.0.0.1"]},
                "codecs": [codec],
                "media_encryption": "require" if srtp else "disable",
            },
        )
        agent_id = self.echo_agent(recording=recording)
        number = self._post(
            "/telephony/numbers/import", {"phone_number": NUMBER, "provider_type": "custom_sip"}
        )
        self._post(
            "/telephony/numbers/assign",
            {"number_id": number["id"], "agent_id": agent_id, "assignment_type": "inbound"},
        )

    def echo_agent(self, *, recording: bool = False) -> str:
        """The id of an agent that returns what it hears. Raises `StartError`."""
        agent = self._post(
            "/agents",
            {
                "name": "Echo",
                "voice_id": VOICE_ID,
                "system_prompt": ECHO_PROMPT,
                "recording_enabled": recording,
            },
        )
        self._wait_active(agent["id"])
        return str(agent["id"])

    def callers(self) -> dict[str, str]:
        """Of all calls: the caller's number by the call's id."""
        found: dict[str, str] = {}
        offset = 0
        while True:
            answer = self._http.get("/calls", params={"limit": PAGE, "offset": offset}).json()
            found |= {call["id"]: call["phone_number"] for call in answer["data"]}
            if not answer["pagination"]["has_more"]:
                return found
            offset += PAGE

    def _wait_active(self, agent_id: str) -> None:
        limit = time.monotonic() + 15
        while self._http.get(f"/agents/{agent_id}").json()["data"]["status"] != "active":
            if time.monotonic() > limit:
                raise StartError("the engine did not take the agent")
            time.sleep(0.05)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(path, json=body)
        if answer.is_error:
            raise StartError(f"POST {path}: {answer.status_code} {answer.text}")
        data: dict[str, Any] = answer.json()["data"]
        return data
