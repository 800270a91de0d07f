"""The gateway as a whole: its parts started in order and stopped in order.

This is what the HTTP API holds on to, and what `serve` runs.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.browser_calls.service import is_bridged
from gateway.config import Config
from gateway.gateway_parts import GatewayParts
from gateway.health import Health
from gateway.open_store import open_store
from gateway.sweep import fail_orphans
from routing.explain import explain_data
from routing.inbound import InboundQuery, decide_inbound
from routing.outbound import OutboundQuery, decide_outbound
from sip.user_agent import Listen
from store.records import CallDirection

log = structlog.get_logger(__name__)

STRAGGLER_TIMEOUT_S = 5.0  # after the drain: how long legs and recordings may take to close
SIGNALLING_TIMEOUT_S = 2.0  # how long the answers to the last BYEs are waited for
SIGNALLING_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the SIP side really listens."""

    sip: tuple[Listen, ...]

    def first(self, transport: str) -> Listen:
        return next(listen for listen in self.sip if listen.transport == transport)


class Gateway(GatewayParts):
    """One gateway process. Made by `Gateway.open`; `start` binds and takes calls, `stop` drains."""

    @classmethod
    async def open(cls, config: Config) -> Gateway:
        """Open the store and load the routing table; nothing listens yet. Raises `ConfigurationError` when
        the database cannot be used.
        """
        store = await open_store(config)
        try:
            gateway = cls(config, store)
            await gateway.directory.load()
        except BaseException:
            await store.close()
            raise
        return gateway

    async def start(self) -> Addresses:
        """Take calls. Raises `OSError` when an address cannot be bound, `MediaStartError` when a media worker
        does not come up.
        """
        orphans = await self.store.calls.unfinished(node_id=self.cluster.node.id)
        silences = await self._adoption.silences()
        self._writer.start()
        await self._plane.start()
        self._loop_watch.start()
        await self._registration_keeper.restore()
        await self._user_agent.start()
        self._registration_keeper.start()
        # Only now: had we been started by mistake beside ourselves, our ports would have been taken.
        await self.cluster.enter()
        self.cluster.start()
        self._started = True
        followed = [
            record
            for record in orphans
            if record.direction is CallDirection.WEBRTC and not is_bridged(record)
        ]
        await self.web_calls.resume(followed)
        orphans = [record for record in orphans if record not in followed]
        self._adoption.start()
        orphans = await self._adoption.take_up(orphans, silences, None)
        await fail_orphans(self.store, orphans, self._journal)
        await self._archive.start()
        self._recording_sweeper.start()
        self._engine_watch.start()
        self._agent_sync.start()
        self._dialer.start()
        self.trunk_watch.start()
        self._engine_removals.start()
        self.web_calls.start()
        self._deliverer.start()
        self._analyzer.start()
        self._delivery_sweeper.start()
        self._signalling.start()
        return Addresses(sip=tuple(self._user_agent.addresses))

    async def wait_settled(self, timeout_s: float) -> None:
        """Wait until the engine was asked how it is and was offered every agent it does not know yet, so that
        whoever is told that we are ready can call at once; at most `timeout_s` seconds.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._engine_watch.asked.wait()
                await self._agent_sync.offered.wait()

    async def drain(self, timeout_s: float) -> None:
        """Take no new call, let live ones go on for up to `timeout_s` seconds, then end them with BYE."""
        self._draining = True
        log.info("draining", live_calls=len(self._live), timeout_s=timeout_s)
        self.browser_calls.end_waiting()
        await self._adoption.hand_over(tuple(self._live))
        if not await self._live.wait_until_empty(timeout_s):
            log.warning("drain_timed_out", live_calls=len(self._live))
            await self._adoption.hand_over(tuple(self._live), recorded=True)
            self.end_calls()
            await self._live.wait_until_empty(STRAGGLER_TIMEOUT_S)

    def end_calls(self) -> None:
        """End every live call now."""
        for session in self._live:
            session.shut_down()

    async def close(self) -> None:
        """Release everything. Calls still live are ended first. A part that cannot be closed does not keep
        the others open.
        """
        self._draining = True
        self.end_calls()
        await self._live.wait_until_empty(STRAGGLER_TIMEOUT_S)
        await self._signalling_done(SIGNALLING_TIMEOUT_S)
        self._started = False
        for part in (
            self.control,
            self._adoption,
            self._dialer,
            self._recording_sweeper,
            self._agent_sync,
            self._engine_removals,
            self.web_calls,
            self._client_tools,
            self._engine_watch,
            self._loop_watch,
            self.trunk_watch,
            self._user_agent,
            self._registration_keeper,
            self._precall,
            self._identity,
            self._plane,
            self._archive,
            self._engine,
            self._signalling,
            self._writer,
            self._analyzer,
            self._delivery_sweeper,
            self._deliverer,
            self._webhook_sender,
            self.sign_in,
            self.cluster,
            self.store,
        ):
            try:
                await part.close()
            except Exception:
                log.exception("not_closed", part=type(part).__name__)

    # --- what the API asks ------------------------------------------------------------------------

    def health(self) -> Health:
        checks = {
            "sip": "ok" if self._started else "not listening",
            "media": self._plane.state,
            "engine": self._engine_watch.state,
            "store": "ok" if self._writer.healthy else "the database cannot be written",
            "cluster": self.cluster.state,
        }
        ready = not self._draining and all(state == "ok" for state in checks.values())
        if self.cluster.shared_state is not None:
            checks["redis"] = self.cluster.shared_state  # calls go on without
        return Health(ready=ready, draining=self._draining, checks=checks)

    def explain_inbound(
        self, organization_id: str, *, to: str, from_: str | None, source: str | None
    ) -> dict[str, Any]:
        """Which trunk, number and agent an INVITE would get and why, as JSON-able values."""
        query = InboundQuery(source_ip=source, to_user=to, from_user=from_, organization_id=organization_id)
        return explain_data(decide_inbound(self.directory.table, query))

    def explain_outbound(
        self, organization_id: str, *, agent_id: str, to: str, from_number: str | None
    ) -> dict[str, Any]:
        """Which number and trunk a call would take and why, as JSON-able values."""
        query = OutboundQuery(organization_id, agent_id, to, from_number)
        return explain_data(decide_outbound(self.directory.table, query))

    # --- inside -----------------------------------------------------------------------------------

    async def _signalling_done(self, timeout_s: float) -> None:
        """Let the last BYEs and CANCELs be answered, and repeated where they were lost: a peer that missed
        its own would stay in a call with nobody.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._started and (  # noqa: ASYNC110 - the stack tells nobody that it is idle
                    self._user_agent.statistics.calls or self._user_agent.statistics.dialogs
                ):
                    await asyncio.sleep(SIGNALLING_LOOK_S)
