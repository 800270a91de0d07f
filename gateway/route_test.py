"""`route-test`: which trunk, number and agent an INVITE would get, and why, from the store as it is now."""

from __future__ import annotations

from gateway.config import Config
from gateway.directory import Directory
from gateway.open_store import opened_store
from routing.decisions import Refusal
from routing.explain import explain_text
from routing.inbound import InboundQuery, decide_inbound


async def route_test(config: Config, *, to: str, from_: str | None, source: str | None) -> int:
    """Print the decision; 0 when the INVITE would be routed, 1 when it would be refused.

    Raises `ConfigurationError` when the database cannot be used.
    """
    async with opened_store(config) as store:
        directory = Directory(store)
        await directory.load()
        query = InboundQuery(source_ip=source, to_user=to, from_user=from_)
        decision = decide_inbound(directory.table, query)
    print(explain_text(decision))
    return 1 if isinstance(decision, Refusal) else 0
