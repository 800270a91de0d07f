"""Every part of a gateway, made and joined: store, routing, SIP, media, engine, webhooks, campaigns.

What the parts ask of one another across borders (a price, a live call, whether we drain) is answered here.
Starting and stopping them is `gateway.application`.
"""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry

from gateway.adoption.adopted_session import AdoptedServices
from gateway.adoption.composition import Adoption
from gateway.agent_sync import AgentSync
from gateway.analysis.analyzer import CallAnalyzer
from gateway.analysis.due import AnalysisPolicy
from gateway.analysis.model_client import open_model
from gateway.batch.campaigns import Campaigns
from gateway.batch.dial_services import DialServices, FreePlaces
from gateway.batch.dialer import Dialer
from gateway.batch.status_change import CampaignJournal
from gateway.browser_calls.service import BrowserCalls
from gateway.browser_calls.session import BrowserServices
from gateway.call import Call
from gateway.call_control import CallControl
from gateway.calls import CallService
from gateway.client_tools import ClientTools
from gateway.cluster.call_limits import CallLimits
from gateway.cluster.call_owners import CallOwners
from gateway.cluster.cluster import Cluster
from gateway.config import Config
from gateway.contacts.contact_book import ContactBook
from gateway.conversation_services import ConversationServices
from gateway.defence.composition import Defence
from gateway.dial_queue import DialQueue
from gateway.directory import Directory
from gateway.engine_callback import engine_callback
from gateway.engine_removals import EngineRemovals
from gateway.engine_watch import EngineWatch
from gateway.engine_webhooks import EngineWebhooks
from gateway.event_bus import EventBus
from gateway.event_stream import EventStreams
from gateway.ice_servers import IceServers
from gateway.inbound import InboundCalls
from gateway.inbound_session import InboundServices
from gateway.knowledge import KnowledgeService
from gateway.live_board import open_live_board
from gateway.live_calls import LiveCalls
from gateway.loop_watch import LoopWatch
from gateway.media_address import MediaAddress
from gateway.media_plane import open_media_plane
from gateway.metrics import GatewayMetrics
from gateway.numbers.carriers import Carriers
from gateway.numbers.service import NumberService
from gateway.numbers.stock import LocalInventory, NoProvider
from gateway.outbound import OutboundServices
from gateway.outbound_policy import OutboundPolicies
from gateway.precall import PrecallClient
from gateway.rate_card import BilledCall, RateCard
from gateway.recordings.retention import RecordingSweeper
from gateway.recordings.service import RecordingService
from gateway.recordings.setup import open_archive, open_links
from gateway.referred_call import ReferralServices
from gateway.refused_invites import RefusedInvites
from gateway.registrar.contact_ways import ContactWays
from gateway.registrar.keeping import RegistrationKeeper
from gateway.registrar.registrations import RegistrarMetrics, Registrations
from gateway.rejections import Rejections
from gateway.session_services import SessionServices
from gateway.sign_in.setup import open_sign_in
from gateway.signalling.setup import Signalling
from gateway.sip_sockets import SipSockets
from gateway.stir.service import CallerIdentity
from gateway.sweep import calls_of_the_dead, fail_orphans
from gateway.target_states import TargetStates
from gateway.transfers.composition import open_transfers
from gateway.transfers.report import agent_left_after_ms
from gateway.trunk_dialling import TrunkDialling
from gateway.trunk_pace import TrunkPace
from gateway.trunk_probe import TrunkProbe
from gateway.trunk_registration import RegistrationState
from gateway.trunk_statistics import TrunkStatistics
from gateway.trunk_targets import TrunkTargets
from gateway.trunk_watch import TrunkWatch
from gateway.voices import VoiceService
from gateway.web_calls import WebCalls
from gateway.webhooks.call_journal import CallJournal
from gateway.webhooks.deliverer import WebhookDeliverer, delivery_settings
from gateway.webhooks.retention import DeliverySweeper
from gateway.webhooks.sender import WebhookSender
from gateway.webhooks.service import WebhookService
from gateway.widgets.doors import Doors
from gateway.widgets.visits import Visits
from gateway.widgets.widget_book import WidgetBook
from media.ultravox.library import EngineLibrary
from media.ultravox.rest import UltravoxClient
from media.worker.supervisor import WorkerPool
from sip.message import Request
from sip.user_agent import IncomingCall, Listen, OptionsReply, UserAgent, UserAgentConfig
from store.database import Store
from store.records import CallDirection, CallRecord
from store.writer import CallWriter


