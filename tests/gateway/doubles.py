"""In-memory stand-ins for what the gateway stands between: a media plane without sockets and an engine whose
answers the test decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from media import messages as m
from media.plane import EventListener, MediaCapacityError, MediaPlane, UnknownLegError
from media.ultravox.agent_settings import AgentSettings
from media.ultravox.call_request import EngineCallRequest, build_call_body
from media.ultravox.errors import EngineRefusedError
from media.ultravox.protocol import ClientMessage
from media.ultravox.rest import (
    EngineAgent,
    EngineCall,
    EngineCallStatus,
    EngineTranscriptMessage,
    UltravoxClient,
)

C = TypeVar("C", bound=m.Command)

WAIT_S = 5.0
FINGERPRINT = ":".join(["1F"] * 32)


async def until(condition: Callable[[], object], seconds: float = WAIT_S) -> None:
    """Let the loop run until the condition holds. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


def engine_call(name: str) -> EngineCall:
    return EngineCall(call_id=name, join_url=f"ws://127.0.0.1:1/{name}")


class RecordingPlane(MediaPlane):
    """A media plane that notes what it is told; the test says what happens in its legs."""

    def __init__(self, ports: int = 100) -> None:
        self.ports = ports
        self.commands: list[m.Command] = []
        self.sent_creations: list[m.CreateLeg] = []
        self.listeners: dict[str, EventListener] = {}
        self.listener: EventListener = lambda event: None
        self.closed_legs: list[str] = []
        self.may_create = asyncio.Event()  # a leg is made at once unless the test clears this
        self.may_create.set()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def create_leg(self, command: m.CreateLeg, listener: EventListener) -> m.LegCreated:
        if self.legs >= self.ports:
            raise MediaCapacityError("no RTP port is free")
        self.sent_creations.append(command)
        self.listeners[command.leg_id] = self.listener = listener
        await self.may_create.wait()
        return m.LegCreated(leg_id=command.leg_id, port=20000, rtcp_port=20001, dtls_fingerprint=FINGERPRINT)

    def send(self, command: m.Command) -> None:
        self.commands.append(command)

    async def close_leg(self, leg_id: str) -> m.LegClosed:
        if leg_id not in self.listeners:
            raise UnknownLegError(leg_id)
        del self.listeners[leg_id]
        self.closed_legs.append(leg_id)
        return m.LegClosed(leg_id=leg_id, statistics=m.LegStatistics(packets_received=7))

    async def statistics(self, leg_id: str) -> m.LegStatistics:
        return m.LegStatistics()

    @property
    def legs(self) -> int:
        return len(self.listeners)

    @property
    def ports_free(self) -> int:
        return self.ports - self.legs

    @property
    def state(self) -> str:
        return "ok" if self.ports_free > 0 else "no RTP port is free"

    def sent(self, kind: type[C]) -> list[C]:
        return [command for command in self.commands if isinstance(command, kind)]


class ScriptedEngine(UltravoxClient):
    """An engine whose answers to create_call are given beforehand; without any it makes calls at will."""

    def __init__(self, *answers: EngineCall | Exception) -> None:
        super().__init__("http://127.0.0.1:1", "key")
        self.answers: list[EngineCall | Exception] | None = list(answers) or None
        self.prior: list[str | None] = []
        self.requests: list[EngineCallRequest] = []
        self.end_reason: str | None = "agent_hangup"
        self.fault: Exception | None = None  # of everything but create_call
        self.pings = 0
        self.statuses: dict[str, EngineCallStatus] = {}
        self.messages: tuple[EngineTranscriptMessage, ...] = ()
        self.deleted_calls: list[str] = []
        self.sent: list[tuple[str, ClientMessage]] = []
        self.names: list[str] = []
        self.agents: dict[str, AgentSettings] = {}
        self.may_answer = asyncio.Event()  # about agents; at once unless the test clears this
        self.may_answer.set()
        self.may_create = asyncio.Event()
        self.may_create.set()

    async def create_call(
        self,
        request: EngineCallRequest,
        *,
        prior_call_id: str | None = None,
        enable_greeting_prompt: bool = True,
        deadline_s: float | None = None,
    ) -> EngineCall:
        assert enable_greeting_prompt is (prior_call_id is None)
        build_call_body(request)  # raises what the real one raises
        self.prior.append(prior_call_id)
        self.requests.append(request)
        await self.may_create.wait()
        if self.answers is None:
            return engine_call(f"engine-{len(self.prior)}")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def get_call(self, call_id: str) -> EngineCallStatus:
        if self.fault is not None:
            raise self.fault
        if call_id in self.statuses:
            return self.statuses[call_id]
        return EngineCallStatus(call_id=call_id, end_reason=self.end_reason)

    async def list_messages(self, call_id: str) -> tuple[EngineTranscriptMessage, ...]:
        if self.fault is not None:
            raise self.fault
        return self.messages

    async def delete_call(self, call_id: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.deleted_calls.append(call_id)

    async def send_data_message(self, call_id: str, message: ClientMessage) -> None:
        if self.fault is not None:
            raise self.fault
        self.sent.append((call_id, message))

    async def create_agent(self, name: str, agent: AgentSettings) -> EngineAgent:
        self.names.append(name)
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        self.agents["engine-agent"] = agent
        return EngineAgent(agent_id="engine-agent", name=name)

    async def update_agent(self, agent_id: str, name: str, agent: AgentSettings) -> EngineAgent:
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        if agent_id not in self.agents:
            raise EngineRefusedError(404, "no such agent")
        self.agents[agent_id] = agent
        return EngineAgent(agent_id=agent_id, name=name)

    async def find_agent(self, name: str) -> EngineAgent | None:
        if self.fault is not None:
            raise self.fault
        return EngineAgent(agent_id="engine-agent", name=name) if self.agents else None

    async def delete_agent(self, agent_id: str) -> None:
        if self.fault is not None:
            raise self.fault
        if self.agents.pop(agent_id, None) is None:
            raise EngineRefusedError(404, "no such agent")

    async def ping(self) -> None:
        self.pings += 1
        if self.fault is not None:
            raise self.fault
