"""What the API needs from the gateway, as protocols: the real objects match them by their shape."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from control_api.forwarding import CallOwners
from control_api.idempotency import IdempotencyStore
from control_api.sip_socket import SipSocketService
from gateway.batch.campaigns import Campaigns
from gateway.browser_calls.service import BrowserCalls
from gateway.call_actions import Side
from gateway.call_control import ListenTicket, RecordingVerb
from gateway.call_quality import CallQuality
from gateway.cluster.node_client import NodeClient
from gateway.contacts.contact_book import ContactBook
from gateway.defence.bans import Bans
from gateway.directory import Directory
from gateway.engine_webhooks import EngineWebhooks
from gateway.event_stream import StreamItem
from gateway.health import Health
from gateway.ice_servers import IceServers
from gateway.knowledge import KnowledgeService
from gateway.listening import CallListeners
from gateway.live_board import Snapshot
from gateway.new_call import NewCall
from gateway.numbers.service import NumberService
from gateway.outbound_policy import OutboundPolicies
from gateway.recordings.service import RecordingService
from gateway.rejections import Rejections
from gateway.sign_in.sign_in import SignIn
from gateway.signalling.traces import CallTraces
from gateway.transfers.plan import TransferPlan
from gateway.trunk_watch import TrunkStatus
from gateway.voices import VoiceService
from gateway.web_calls import WebCalls
from gateway.webhooks.service import WebhookService
from gateway.widgets.doors import Doors
from gateway.widgets.visits import Visits
from gateway.widgets.widget_book import WidgetBook
from store.records import CallFilter, CallRecord, Page, TimelineEvent


class CallService(Protocol):
    """Calls of an organisation: placing, reading, stopping. Raises `gateway.errors`."""

    async def create(self, organization_id: str, request: NewCall, /) -> CallRecord: ...

    async def get(self, organization_id: str, call_id: str, /) -> CallRecord: ...

    async def list(
        self, organization_id: str, wanted: CallFilter, limit: int, offset: int, /
    ) -> Page[CallRecord]: ...

    def pages(
        self, organization_id: str, wanted: CallFilter, /
    ) -> AsyncIterator[builtins.list[CallRecord]]: ...

    async def hang_up(self, organization_id: str, call_id: str, /) -> CallRecord: ...

    async def cancel(self, organization_id: str, call_id: str, /) -> CallRecord: ...

    async def quality(self, organization_id: str, call_id: str, /) -> CallQuality: ...

    async def timeline(self, organization_id: str, call_id: str, /) -> Sequence[TimelineEvent]: ...


class CallControlService(Protocol):
    """What can be done to a call in progress. Raises `gateway.errors`."""

    async def say(
        self, organization_id: str, call_id: str, text: str, /, *, uninterruptible: bool, urgency: str
    ) -> CallRecord: ...

    async def message(
        self, organization_id: str, call_id: str, text: str, /, *, urgency: str
    ) -> CallRecord: ...

    async def play(
        self,
        organization_id: str,
        call_id: str,
        /,
        *,
        path: str | None,
        url: str | None,
        loop: bool,
        volume: float,
    ) -> CallRecord: ...

    async def stop_play(self, organization_id: str, call_id: str, /) -> CallRecord: ...

    async def mute(self, organization_id: str, call_id: str, side: Side, /, *, muted: bool) -> CallRecord: ...

    async def hold(self, organization_id: str, call_id: str, /, *, held: bool) -> CallRecord: ...

    async def transfer(self, organization_id: str, call_id: str, plan: TransferPlan, /) -> CallRecord: ...

    async def end_transfer(self, organization_id: str, call_id: str, /, *, complete: bool) -> CallRecord: ...

    async def send_digits(self, organization_id: str, call_id: str, digits: str, /) -> CallRecord: ...

    async def recording(self, organization_id: str, call_id: str, verb: RecordingVerb, /) -> CallRecord: ...

    async def listen(self, organization_id: str, call_id: str, /) -> ListenTicket: ...

    def listeners(self, call_id: str, token: str, /) -> CallListeners: ...


class StreamService(Protocol):
    """Streams of events. Raises `gateway.errors` before a stream begins."""

    async def of_call(
        self, organization_id: str, call_id: str, after: str | None, /
    ) -> AsyncGenerator[StreamItem]: ...

    async def of_organization(
        self, organization_id: str, after: str | None, /
    ) -> AsyncGenerator[StreamItem]: ...


class LiveBoard(Protocol):
    """Watching everything at once. Raises `gateway.errors` before a stream begins."""

    def watch(self, organization_id: str, /) -> AsyncGenerator[Snapshot]: ...


class HttpSettings(Protocol):
    @property
    def public_url(self) -> str | None: ...

    @property
    def rate_limit_per_minute(self) -> int: ...


class ContactsSettings(Protocol):
    @property
    def import_max_bytes(self) -> int: ...


class Settings(Protocol):
    @property
    def http(self) -> HttpSettings: ...

    @property
    def contacts(self) -> ContactsSettings: ...


class Storage(Protocol):
    @property
    def idempotency(self) -> IdempotencyStore: ...


class TrunkStatuses(Protocol):
    """What is known of the trunks' far sides."""

    def status(self, trunk_id: str, /) -> TrunkStatus: ...


class Defences(Protocol):
    @property
    def bans(self) -> Bans: ...


class GatewayServices(Protocol):
    """The gateway as the API sees it."""

    @property
    def config(self) -> Settings: ...

    @property
    def store(self) -> Storage: ...

    @property
    def directory(self) -> Directory: ...

    @property
    def sign_in(self) -> SignIn: ...

    @property
    def numbers(self) -> NumberService: ...

    @property
    def calls(self) -> CallService: ...

    @property
    def campaigns(self) -> Campaigns: ...

    @property
    def contacts(self) -> ContactBook: ...

    @property
    def control(self) -> CallControlService: ...

    @property
    def streams(self) -> StreamService: ...

    @property
    def live_board(self) -> LiveBoard: ...

    @property
    def recordings(self) -> RecordingService: ...

    @property
    def voices(self) -> VoiceService: ...

    @property
    def web_calls(self) -> WebCalls: ...

    @property
    def browser_calls(self) -> BrowserCalls: ...

    @property
    def ice_servers(self) -> IceServers: ...

    @property
    def engine_webhooks(self) -> EngineWebhooks: ...

    @property
    def knowledge(self) -> KnowledgeService: ...

    @property
    def webhooks(self) -> WebhookService: ...

    @property
    def widgets(self) -> WidgetBook: ...

    @property
    def doors(self) -> Doors: ...

    @property
    def visits(self) -> Visits: ...

    @property
    def call_owners(self) -> CallOwners: ...

    @property
    def node_client(self) -> NodeClient: ...

    @property
    def rejections(self) -> Rejections: ...

    @property
    def defence(self) -> Defences: ...

    @property
    def traces(self) -> CallTraces: ...

    @property
    def outbound_policies(self) -> OutboundPolicies: ...

    @property
    def trunk_watch(self) -> TrunkStatuses: ...

    @property
    def sip_sockets(self) -> SipSocketService: ...

    @property
    def registry(self) -> CollectorRegistry: ...

    def health(self) -> Health: ...

    def explain_inbound(
        self, organization_id: str, *, to: str, from_: str | None, source: str | None
    ) -> Mapping[str, Any]: ...

    def explain_outbound(
        self, organization_id: str, *, agent_id: str, to: str, from_number: str | None
    ) -> Mapping[str, Any]: ...
