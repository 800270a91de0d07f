"""Registrations over a restart: written behind, all changes of a moment at once, and read at the start.

Who came by UDP, or listens where he came from, can be reached again; who is behind a connection of his own
registers anew. Of those others the database tells the other nodes where they are.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog

from gateway.background_task import BackgroundTask
from gateway.registrar.registrations import Registrations
from sip.binding import Binding
from sip.transport_udp import UdpFlow
from store.errors import StoreError
from store.registrar_records import RegisteredContact
from store.registrations import RegistrationRepository

log = structlog.get_logger(__name__)

LOOK_S = 1.0
PRUNE_S = 600.0


class RegistrationKeeper(BackgroundTask):
    """Of one node."""

    def __init__(self, registrations: Registrations, kept: RegistrationRepository, node_id: str) -> None:
        super().__init__("registrations")
        self._registrations = registrations
        self._kept = kept
        self._node_id = node_id
        self._pruned_at = 0.0

    async def restore(self) -> None:
        """Take up what the node's last run has kept."""
        now, moment = monotonic(), datetime.now(UTC)
        for trunk_id, contacts in (await self._kept.of_node(self._node_id)).items():
            # The password may have been changed while we were away.
            credential = self._registrations.credential(trunk_id)
            bindings = tuple(
                binding
                for binding in (
                    _binding(one, now, moment) for one in contacts if one.credential == credential
                )
                if binding.expires_at > now
                and (binding.transport == "udp" or binding.survives_its_connection)
            )
            self._registrations.restore(trunk_id, bindings)
            self._registrations.changed.add(trunk_id)  # who cannot be reached any more is not kept

    async def elsewhere(self, trunk_id: str) -> list[str]:
        """The other nodes that somebody has registered at for a trunk."""
        nodes = await self._kept.nodes_of(trunk_id, datetime.now(UTC))
        return [node for node in nodes if node != self._node_id]

    async def close(self) -> None:
        await super().close()
        await self._save()

    async def _run(self) -> None:
        while True:
            self._registrations.tidy()
            await self._save()
            await asyncio.sleep(LOOK_S)

    async def _save(self) -> None:
        changed, self._registrations.changed = self._registrations.changed, set()
        kept = False
        now, moment = monotonic(), datetime.now(UTC)
        try:
            if changed:
                await self._kept.save(
                    self._node_id,
                    {
                        trunk_id: [
                            _contact(one, now, moment, self._registrations.shown_credential(trunk_id))
                            for one in self._registrations.contacts(trunk_id)
                        ]
                        for trunk_id in changed
                    },
                )
            kept = True
            if now - self._pruned_at > PRUNE_S:
                self._pruned_at = now
                await self._kept.prune(moment)
        except StoreError:
            log.exception("registrations_not_kept")
        finally:
            if not kept:  # also when the end of the node came in between: `close` writes once more
                self._registrations.changed |= changed


def _contact(binding: Binding, now: float, moment: datetime, credential: str | None) -> RegisteredContact:
    return RegisteredContact(
        contact=binding.contact,
        transport=binding.transport,
        host=binding.source[0],
        port=binding.source[1],
        local_port=binding.flow.local[1] if isinstance(binding.flow, UdpFlow) else binding.local_port,
        call_id=binding.call_id,
        cseq=binding.cseq,
        registered_at=moment + timedelta(seconds=binding.registered_at - now),
        seen_at=moment + timedelta(seconds=binding.seen_at - now),
        expires_at=moment + timedelta(seconds=binding.expires_at - now),
        path=binding.path,
        q=binding.q,
        instance=binding.instance,
        reg_id=binding.reg_id,
        user_agent=binding.user_agent,
        credential=credential,
    )


def _binding(kept: RegisteredContact, now: float, moment: datetime) -> Binding:
    return Binding(
        contact=kept.contact,
        call_id=kept.call_id,
        cseq=kept.cseq,
        expires_at=now + (kept.expires_at - moment).total_seconds(),
        registered_at=now + (kept.registered_at - moment).total_seconds(),
        seen_at=now + (kept.seen_at - moment).total_seconds(),
        transport=kept.transport,
        source=(kept.host, kept.port),
        path=kept.path,
        q=kept.q,
        instance=kept.instance,
        reg_id=kept.reg_id,
        user_agent=kept.user_agent,
        local_port=kept.local_port,
    )
