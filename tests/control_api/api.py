"""The real application over a real store and directory, and a client that holds it to its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter

from control_api.application import API_PREFIX, create_app
from control_api.schemas_shared import ErrorEnvelope
from gateway.batch.campaigns import Campaigns
from gateway.browser_calls.service import BrowserCalls
from gateway.cluster.call_owners import CallOwners
from gateway.cluster.node import Heartbeat
from gateway.cluster.node_client import NodeClient
from gateway.config import Config
from gateway.configuration.defence import DefenceSection
from gateway.configuration.http import HttpSection
from gateway.contacts.contact_book import ContactBook
from gateway.defence.bans import Bans
from gateway.directory import Directory
from gateway.engine_webhooks import EngineWebhooks
from gateway.health import Health
from gateway.ice_servers import IceServers
from gateway.knowledge import KnowledgeService
from gateway.live_board import LiveBoard, open_live_board
from gateway.live_calls import LiveCalls
from gateway.new_agent import NewAgent
from gateway.numbers.carriers import Carriers
from gateway.numbers.service import NumberService
from gateway.numbers.stock import LocalInventory
from gateway.outbound_policy import OutboundPolicies
from gateway.recordings.service import RecordingService
from gateway.rejections import Rejections
from gateway.sign_in.passwords import Passwords
from gateway.sign_in.sign_in import SignIn
from gateway.signalling.trace_ring import TraceRing
from gateway.signalling.traces import CallTraces
from gateway.sip_sockets import SocketRefusal, WebSocketConnection, WebSocketWriter
from gateway.trunk_probe import ProbeOutcome, ProbeResult
from gateway.trunk_watch import TrunkStatus
from gateway.voices import VoiceService
from gateway.web_calls import WebCalls
from gateway.webhooks.sender import WebhookSender
from gateway.webhooks.service import WebhookService
from gateway.widgets.doors import Doors
from gateway.widgets.visits import Visits
from gateway.widgets.widget_book import WidgetBook
from media.ultravox.library import EngineVoice
from store import Store
from store.cluster_records import NodeRecord
from store.records import Agent, AgentStatus, Trunk, TrunkOutbound
from tests.control_api.in_memory_browser_calls import InMemoryBrowserCalls
from tests.control_api.in_memory_calls import InMemoryCalls
from tests.control_api.in_memory_control import InMemoryControl, InMemoryStreams
from tests.control_api.recordings import recordings_of
from tests.gateway.browser_calls.scene import BrowserScene
from tests.gateway.doubles import ScriptedEngine
from tests.gateway.web_call_scene import web_calls_of
from tests.support.engine_library import InMemoryLibrary

VOICE_ID = "a7f2ec82-f533-4f41-a8de-0e4351bd2ec5"
ENGINE_SECRET = "engine-secret-of-the-tests"
OTHER_VOICE_ID = "b7f2ec82-f533-4f41-a8de-0e4351bd2ec5"
IMPORT_MAX_ROWS = 50
CAMPAIGN_MAX_CONTACTS = 50
NOWHERE = "00000000-0000-7000-8000-000000000000"
ENGINE_VOICES = (
    EngineVoice(VOICE_ID, "Mark", "Steady and low.", "en-US"),
    EngineVoice(OTHER_VOICE_ID, "Nora"),
)


async def _nobody_cares(living: frozenset[str]) -> None:
    pass


@dataclass
class Gateway:
    """What the API needs, with everything real but the calls."""

    store: Store
    directory: Directory
    calls: InMemoryCalls = field(default_factory=InMemoryCalls)
    control: InMemoryControl = field(init=False)
    streams: InMemoryStreams = field(init=False)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    config: Config = field(default_factory=lambda: Config(http=HttpSection(rate_limit_per_minute=0)))
    stopping: bool = False
    probed: list[TrunkOutbound] = field(default_factory=list)
    probe_outcome: ProbeOutcome = ProbeOutcome.REACHABLE
    state: Health = field(default_factory=lambda: Health(True, False, {"sip": "ok"}))
    explained: list[dict[str, Any]] = field(default_factory=list)
    recordings: RecordingService = field(init=False)
    library: InMemoryLibrary = field(default_factory=lambda: InMemoryLibrary(*ENGINE_VOICES))
    voices: VoiceService = field(init=False)
    knowledge: KnowledgeService = field(init=False)
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)
    web_calls: WebCalls = field(init=False)
    browser: BrowserScene = field(init=False)
    ice_servers: IceServers = field(init=False)
    engine_webhooks: EngineWebhooks = field(init=False)
    webhooks: WebhookService = field(init=False)
    call_owners: CallOwners = field(init=False)
    node_client: NodeClient = field(default_factory=NodeClient)
    numbers: NumberService = field(init=False)
    sign_in: SignIn = field(init=False)
    live_board: LiveBoard = field(init=False)
    rejections: Rejections = field(init=False)
    traces: CallTraces = field(init=False)
    trunk_statuses: dict[str, TrunkStatus] = field(default_factory=dict)
    contacts: ContactBook = field(init=False)
    campaigns: Campaigns = field(init=False)
    widgets: WidgetBook = field(init=False)
    outbound_policies: OutboundPolicies = field(init=False)
    bans: Bans = field(default_factory=lambda: Bans(after=2, window_s=60, time_s=3600))
    doors: Doors = field(init=False)
    visits: Visits = field(init=False)
    made_calls: InMemoryBrowserCalls = field(default_factory=InMemoryBrowserCalls)

    def __post_init__(self) -> None:
        alone = Heartbeat(self.store.nodes, NodeRecord("test", "run"), timeout_s=20, on_living=_nobody_cares)
        self.call_owners = CallOwners(LiveCalls(max_inbound=0, max_outbound=0), self.store.calls, alone)
        self.control = InMemoryControl(self.calls)
        self.sign_in = SignIn(
            self.store,
            self.directory,
            session_idle_s=self.config.dashboard.session_idle,
            session_lifetime_s=self.config.dashboard.session_lifetime,
            passwords=Passwords(memory_kib=64, passes=1),
        )
        self.streams = InMemoryStreams(self.calls)
        self.live_board = open_live_board(
            self.store,
            LiveCalls(max_inbound=0, max_outbound=0),
            self.directory.trunks,
            self,
            self.config.calls,
            closed=lambda: self.stopping,
        )
        self.recordings = recordings_of(self.store)
        self.voices = VoiceService(self.directory, self.store.agent_parts, self.library)
        self.knowledge = KnowledgeService(self.directory, self.library, self.store.engine_removals)
        self.web_calls = web_calls_of(self.store, self.directory, self.engine)
        self.browser = BrowserScene(self.store, self.directory, engine=self.engine, node_id="test")
        self.ice_servers = IceServers(self.config.turn)
        self.engine_webhooks = EngineWebhooks(
            ENGINE_SECRET, self.store.calls, self.web_calls, catch_up=self._nothing_to_write
        )
        self.webhooks = webhooks_of(self.store)
        self.campaigns = Campaigns(
            self.store,
            lambda: self.directory.table,
            self.directory.agent,
            max_contacts=CAMPAIGN_MAX_CONTACTS,
        )
        self.numbers = NumberService(
            self.directory,
            Carriers(telnyx_url="http://127.0.0.1:9", twilio_url="http://127.0.0.1:9"),
            LocalInventory(self.store),
            self._probe,
        )
        self.rejections = Rejections(lambda: self.directory.table)
        self.traces = CallTraces(TraceRing(1_000_000, 1_000), owners=self.rejections.owners)
        self.outbound_policies = OutboundPolicies(self.store.outbound_policies, DefenceSection())
        self.widgets = WidgetBook(self.store, self.directory)
        self.doors = Doors(self.store, self.directory.agent)
        self.visits = Visits(self.made_calls, self.web_calls, self.directory)
        self.contacts = ContactBook(self.store, import_max_rows=IMPORT_MAX_ROWS)

    @property
    def browser_calls(self) -> BrowserCalls:
        return self.browser.calls

    @property
    def sip_sockets(self) -> ClosedSockets:
        return ClosedSockets()

    @property
    def defence(self) -> Gateway:
        return self

    @property
    def trunk_watch(self) -> Gateway:
        return self

    def status(self, trunk_id: str) -> TrunkStatus:
        return self.trunk_statuses.get(trunk_id, TrunkStatus())

    async def _nothing_to_write(self) -> None: ...

    async def _probe(self, outbound: TrunkOutbound, trunk: Trunk | None = None) -> ProbeResult:
        self.probed.append(outbound)
        return ProbeResult(self.probe_outcome, "It answered so.", 200)

    def health(self) -> Health:
        return self.state

    def explain_inbound(
        self, organization_id: str, *, to: str, from_: str | None, source: str | None
    ) -> dict[str, Any]:
        self.explained.append({"organization_id": organization_id, "to": to, "from": from_, "source": source})
        return {"routed": False, "steps": []}

    def explain_outbound(
        self, organization_id: str, *, agent_id: str, to: str, from_number: str | None
    ) -> dict[str, Any]:
        self.explained.append(
            {"organization_id": organization_id, "agent_id": agent_id, "to": to, "from_number": from_number}
        )
        return {"routed": True, "steps": []}


class ClosedSockets:
    """Nobody may speak SIP here."""

    def refusal(
        self, *, origin: str | None, host: str, secure: bool, subprotocols: list[str]
    ) -> SocketRefusal | None:
        return SocketRefusal.OFF

    def accept(
        self, writer: WebSocketWriter, *, peer: tuple[str, int], local: tuple[str, int], secure: bool
    ) -> WebSocketConnection | None:
        return None


def webhooks_of(store: Store, *, allow_private: bool = False) -> WebhookService:
    """Nothing is delivered; a test event is sent."""
    sender = WebhookSender(timeout_s=5.0, allow_private=allow_private)
    return WebhookService(store, sender, allow_private=allow_private, wake=lambda: None)


def route_of(app: FastAPI, method: str, path: str) -> APIRoute | None:
    """The route that answers a request."""
    for route in app.routes:
        if isinstance(route, APIRoute) and method in route.methods and route.path_regex.match(path):
            return route
    return None


def check_documented(app: FastAPI, response: httpx.Response) -> None:
    """The response's status is one that its operation documents, and its body is of the documented model."""
    request = response.request
    assert len(response.headers["x-request-id"]) == 36
    route = route_of(app, request.method, request.url.path)
    if route is None or not route.include_in_schema:
        return
    success = route.status_code or 200
    if response.status_code == success:
        if route.response_model is not None:
            TypeAdapter(route.response_model).validate_json(response.content)
        return
    assert response.status_code in route.responses, f"{response.status_code} of {route.path} is undocumented"
    documented = route.responses[response.status_code]
    if "model" in documented:
        TypeAdapter(documented["model"]).validate_json(response.content)
    if "application/json" not in documented.get("content", {}):
        return  # no error of ours
    body = ErrorEnvelope.model_validate_json(response.content)
    assert str(body.meta.request_id) == response.headers["x-request-id"] or (
        "idempotent-replayed" in response.headers
    )