class GatewayParts:
    """The parts of one gateway process, none of them started."""

    def __init__(self, config: Config, store: Store) -> None:
        self.config = config
        self.store = store
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry)
        self.directory = Directory(store)
        self.sign_in = open_sign_in(store, self.directory, config.dashboard)
        self.cluster = Cluster(
            config.cluster,
            store,
            on_living=self._sweep_after_the_dead,
            on_return=lambda: self._adoption.let_go_of_claimed(tuple(self._live)),
            refresh=self.directory.refresh,
        )
        self.directory.on_changed = self.cluster.notices.tell
        self.leases = self.cluster.leases
        self._adoption = Adoption(store, self.cluster, enabled=config.cluster.adopt_calls)
        self.widgets = WidgetBook(store, self.directory)
        self.doors = Doors(store, self.directory.agent)
        self.contacts = ContactBook(store, import_max_rows=config.contacts.import_max_rows)
        self._rate_card = RateCard(config.rates)
        self._draining = False
        self._started = False
        self._writer = CallWriter(store.calls, on_news=self._wake_webhooks)
        analysis = config.analysis
        self._journal = CallJournal(
            self._writer,
            lambda record: self.recordings.public_url(record),
            AnalysisPolicy(
                self.directory.agent,
                configured=analysis.base_url is not None,
                max_wait_s=analysis.max_wait,
            ),
        )
        self._analyzer = CallAnalyzer(
            store.call_analyses,
            store.calls,
            open_model(analysis),
            self.metrics,
            self._journal.result_events,
            self._analyzed,
            timeout_s=analysis.timeout,
            concurrency=analysis.concurrency,
        )
        self._live = LiveCalls(
            max_inbound=config.calls.max_inbound,
            max_outbound=config.calls.max_outbound,
            max_browser=config.browser.max_calls,
        )
        self._engine = UltravoxClient(
            config.engine.base_url, config.engine.api_key or "", timeout_s=config.engine.create_timeout
        )
        self._plane = open_media_plane(config)
        self._archive = open_archive(
            config, store, self._writer, self._journal.save, self.metrics, self._live_call
        )
        self._recording_sweeper = RecordingSweeper(
            self._archive,
            store.calls,
            config.recordings.retention_days,
            leading=lambda: self.cluster.duties.leading,
        )
        self._webhook_sender = WebhookSender(
            timeout_s=config.webhooks.timeout, allow_private=config.webhooks.allow_private
        )
        self._deliverer = WebhookDeliverer(
            store.webhook_queue, self._webhook_sender, delivery_settings(config.webhooks), self.metrics
        )
        self.webhooks = WebhookService(
            store,
            self._webhook_sender,
            allow_private=config.webhooks.allow_private,
            wake=self._deliverer.wake,
        )
        self._delivery_sweeper = DeliverySweeper(
            store.webhook_queue, config.webhooks.keep_delivered, config.webhooks.keep_dead
        )
        self.recordings = RecordingService(self._archive, open_links(config), config.recordings.public_url)
        self.events = EventBus()
        self.rejections = Rejections(lambda: self.directory.table)
        self._signalling = Signalling(config, store.call_signalling, self.rejections.owners, self.metrics)
        self.traces = self._signalling.traces
        refused = RefusedInvites(self.metrics, self.rejections)
        self._registrations = Registrations(self.directory.trunk, refused, RegistrarMetrics(self.registry))
        self._registration_keeper = RegistrationKeeper(
            self._registrations, store.registrations, self.cluster.node.id
        )
        self.defence = Defence(
            config,
            self.metrics,
            refused,
            lambda: self.directory.table,
            self.directory.trunk,
            self._registrations.trusted_trunk,
        )
        self._user_agent = UserAgent(
            UserAgentConfig(
                listen=tuple(
                    Listen(*endpoint, *public)
                    for endpoint, public in zip(config.sip.endpoints(), config.sip.publics(), strict=True)
                ),
                public_host=config.sip.public_host,
                tls=config.sip.tls_server(),
                dns_servers=config.sip.name_servers(),
            ),
            on_invite=self._take_invite,
            on_options=self._answer_options,
            on_refused=self._note_refused,
            observer=self._signalling.observer,
            gate=self.defence.gate.judge,
            registrations=self._registrations,
        )
        ways = ContactWays(self._registrations, self._user_agent, self._registration_keeper.elsewhere)
        self._trunk_statistics = TrunkStatistics()
        self.registry.register(self._trunk_statistics)
        self.sip_sockets = SipSockets(self._user_agent, config.sip)
        self._targets = TrunkTargets(self._user_agent, TargetStates())
        probe = TrunkProbe(self._user_agent, self._targets, registered=ways.find)
        self.numbers = NumberService(
            self.directory,
            Carriers(telnyx_url=config.numbers.telnyx_url, twilio_url=config.numbers.twilio_url),
            LocalInventory(store) if config.numbers.provider == "inventory" else NoProvider(),
            probe,
        )
        self.trunk_watch = TrunkWatch(
            self.directory.trunks,
            self._user_agent,
            probe,
            leading=lambda: self.cluster.duties.leading,
            figures=self._trunk_statistics.of,
            targets=self._targets,
            contacts=self._registrations.status,
        )
        self._trunk_statistics.targets = self.trunk_watch.targets
        self._trunk_statistics.registered = self.trunk_watch.registered
        self._trunk_statistics.reachable = self.trunk_watch.reachable
        self._identity = CallerIdentity(config.stir)
        self._precall = PrecallClient(allow_private=config.webhooks.allow_private)
        self._engine_watch = EngineWatch(self._engine)
        self._agent_sync = AgentSync(
            self.directory,
            self._engine,
            store.engine_removals,
            attempts=config.engine.sync_attempts,
            leading=lambda: self.cluster.duties.leading,
        )
        self.cluster.duties.on_elected = self._agent_sync.wake
        self._engine_removals = EngineRemovals(store.engine_removals, self._engine)
        self.directory.on_engine_removal = self._engine_removals.wake
        library = EngineLibrary(self._engine)
        self.voices = VoiceService(self.directory, store.agent_parts, library)
        self.knowledge = KnowledgeService(self.directory, library, store.engine_removals)
        self._loop_watch = LoopWatch()
        self._client_tools = ClientTools(config.tools)
        self.outbound_policies = OutboundPolicies(store.outbound_policies, config.defence, self._price)
        media_address = MediaAddress(
            public_host=config.media.public_host or config.sip.public_host,
            bind_host=config.media.bind_host,
            local_host_for=self._user_agent.local_host_for,
        )
        self._dialling = TrunkDialling(
            self._user_agent,
            media_address,
            self._identity,
            self._targets,
            self.outbound_policies.may_transfer,
            registered=ways.find,
        )
        limits = CallLimits(config.calls.max_in_cluster, config.calls.max_per_organization)
        pace = TrunkPace(self.directory.trunk).wait
        session = SessionServices(
            live=self._live,
            metrics=self.metrics,
            conversation=ConversationServices(
                plane=self._plane,
                engine=self._engine,
                engine_config=config.engine,
                calls_config=config.calls,
                metrics=self.metrics,
                first_packet_timeout_s=config.media.first_packet_timeout,
                silence_timeout_s=config.media.silence_timeout,
                amd_config=config.amd,
                watchdogs_config=config.watchdogs,
                client_tools=self._client_tools,
                on_recording_finished=self._archive.finished,
            ),
            default_max_duration_s=config.calls.max_duration,
            default_ring_timeout_s=config.calls.ring_timeout,
            transfers=open_transfers(
                config,
                self.directory,
                self.outbound_policies,
                self._dialling,
                self._plane,
                limits,
                self.leases,
                self.metrics,
                self.traces,
                pace,
            ),
            referrals=self._referral_services,
            trunk=self.directory.trunk,
            events=self.events,
            leases=self.leases,
            limits=limits,
            node_id=self.cluster.node.id,
            parts=self.directory.parts_of,
            traces=self.traces,
            trunk_statistics=self._trunk_statistics,
            keeper=self._adoption.keeper,
        )
        recordings = self._archive.live_directory
        self._adoption.compose(
            AdoptedServices(
                session,
                self._user_agent,
                media_address,
                recordings,
                lambda trunk_id: self.directory.table.trunk(trunk_id),
                lambda number: self.directory.table.number(number),
            ),
            self.metrics,
            agent=self.directory.agent,
            save=self._journal.save,
            price=self._price,
            outcome=self._journal.outcome,
            fail=lambda records: fail_orphans(store, records, self._journal),
            busy=lambda: self._draining,
            written=self._writer.catch_up,
        )
        self._inbound = InboundCalls(
            InboundServices(
                session=session,
                table=lambda: self.directory.table,
                agent=self.directory.agent,
                trunk=self.directory.trunk,
                draining=lambda: self._draining,
                media_address=media_address,
                save=self._journal.save,
                price=self._price,
                outcome=self._journal.outcome,
                recordings=recordings,
                retry_after_s=config.calls.retry_after,
                number=self.directory.number_on,
                precall=self._precall,
                identity=self._identity,
                refused=refused,
            )
        )
        self._queue = DialQueue(
            self._live,
            limit=config.calls.queue_limit,
            timeout_s=config.calls.queue_timeout,
            pace=pace,
        )
        self.calls = CallService(
            store=store,
            writer=self._writer,
            save=self._journal.save,
            price=self._price,
            outcome=self._journal.outcome,
            live=self._live,
            queue=self._queue,
            outbound=OutboundServices(
                session=session,
                dialling=self._dialling,
                recordings=recordings,
                trunk=self.directory.trunk,
            ),
            table=lambda: self.directory.table,
            agent=self.directory.agent,
            draining=lambda: self._draining,
            policies=self.outbound_policies,
        )
        self.web_calls = WebCalls(
            directory=self.directory,
            engine=self._engine,
            store=store,
            save=self._journal.save,
            price=self._price,
            outcome=self._journal.outcome,
            callback=engine_callback(config.engine),
            poll_interval_s=config.engine.poll_interval,
            max_duration_s=config.calls.max_duration,
            draining=lambda: self._draining,
        )
        self.calls.web_calls = self.web_calls
        self.browser_calls = BrowserCalls(
            BrowserServices(
                session=session,
                config=config.browser,
                media_address=media_address,
                recordings=recordings,
                draining=lambda: self._draining,
                retry_after_s=config.calls.retry_after,
            ),
            directory=self.directory,
            store=store,
            save=self._journal.save,
            price=self._price,
            outcome=self._journal.outcome,
        )
        self.ice_servers = IceServers(config.turn)
        self.visits = Visits(self.browser_calls, self.web_calls, self.directory)
        self.engine_webhooks = EngineWebhooks(
            config.engine.webhook_secret, store.calls, self.web_calls, self._writer.catch_up
        )
        self.campaigns = Campaigns(
            store,
            lambda: self.directory.table,
            self.directory.agent,
            max_contacts=config.batch.max_contacts,
        )
        self._dialer = Dialer(
            DialServices(
                node=self.cluster.node.id,
                store=store,
                journal=CampaignJournal(store),
                calls=self.calls,
                live=self._live,
                table=lambda: self.directory.table,
                free_places=FreePlaces(
                    self._live, self._queue, self._plane, lambda: self._draining, config.calls, config.batch
                ),
                metrics=self.metrics,
                config=config.batch,
                giving_way=lambda: self._draining and self.cluster.heartbeat.living > 1,
            )
        )
        self.campaigns.on_changed = self._dialer.wake
        self.control = CallControl(
            self.calls, config.control, recordings=recordings, fetched=config.data_dir / "fetched"
        )
        self.streams = EventStreams(self.events, self.calls)
        self.live_board = open_live_board(
            store,
            self._live,
            self.directory.trunks,
            self.trunk_watch,
            config.calls,
            closed=lambda: self.events.closed,
        )
        self.call_owners = CallOwners(self._live, store.calls, self.cluster.heartbeat)
        self.node_client = self.cluster.client
        self._declare_gauges()

    def _price(self, record: CallRecord) -> int | None:
        number = self.directory.number_on(record.from_number) if record.from_number else None
        trunk = self.directory.table.trunk(record.trunk_id) if record.trunk_id else None
        return self._rate_card.price(
            BilledCall(
                duration_ms=record.duration_ms,
                far_number=record.phone_number,
                trunk_id=record.trunk_id,
                trunk_name=trunk.name if trunk else None,
                managed=number is not None and number.managed,
                engine_ms=agent_left_after_ms(record),
            )
        )

    def _referral_services(self) -> ReferralServices:
        return ReferralServices(
            self._dialling, self.outbound_policies.may_call, self.config.calls.transfer_timeout
        )

    def _note_refused(self, request: Request, source: tuple[str, int], status: int, reason: str) -> None:
        self._inbound.refused_by_stack(request, source, status, reason)

    def _take_invite(self, invite: IncomingCall) -> None:
        self._inbound.on_invite(invite)

    async def _sweep_after_the_dead(self, living: frozenset[str]) -> None:
        dead = await calls_of_the_dead(self.store, living)
        if dead:
            silences = await self._adoption.silences()
            left = await self._adoption.take_up(dead, silences, self.config.cluster.node_timeout)
            await fail_orphans(self.store, left, self._journal)

    def _wake_webhooks(self) -> None:
        self._deliverer.wake()
        self._analyzer.wake()

    def _analyzed(self, record: CallRecord) -> None:
        """Let whoever still holds the call know what came of it, and have it told."""
        for call in (self._live_call(record.id), self._archive.call(record.id)):
            if call is not None:
                call.update(outcome=record.outcome, analysis=record.analysis)
        self._deliverer.wake()

    def _live_call(self, call_id: str) -> Call | None:
        session = self._live.get(call_id)
        return session.call if session is not None else None

    def _answer_options(self) -> OptionsReply:
        """OPTIONS is how trunks probe us: 200 when we would take a call, 503 with Retry-After otherwise."""
        if self._draining or self._live.full(CallDirection.INBOUND) or self._plane.state != "ok":
            return OptionsReply(503, max(1, round(self.config.calls.retry_after)))
        return OptionsReply(200, None)

    def _declare_gauges(self) -> None:
        gauge = self.metrics.gauge
        gauge("calls_inbound_active", "Inbound calls now.", lambda: self._live.count(CallDirection.INBOUND))
        gauge(
            "calls_outbound_active", "Outbound calls now.", lambda: self._live.count(CallDirection.OUTBOUND)
        )
        gauge(
            "calls_browser_active", "Calls of browsers now.", lambda: self._live.count(CallDirection.WEBRTC)
        )
        gauge(
            "calls_browser_waiting",
            "Calls that no browser has joined yet.",
            lambda: self.browser_calls.waiting,
        )
        gauge("calls_live", "Calls that are not over, queued ones included.", lambda: len(self._live))
        gauge("event_watchers", "Event streams that are open.", lambda: self.events.subscribers)
        gauge("calls_queued", "Outbound calls that wait for a place.", lambda: len(self._queue))
        gauge("campaigns_running", "Campaigns that call, or wait to.", lambda: self._dialer.campaigns)
        gauge("recordings_waiting", "Recordings not encoded and stored yet.", lambda: self._archive.waiting)
        gauge(
            "webhook_deliveries_waiting",
            "Webhook deliveries that are not over, some seconds ago.",
            lambda: self._deliverer.waiting,
        )
        for state in (RegistrationState.REGISTERED, RegistrationState.FAILED):
            gauge(
                f"trunks_{state}",
                f"Trunks whose registration is {state}.",
                partial(self.trunk_watch.count, state),
            )
        gauge(
            "trunks_unreachable",
            "Trunks that the newest OPTIONS did not find.",
            lambda: self.trunk_watch.unreachable,
        )
        gauge("registered_contacts", "Contacts that have registered.", lambda: len(self._registrations))
        gauge("media_legs", "Media legs now.", lambda: self._plane.legs)
        if isinstance(self._plane, WorkerPool):
            self.metrics.watch_workers(self._plane)
        gauge("rtp_ports_free", "Legs that could still be created.", lambda: self._plane.ports_free)
        gauge(
            "store_calls_waiting", "Calls whose newest state is not stored yet.", lambda: self._writer.waiting
        )
        gauge(
            "loop_lag_seconds",
            "How late the event loop is, at worst since the last scrape.",
            self._loop_watch.take,
        )
        gauge("nodes_alive", "Gateways that give a sign of life.", lambda: self.cluster.heartbeat.living)
        gauge("leases_held", "Places held under limits of the cluster.", lambda: len(self.leases))
        gauge(
            "leases_unshared",
            "1 while Redis is away and each node grants its share of the limits.",
            lambda: float(self.leases.away),
        )
        gauge("draining", "1 while the gateway drains.", lambda: float(self._draining))
        for field in ("client_transactions", "server_transactions", "dialogs", "calls"):
            gauge(
                f"sip_{field}", f"SIP {field.replace('_', ' ')} alive.", partial(self._sip_statistic, field)
            )

    def _sip_statistic(self, field: str) -> float:
        return float(getattr(self._user_agent.statistics, field))
