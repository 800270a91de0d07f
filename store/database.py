"""The way into the store: one object with a repository for each kind of record."""

from __future__ import annotations

from store.agent_parts import AgentPartRepositories
from store.agents import AgentRepository
from store.browser_access import BrowserAccessRepository
from store.call_analyses import CallAnalysisRepository
from store.call_signalling import CallSignallingRepository
from store.call_snapshots import CallHandoverRepository, CallSnapshotRepository
from store.calls import CallRepository
from store.campaign_attempts import AttemptRepository
from store.campaign_contacts import CampaignContactRepository
from store.campaigns import CampaignRepository
from store.connection import Database
from store.contacts import ContactRepository
from store.engine_removals import EngineRemovalRepository
from store.folders import FolderRepository
from store.idempotency import IdempotencyRepository
from store.inventory import InventoryRepository
from store.keys import KeyRepository
from store.leaderships import LeadershipRepository
from store.live_counts import LiveCountRepository
from store.nodes import NodeRepository
from store.numbers import NumberRepository
from store.organizations import OrganizationRepository
from store.outbound_policies import OutboundPolicyRepository
from store.outbox import Outbox
from store.registrations import RegistrationRepository
from store.revisions import RevisionRepository
from store.sessions import SessionRepository
from store.trunks import TrunkRepository
from store.users import UserRepository
from store.webhook_deliveries import WebhookDeliveryRepository
from store.webhook_endpoints import WebhookEndpointRepository
from store.webhook_queue import WebhookQueue
from store.widgets import WidgetRepository


class Store:
    """An open database and its repositories. Made by `open`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.organizations = OrganizationRepository(database)
        self.keys = KeyRepository(database)
        self.users = UserRepository(database)
        self.sessions = SessionRepository(database)
        self.agents = AgentRepository(database)
        self.agent_parts = AgentPartRepositories(database)
        self.numbers = NumberRepository(database)
        self.inventory = InventoryRepository(database)
        self.trunks = TrunkRepository(database)
        self.calls = CallRepository(database)
        self.live_counts = LiveCountRepository(database)
        self.outbound_policies = OutboundPolicyRepository(database)
        self.call_analyses = CallAnalysisRepository(database)
        self.call_signalling = CallSignallingRepository(database)
        self.call_snapshots = CallSnapshotRepository(database)
        self.call_handovers = CallHandoverRepository(database)
        self.folders = FolderRepository(database)
        self.contacts = ContactRepository(database)
        self.nodes = NodeRepository(database)
        self.leaderships = LeadershipRepository(database)
        self.registrations = RegistrationRepository(database)
        self.revisions = RevisionRepository(database)
        self.campaigns = CampaignRepository(database)
        self.campaign_contacts = CampaignContactRepository(database)
        self.attempts = AttemptRepository(database)
        self.idempotency = IdempotencyRepository(database)
        self.outbox = Outbox(database)
        self.webhook_endpoints = WebhookEndpointRepository(database)
        self.webhook_deliveries = WebhookDeliveryRepository(database)
        self.engine_removals = EngineRemovalRepository(database)
        self.webhook_queue = WebhookQueue(database)
        self.widgets = WidgetRepository(database)
        self.browser_access = BrowserAccessRepository(database)

    @classmethod
    async def open(cls, url: str) -> Store:
        """Connect and migrate to the newest schema.

        `url` is `sqlite:///path`, `sqlite+aiosqlite:///path` (path `:memory:`: a database that ends with the
        store) or `postgresql://...`. Raises `sqlalchemy.exc.SQLAlchemyError` when it cannot be used.
        """
        return cls(await Database.open(url))

    async def close(self) -> None:
        """Close all connections."""
        await self.database.close()
