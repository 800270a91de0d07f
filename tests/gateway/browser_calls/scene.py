"""Calls of browsers over a real store, with a stand-in for media and engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.analysis.outcome import outcome_by_facts
from gateway.browser_calls.service import BrowserCalls, BrowserTicket
from gateway.browser_calls.session import BrowserServices, BrowserSession, Joined
from gateway.cluster.call_limits import CallLimits
from gateway.cluster.leases import Leases
from gateway.config import Config
from gateway.configuration.browser import BrowserSection
from gateway.configuration.calls import CallsSection
from gateway.configuration.defence import DefenceSection
from gateway.configuration.engine import EngineSection
from gateway.configuration.sip import StirSection
from gateway.conversation_services import ConversationServices
from gateway.directory import Directory
from gateway.live_calls import LiveCalls
from gateway.media_address import MediaAddress
from gateway.metrics import GatewayMetrics
from gateway.outbound_policy import OutboundPolicies
from gateway.registrar.contact_ways import ContactWay
from gateway.session_services import SessionServices
from gateway.signalling.trace_ring import TraceRing
from gateway.signalling.traces import CallTraces
from gateway.stir.service import CallerIdentity
from gateway.target_states import TargetStates
from gateway.transfers.composition import open_transfers
from gateway.trunk_dialling import TrunkDialling
from gateway.trunk_targets import TrunkTargets
from media import messages as m
from sip.user_agent import OptionsReply, UserAgent, UserAgentConfig
from store.database import Store
from store.records import Agent, Trunk
from tests.gateway.doubles import RecordingPlane, ScriptedEngine, until
from tests.gateway.web_call_scene import SavedCalls

UFRAG, PASSWORD = "Fr0g", "p" * 22
PEER = "192.0.2.7"


def offer_of(
    *,
    codecs: str = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n",
    formats: str = "111 0 110",
    transport: str = "",
    extra: str = "",
    ufrag: str = UFRAG,
) -> bytes:
    """What a browser offers; `transport` in place of its ICE and DTLS, `extra` more m= sections."""
    transport = transport or (
        f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{PASSWORD}\r\na=fingerprint:sha-256 "
        + ":".join(["AB"] * 32)
        + "\r\na=setup:actpass\r\na=rtcp-mux\r\n"
    )
    return (
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "a=group:BUNDLE 0\r\na=extmap-allow-mixed\r\n"
        f"m=audio 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\n"
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        f"{transport}{codecs}a=rtpmap:110 telephone-event/48000\r\n{extra}"
    ).encode()


async def nobody_registered(trunk: Trunk) -> tuple[ContactWay, ...]:
    """No phone has registered with any trunk."""
    raise OSError("nobody has registered")


class BrowserScene:
    """`calls` and what stands around them."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        *,
        engine: ScriptedEngine | None = None,
        config: BrowserSection | None = None,
        limits: CallLimits | None = None,
        recordings: Path = Path("recordings"),
        node_id: str = "here",
    ) -> None:
        self.store = store
        self.directory = directory
        self.plane = RecordingPlane()
        self.engine = engine or ScriptedEngine()
        self.saved = SavedCalls()
        self.config = config or BrowserSection()
        self.live = LiveCalls(max_inbound=0, max_outbound=0, max_browser=self.config.max_calls)
        self.leases = Leases()
        self.draining = False
        metrics = GatewayMetrics(CollectorRegistry())
        media_address = MediaAddress(None, "0.0.0.0", lambda peer: "192.0.2.1")
        user_agent = UserAgent(
            UserAgentConfig(listen=()),
            on_invite=lambda invite: None,
            on_options=lambda: OptionsReply(200, None),
        )
        policies = OutboundPolicies(store.outbound_policies, DefenceSection())
        session = SessionServices(
            live=self.live,
            metrics=metrics,
            conversation=ConversationServices(
                plane=self.plane,
                engine=self.engine,
                engine_config=EngineSection(),
                calls_config=CallsSection(farewell_timeout=0.2),
                metrics=metrics,
                first_packet_timeout_s=15,
                silence_timeout_s=60,
            ),
            default_max_duration_s=3600,
            default_ring_timeout_s=60,
            transfers=open_transfers(
                Config(),
                directory,
                policies,
                TrunkDialling(
                    user_agent,
                    media_address,
                    CallerIdentity(StirSection()),
                    TrunkTargets(user_agent, TargetStates()),
                    policies.may_transfer,
                    nobody_registered,
                ),
                self.plane,
                CallLimits(),
                self.leases,
                metrics,
                CallTraces(TraceRing(0, 0)),
            ),
            leases=self.leases,
            limits=limits or CallLimits(),
            node_id=node_id,
            parts=directory.parts_of,
        )
        self.calls = BrowserCalls(
            BrowserServices(
                session=session,
                config=self.config,
                media_address=media_address,
                recordings=recordings,
                draining=lambda: self.draining,
                retry_after_s=10,
            ),
            directory=directory,
            store=store,
            save=self.saved,
            price=lambda record: 7,
            outcome=outcome_by_facts,
        )

    async def ticket(self, agent: Agent, **options: Any) -> BrowserTicket:
        return await self.calls.create(agent.organization_id, agent.id, **options)

    async def join(self, ticket: BrowserTicket, offer: bytes | None = None) -> Joined:
        return await self.calls.join(ticket.token, offer or offer_of(), origin=None, peer_host=PEER)

    async def in_progress(self, ticket: BrowserTicket) -> tuple[Joined, BrowserSession]:
        """Joined, with engine and media."""
        joined = await self.join(ticket)
        await until(lambda: self.plane.sent(m.AttachEngine))
        self.tell(ticket, m.EngineOpened(leg_id=ticket.record.id, connect_ms=3.0))
        self.heard(ticket)
        return joined, self.calls.session(joined.secret)

    def heard(self, ticket: BrowserTicket) -> None:
        """The browser's first packet."""
        self.tell(ticket, m.FirstPacketReceived(leg_id=ticket.record.id, source=f"{PEER}:51000"))

    def tell(self, ticket: BrowserTicket, event: m.Event) -> None:
        self.plane.listeners[ticket.record.id](event)

    async def over(self) -> None:
        """Wait for the end of every call; nothing may be held any more."""
        await until(lambda: len(self.calls) == 0)
        assert self.plane.legs == 0
        assert len(self.leases) == 0
        assert len(self.live) == 0
