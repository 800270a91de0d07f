"""The tables, in types that cost nothing to bind: identifiers and JSON documents as text, times as integers.

A time is whole microseconds since 1970 UTC (`*_at`); a JSON document is text written by `store.columns`.
The schema is made by the migrations in `store/migrations`; a test holds the two equal.
"""

from store.tables.accounts import api_keys, idempotency_keys, organizations
from store.tables.adoption import call_handovers, call_snapshots
from store.tables.agent_parts import knowledge_bases, tools, voices
from store.tables.agents import agents
from store.tables.analyses import call_analyses
from store.tables.batch import batch_attempts, batch_calls, batch_contacts
from store.tables.calls import UNFINISHED_STATUSES, call_timeline, calls
from store.tables.cluster import leaderships, nodes, revisions
from store.tables.contacts import contacts, folders
from store.tables.engine_removals import engine_removals
from store.tables.outbound_policies import outbound_policies
from store.tables.registrations import registrations
from store.tables.schema import metadata
from store.tables.signalling import call_signalling
from store.tables.telephony import number_inventory, phone_numbers, trunks
from store.tables.users import sessions, users
from store.tables.webhooks import webhook_deliveries, webhook_endpoints, webhook_events
from store.tables.widgets import allowed_origins, browser_access, widgets

__all__ = [
    "UNFINISHED_STATUSES",
    "agents",
    "allowed_origins",
    "api_keys",
    "batch_attempts",
    "batch_calls",
    "batch_contacts",
    "browser_access",
    "call_analyses",
    "call_handovers",
    "call_signalling",
    "call_snapshots",
    "call_timeline",
    "calls",
    "contacts",
    "engine_removals",
    "folders",
    "idempotency_keys",
    "knowledge_bases",
    "leaderships",
    "metadata",
    "nodes",
    "number_inventory",
    "organizations",
    "outbound_policies",
    "phone_numbers",
    "registrations",
    "revisions",
    "sessions",
    "tools",
    "trunks",
    "users",
    "voices",
    "webhook_deliveries",
    "webhook_endpoints",
    "webhook_events",
    "widgets",
]
