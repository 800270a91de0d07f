"""The people (and machines) around a gateway: callers who dial in, callees who are dialled, each SIPp with
an audio peer.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.gateway_process import Gateway
from tests.e2e.party_audio import PartyAudio
from tests.e2e.sipp_runner import SippRun

RECEPTIONIST = "+15550100"
ECHO = "+15550199"
VOICE = "5f0f2a5e-1f1f-4a57-9a3b-0d6e2f0f9a11"  # no voice of the local engine: it takes its default one
RECEPTIONIST_PROMPT = "[scenario:receptionist] You answer the telephone of a test."
ECHO_PROMPT = "[scenario:echo] You return what you hear."

_numbers = itertools.count(15550300)


def new_number() -> str:
    """A telephone number that no other test uses."""
    return f"+{next(_numbers)}"


@dataclass(frozen=True, slots=True)
class Party:
    """One side of one call: its SIP (SIPp) and its audio."""

    sip: SippRun
    audio: PartyAudio

    def start_talking(self, event: str = "answered", seconds: float = 10) -> None:
        """Wait until the other side's session description came (in `event`), then send audio there."""
        self.audio.send_to(self.sip.wait_for(event, seconds)["remote_rtp_port"])


@dataclass(frozen=True, slots=True)
class OutboundRoute:
    """An agent with a number on a trunk of its own, and the far end of that trunk."""

    agent_id: str
    number: str
    trunk_id: str
    callee: Party


class Parties:
    """Makes parties and ends them all."""

    def __init__(self, gateway: Gateway, api: ApiClient, directory: Path) -> None:
        self.gateway = gateway
        self.api = api
        self._directory = directory
        self._stack = contextlib.ExitStack()

    def caller(self, scenario: str = "caller_hangs_up", number: str = RECEPTIONIST, **options: Any) -> Party:
        """Somebody who dials `number`; options are those of `SippRun`."""
        options.setdefault("remote", self.gateway.sip)
        return self._party(scenario, number=number, **options)

    def callee(self, scenario: str = "callee_answers", **options: Any) -> Party:
        """Somebody who waits to be called, for one call."""
        return self._party(scenario, **options)

    def connected_caller(self, number: str = RECEPTIONIST, **options: Any) -> Party:
        """A caller who was answered and whose audio flows."""
        party = self.caller(number=number, **options)
        party.start_talking()
        return party

    def agent(self, prompt: str = RECEPTIONIST_PROMPT, **fields: Any) -> Json:
        """A new agent, ready to take calls."""
        body: Json = {
            "name": "Test agent",
            "voice_id": VOICE,
            "system_prompt": prompt,
        }
        created: Json = self.api.post("/agents", body | fields)
        return self.api.wait_until_active(created["id"])

    def inbound_number(self, prompt: str = RECEPTIONIST_PROMPT, **agent: Any) -> str:
        """A new number that a new agent answers."""
        number = new_number()
        imported = self.api.post(
            "/telephony/numbers/import", {"phone_number": number, "provider_type": "custom_sip"}
        )
        body = {
            "number_id": imported["id"],
            "agent_id": self.agent(prompt, **agent)["id"],
            "assignment_type": "inbound",
        }
        self.api.post("/telephony/numbers/assign", body)
        return number

    def outbound_route(
        self,
        scenario: str = "callee_answers",
        *,
        prompt: str = RECEPTIONIST_PROMPT,
        credentials: tuple[str, str] | None = None,
        agent: Json | None = None,
        **options: Any,
    ) -> OutboundRoute:
        """A callee, a trunk that leads to it, and an agent who may call over that trunk."""
        callee = self.callee(scenario, **options)
        return self.outbound_route_to(
            callee, callee.sip.address, prompt=prompt, credentials=credentials, agent=agent
        )

    def outbound_route_to(
        self,
        callee: Any,
        address: str,
        *,
        prompt: str = RECEPTIONIST_PROMPT,
        credentials: tuple[str, str] | None = None,
        agent: Json | None = None,
        trunk: Json | None = None,
    ) -> OutboundRoute:
        """`agent` and `trunk` are more fields of theirs."""
        outbound: Json = {"address": address, "transport": "udp"}
        if credentials:
            outbound |= {"auth_username": credentials[0], "auth_password": credentials[1]}
        body = {"name": f"to {address}", "outbound": outbound} | (trunk or {})
        trunk_id = self.api.post("/trunks", body)["id"]
        number = new_number()
        imported = self.api.post("/telephony/numbers/import", {"phone_number": number, "trunk_id": trunk_id})
        agent_id = self.agent(prompt, **(agent or {}))["id"]
        assignment = {"number_id": imported["id"], "agent_id": agent_id, "assignment_type": "outbound"}
        self.api.post("/telephony/numbers/assign", assignment)
        return OutboundRoute(agent_id, number, trunk_id, callee)

    def end_calls(self) -> None:
        """End every call that still lives."""
        for call in self.api.calls(status="in-progress"):
            self.api.http.post(f"/calls/{call['id']}/hangup")
        for status in ("queued", "ringing"):
            for call in self.api.calls(status=status):
                self.api.http.post(f"/calls/{call['id']}/cancel")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _party(self, scenario: str, **options: Any) -> Party:
        audio = self._stack.enter_context(PartyAudio())
        keys = {"rtp_port": audio.port} | options.pop("keys", {})
        sip = self._stack.enter_context(SippRun(scenario, self._directory, keys=keys, **options))
        return Party(sip, audio)
