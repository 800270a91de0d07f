"""Which node has a call, for requests about calls that are not here."""

from __future__ import annotations

from gateway.cluster.node import Heartbeat
from gateway.errors import UnavailableError
from gateway.live_calls import LiveCalls
from store.calls import CallRepository
from store.cluster_records import NodeRecord
from store.records import CallRecord


class CallOwners:
    """Finds the node on which a call goes on."""

    def __init__(self, live: LiveCalls, calls: CallRepository, heartbeat: Heartbeat) -> None:
        self._live = live
        self._calls = calls
        self._heartbeat = heartbeat

    @property
    def node_id(self) -> str:
        """Ours."""
        return self._heartbeat.node.id

    async def elsewhere(self, organization_id: str, call_id: str) -> NodeRecord | None:
        """The other node that has the call; None when it is here, over or unknown.

        Raises `UnavailableError` when that node gives no sign of life or cannot be reached.
        """
        if self._live.get(call_id) is not None:
            return None
        return await self._owner(await self._calls.get(organization_id, call_id))

    async def elsewhere_by_id(self, call_id: str) -> NodeRecord | None:
        """The same for who shows a secret of the call in place of a key."""
        if self._live.get(call_id) is not None:
            return None
        return await self._owner(await self._calls.find(call_id))

    async def _owner(self, record: CallRecord | None) -> NodeRecord | None:
        if record is None or record.status.terminal or record.node_id in (None, self.node_id):
            return None
        assert record.node_id is not None
        node = self._heartbeat.find(record.node_id)
        if node is None:  # it may have started a moment ago
            await self._heartbeat.look()
            node = self._heartbeat.find(record.node_id)
        if node is None:
            raise node_away(record.node_id, "gives no sign of life")
        if node.url is None:
            raise node_away(record.node_id, "has no cluster.node_url")
        return node


def node_away(node_id: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"The call is on the node {node_id}, which {why}.", code="node_away", node_id=node_id, retry_after=5
    )
