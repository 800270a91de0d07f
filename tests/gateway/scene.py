"""A whole gateway on loopback with a stand-in for media and engine, and an independent phone before it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway import gateway_parts
from gateway.application import Gateway
from gateway.config import Config
from gateway.conversation import Conversation
from gateway.new_agent import NewAgent
from gateway.new_call import CallSettings, NewCall
from gateway.new_number import NewNumber
from gateway.new_trunk import NewTrunk
from gateway.session import Session
from media import messages as m
from store.records import (
    Agent,
    AgentStatus,
    CallDirection,
    CallFilter,
    CallRecord,
    TimelineEvent,
    TrunkInbound,
    TrunkOutbound,
)
from tests.gateway.doubles import RecordingPlane, ScriptedEngine, until
from tests.support.sip_call import PeerCall
from tests.support.sip_peer import SipPeer

NUMBER = "+14155550100"
CALLEE = "+14155550123"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


@dataclass
class Scene:
    gateway: Gateway
    plane: RecordingPlane
    engine: ScriptedEngine
    phone: SipPeer
    organization_id: str
    agent: Agent
    target: tuple[str, int]
    seen: list[str] = field(default_factory=list)

    # --- calls in -------------------------------------------------------------------------------

    async def dial(self, sdp: bytes = SDP, **options: Any) -> PeerCall:
        """The phone calls the agent's number."""
        return await self.phone.call(f"sip:{NUMBER}@{self.target[0]}", self.target, sdp, **options)

    async def session(self) -> Session:
        """The only live call."""
        await until(lambda: len(self.live) == 1)
        return self.live[0]

    @property
    def live(self) -> list[Session]:
        return list(self.gateway._live)

    async def attached(self, count: int = 1) -> None:
        """Wait until the engine's socket is being opened."""
        await until(lambda: len(self.plane.sent(m.AttachEngine)) >= count)

    async def answered(self, sdp: bytes = SDP) -> tuple[PeerCall, Session]:
        """An inbound call in progress."""
        call = await self.dial(sdp)
        session = await self.session()
        await self.attached()
        self.engine_opened(session)
        await call.until_final()
        if sdp:
            await until(lambda: session.call.status == "in-progress")
        return call, session

    # --- calls out ------------------------------------------------------------------------------

    async def place(self, **settings: Any) -> CallRecord:
        """Ask for an outbound call, as the API does."""
        request = NewCall(
            agent_id=self.agent.id,
            phone_number=CALLEE,
            variables={"first_name": "Ann"},
            metadata={"order": 7, "who": "us"},
            settings=CallSettings(**settings),
        )
        return await self.gateway.calls.create(self.organization_id, request)

    async def ringing(self, **settings: Any) -> tuple[PeerCall, Session]:
        """An outbound call whose INVITE has reached the phone and is answered with 180."""
        await self.place(**settings)
        call = await self.phone.incoming()
        session = await self.session()
        call.ring()
        await until(lambda: "progress" in kinds(session))
        return call, session

    # --- the engine and the leg -----------------------------------------------------------------

    def tell(self, session: Session, event: m.Event) -> None:
        self.plane.listeners[session.call.id](event)

    def engine_opened(self, session: Session) -> None:
        self.tell(session, m.EngineOpened(leg_id=session.call.id, connect_ms=3.0))

    def engine_closed(self, session: Session, *, normal: bool, opened: bool = True) -> None:
        code = 1000 if normal else 1006
        self.tell(
            session,
            m.EngineClosed(leg_id=session.call.id, code=code, reason="", normal=normal, opened=opened),
        )

    # --- afterwards -----------------------------------------------------------------------------

    async def over(self) -> CallRecord:
        """Wait for the end of every call; the newest one as stored. Nothing may be held any more."""
        await until(lambda: not self.live)
        live = self.gateway._live
        assert [live.count(direction) for direction in CallDirection] == [0, 0, 0]
        assert self.plane.legs == 0
        assert len(self.gateway._queue) == 0
        page = await self.gateway.calls.list(self.organization_id, CallFilter(), 10, 0)
        return page.items[0]

    async def timeline(self, record: CallRecord) -> list[TimelineEvent]:
        return list(await self.gateway.calls.timeline(self.organization_id, record.id))

    def rejections(self, kind: str) -> float:
        return self.gateway.registry.get_sample_value("trunkline_rejections_total", {"kind": kind}) or 0.0


def kinds(session: Session) -> list[str]:
    return [event.kind for event in session.call.timeline]


def config_for(data_dir: Path, **sections: dict[str, Any]) -> Config:
    """Free ports on loopback, a short farewell, and what the test wants otherwise."""
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "sip": {"listen": ("udp:127.0.0.1:0",)},
        "http": {"listen": "127.0.0.1:0"},
        "media": {"bind_host": "127.0.0.1"},
        "calls": {"farewell_timeout": 0.2},
        "engine": {"recover_timeout": 1.0},
    }
    for name, section in sections.items():
        values[name] = values.get(name, {}) | section
    return Config.model_validate(values)


async def open_scene(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sections: dict[str, Any], agent: dict[str, Any]
) -> Scene:
    plane, engine = RecordingPlane(), ScriptedEngine()
    monkeypatch.setattr(gateway_parts, "open_media_plane", lambda config: plane)
    monkeypatch.setattr(gateway_parts, "UltravoxClient", lambda *arguments, **options: engine)
    gateway = await Gateway.open(config_for(tmp_path, **sections))
    phone = await SipPeer.open(user=CALLEE)
    directory = gateway.directory
    organization = await directory.ensure_organization("Test")
    trunk = await directory.create_trunk(
        organization.id,
        NewTrunk(
            name="carrier",
            inbound=TrunkInbound(allowed_addresses=("127.0.0.0/8",)),
            outbound=TrunkOutbound(address=f"{phone.host}:{phone.port}"),
        ),
    )
    made = await directory.create_agent(
        organization.id,
        NewAgent(**{"name": "Desk", "voice_id": "v", "system_prompt": "p"} | agent),
        status=AgentStatus.ACTIVE,
    )
    number = await directory.import_number(organization.id, NewNumber(phone_number=NUMBER, trunk_id=trunk.id))
    await directory.assign(organization.id, number.id, made.id)
    addresses = await gateway.start()
    listen = addresses.first("udp")
    return Scene(gateway, plane, engine, phone, organization.id, made, (listen.host, listen.port))


async def close_scene(scene: Scene) -> None:
    await asyncio.wait_for(scene.gateway.close(), 15)
    await scene.phone.close()


def conversation_of(session: Session) -> Conversation:
    assert session._conversation is not None
    return session._conversation