class Api:
    """An API key's view of the gateway. Paths are relative to the base URL unless they are absolute URLs."""

    def __init__(self, app: FastAPI, secret: str | None) -> None:
        self.app = app
        headers = {"Authorization": f"Bearer {secret}"} if secret is not None else {}
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url=f"http://gateway{API_PREFIX}",
            headers=headers,
        )

    async def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = await self._client.request(method, path, **options)
        check_documented(self.app, response)
        return response

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self("GET", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self("DELETE", path, **options)

    async def post(
        self, path: str, body: Any = None, *, key: str | None = None, **options: Any
    ) -> httpx.Response:
        headers: Mapping[str, str] = {} if key is None else {"X-Idempotency-Key": key}
        if body is not None:
            options["json"] = body
        return await self("POST", path, headers={**headers, **options.pop("headers", {})}, **options)


@dataclass
class World:
    """A gateway, its application, and two organisations with a key each."""

    gateway: Gateway
    app: FastAPI
    organization_id: str
    other_organization_id: str
    secret: str
    api: Api
    other: Api
    anonymous: Api

    @classmethod
    async def make(cls, store: Store, config: Config | None = None) -> World:
        directory = Directory(store)
        await directory.load()
        gateway = Gateway(store, directory)
        if config is not None:
            gateway.config = config
        app = create_app(gateway)
        ours = await directory.ensure_organization("ours")
        theirs = await directory.ensure_organization("theirs")
        _, secret = await directory.create_key(ours.id, "test")
        _, other_secret = await directory.create_key(theirs.id, "test")
        return cls(
            gateway,
            app,
            ours.id,
            theirs.id,
            secret,
            Api(app, secret),
            Api(app, other_secret),
            Api(app, None),
        )

    async def agent(self, organization_id: str | None = None, **fields: Any) -> Agent:
        """An active agent."""
        given: dict[str, Any] = {"name": "Aria", "voice_id": VOICE_ID, "system_prompt": "Be kind."} | fields
        return await self.gateway.directory.create_agent(
            organization_id or self.organization_id, NewAgent(**given), status=AgentStatus.ACTIVE
        )


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The `error` of an error response."""
    body: dict[str, Any] = response.json()
    assert set(body) == {"error", "meta"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "details"}
    return error
