"""What the gateway does about its trunks without a call: it registers where that is wanted, and asks targets
by OPTIONS whether they are there. What comes of it is on the trunk object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from gateway.background_task import BackgroundTask
from gateway.registrar.status import RegisteredStatus
from gateway.target_states import TargetState, TargetStatus
from gateway.trunk_probe import Probe, ProbeOutcome, ProbeResult
from gateway.trunk_registration import RegistrationState, RegistrationStatus, TrunkRegistrar
from gateway.trunk_statistics import TrunkFigures
from gateway.trunk_targets import TrunkTargets, targets_of
from sip.user_agent import UserAgent
from store.records import Trunk, TrunkOutbound

log = structlog.get_logger(__name__)

LOOK_S = 1.0  # how soon a new or changed trunk is taken up


@dataclass(frozen=True, slots=True)
class ProbeStatus:
    """What the newest probe found."""

    result: ProbeResult
    asked_at: datetime

    @property
    def up(self) -> bool:
        return self.result.outcome is ProbeOutcome.REACHABLE


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """Of one trunk; None: not wanted, or nothing known yet."""

    registration: RegistrationStatus | None = None
    probe: ProbeStatus | None = None
    figures: TrunkFigures | None = None
    targets: tuple[TargetStatus, ...] = ()  # of those in use
    contacts: tuple[RegisteredStatus, ...] | None = None


class _Watched:
    """One trunk as it stood when its tasks began."""

    def __init__(
        self,
        trunk: Trunk,
        outbound: TrunkOutbound,
        registrar: TrunkRegistrar | None,
        probe: Probe,
        targets: TrunkTargets | None,
    ) -> None:
        self.trunk = trunk
        self.registrar = registrar
        self.probed: ProbeStatus | None = None
        self._outbound = outbound
        self._probe = probe
        self._targets = targets
        self._tasks: list[asyncio.Task[None]] = []
        if registrar is not None:
            self._tasks.append(asyncio.create_task(self._guarded(registrar.run)))
        if outbound.probe_interval:
            self._tasks.append(asyncio.create_task(self._guarded(self._probe_again)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            log.exception("trunk_watch_failed", trunk_id=self.trunk.id)

    async def _probe_again(self) -> None:
        while True:
            result = await self._ask_targets()
            before, self.probed = self.probed, ProbeStatus(result, datetime.now(UTC))
            if before is None or before.result.outcome is not result.outcome:
                (log.info if self.probed.up else log.warning)(
                    "trunk_probed", trunk_id=self.trunk.id, outcome=str(result.outcome), text=result.text
                )
            await asyncio.sleep(self._outbound.probe_interval)

    async def _ask_targets(self) -> ProbeResult:
        """Of all targets in use; the trunk is there when one of them is."""
        targets = targets_of(self._outbound)
        if not targets:
            return await self._probe(self._outbound, self.trunk)
        results = await asyncio.gather(*(self._probe(self._outbound, self.trunk, one) for one in targets))
        for target, result in zip(targets, results, strict=True):
            if self._targets is not None:
                self._targets.note_probe(
                    self.trunk.id,
                    self._outbound,
                    target,
                    result.servers,
                    None if result.sip_status is not None and result.sip_status != 503 else result.text,
                )
        return next((one for one in results if one.outcome is ProbeOutcome.REACHABLE), results[0])


class TrunkWatch(BackgroundTask):
    """All trunks. `leading` tells whether the registrations are this node's."""

    def __init__(
        self,
        trunks: Callable[[], tuple[Trunk, ...]],
        user_agent: UserAgent,
        probe: Probe,
        leading: Callable[[], bool],
        figures: Callable[[str], TrunkFigures | None] = lambda trunk_id: None,
        targets: TrunkTargets | None = None,
        contacts: Callable[[str], tuple[RegisteredStatus, ...] | None] = lambda trunk_id: None,
    ) -> None:
        super().__init__("trunk-watch")
        self._contacts = contacts
        self._figures = figures
        self._targets = targets
        self._trunks = trunks
        self._user_agent = user_agent
        self._probe = probe
        self._leading = leading
        self._watched: dict[str, _Watched] = {}

    def status(self, trunk_id: str) -> TrunkStatus:
        """What is known of a trunk."""
        watched = self._watched.get(trunk_id)
        if watched is None:
            return TrunkStatus(
                figures=self._figures(trunk_id),
                targets=self._target_states(trunk_id),
                contacts=self._contacts(trunk_id),
            )
        registrar = watched.registrar
        registration = None if registrar is None else registrar.status
        return TrunkStatus(
            registration,
            watched.probed,
            self._figures(trunk_id),
            self._target_states(trunk_id),
            self._contacts(trunk_id),
        )

    def targets(self) -> dict[str, dict[TargetState, int]]:
        """Of each trunk that calls go out over, how many of its targets are in which state."""
        found: dict[str, dict[TargetState, int]] = {}
        for trunk in self._trunks():
            if trunk.outbound is not None and trunk.enabled:
                states = [one.state for one in self._states_of(trunk)]
                found[trunk.id] = {state: states.count(state) for state in TargetState}
        return found

    def _target_states(self, trunk_id: str) -> tuple[TargetStatus, ...]:
        return next((self._states_of(one) for one in self._trunks() if one.id == trunk_id), ())

    def _states_of(self, trunk: Trunk) -> tuple[TargetStatus, ...]:
        if self._targets is None or trunk.outbound is None:
            return ()
        states = self._targets.states
        return tuple(states.status(trunk.id, one) for one in targets_of(trunk.outbound))

    def count(self, state: RegistrationState) -> int:
        """Trunks whose registration is in this state."""
        return sum(
            each.registrar is not None and each.registrar.status.state is state
            for each in self._watched.values()
        )

    def registered(self) -> dict[str, bool]:
        """Of each trunk that this node registers, whether its registration stands."""
        return {
            trunk_id: each.registrar.status.state is RegistrationState.REGISTERED
            for trunk_id, each in self._watched.items()
            if each.registrar is not None and each.registrar.status.state is not RegistrationState.ELSEWHERE
        }

    def reachable(self) -> dict[str, bool]:
        """Of each trunk that was asked by OPTIONS, whether the newest was answered as it should be."""
        return {trunk_id: each.probed.up for trunk_id, each in self._watched.items() if each.probed}

    @property
    def unreachable(self) -> int:
        """Trunks that the newest probe did not find, or that refused our credentials."""
        return sum(each.probed is not None and not each.probed.up for each in self._watched.values())

    async def close(self) -> None:
        """Take every registration back."""
        await super().close()
        watched, self._watched = list(self._watched.values()), {}
        await asyncio.gather(*(each.stop() for each in watched))

    async def _run(self) -> None:
        while True:
            await self._take_up()
            await asyncio.sleep(LOOK_S)

    async def _take_up(self) -> None:
        """Begin with what is new, end what is gone, and both for what has changed."""
        wanted = {trunk.id: trunk for trunk in self._trunks() if _is_watched(trunk)}
        for trunk_id, watched in list(self._watched.items()):
            if wanted.get(trunk_id) != watched.trunk:
                del self._watched[trunk_id]
                await watched.stop()
        for trunk_id, trunk in wanted.items():
            if trunk_id not in self._watched and trunk.outbound is not None:
                registrar = None
                if trunk.outbound.registration is not None:
                    registrar = TrunkRegistrar(trunk, self._user_agent, self._leading, self._targets)
                self._watched[trunk_id] = _Watched(
                    trunk, trunk.outbound, registrar, self._probe, self._targets
                )


def _is_watched(trunk: Trunk) -> bool:
    outbound = trunk.outbound
    return (
        trunk.enabled
        and outbound is not None
        and (outbound.registration is not None or outbound.probe_interval > 0)
    )
