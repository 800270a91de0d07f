"""Who has registered with us: one address of record for each trunk, whose digest user may register.

The gate has asked for the password; here the trunk's settings decide. What is registered is in memory, and
written behind for the next start (`gateway.registrar.keeping`).
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry, Counter

from gateway.refused_invites import Refused, RefusedInvites
from gateway.registrar.status import RegisteredStatus, registered_status
from sip.binding import Binding
from sip.flow import Flow
from sip.identifiers import new_tag
from sip.message import Request, Response, response_to
from sip.registrar import Registrar, RegistrarPolicy
from store.records import Trunk, TrunkDigest
from store.registrar_records import InboundRegistrar

log = structlog.get_logger(__name__)


class RegistrarMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "trunkline_registrar_requests",
            "REGISTER requests that showed the password: taken, or refused.",
            ["outcome"],
            registry=registry,
        )
        self.displaced = Counter(
            "trunkline_registrar_displaced",
            "Contacts that gave way to newer ones, as max_contacts demands.",
            registry=registry,
        )


class Registrations:
    """All trunks' (`sip.registrations.Registrations`)."""

    def __init__(
        self,
        trunk: Callable[[str], Trunk | None],
        refused: RefusedInvites,
        metrics: RegistrarMetrics,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._trunk = trunk
        self._refused = refused
        self._metrics = metrics
        self.registrar = Registrar(clock)
        self._shown: dict[str, TrunkDigest] = {}  # whose password the registrations of a trunk were made with
        self._sources: dict[str, frozenset[tuple[str, str, int]]] = {}
        self._trunks_at: dict[tuple[str, str, int], set[str]] = {}
        self.changed: set[str] = set()
        """Trunks whose registrations are not kept yet as they are."""

    def __len__(self) -> int:
        return len(self.registrar)

    def contacts(self, trunk_id: str) -> tuple[Binding, ...]:
        """Who is registered for a trunk, the best first."""
        return self.registrar.bindings(trunk_id)

    def status(self, trunk_id: str) -> tuple[RegisteredStatus, ...] | None:
        """The same for people; None where nobody may register."""
        if registrar_of(self._trunk(trunk_id)) is None:
            return None
        return tuple(map(registered_status, self.contacts(trunk_id)))

    def register(
        self, request: Request, identity: str | None, flow: Flow, source: tuple[str, int]
    ) -> Response | None:
        """Take a REGISTER; None without an identity: no trunk has a digest user, so that nobody can."""
        trunk = None if identity is None else self._trunk(identity)
        if trunk is None:
            return None
        settings = registrar_of(trunk)
        if settings is None or trunk.inbound is None or trunk.inbound.digest is None:
            return self._turn_away(trunk, request, source)
        policy = RegistrarPolicy(
            settings.max_contacts, settings.min_expires, settings.max_expires, settings.max_expires
        )
        if self._shown.get(trunk.id, trunk.inbound.digest) != trunk.inbound.digest:
            self.registrar.forget(trunk.id)  # before `tidy` came to it
            self._note_change(trunk.id)
        before = {one.contact for one in self.contacts(trunk.id)}
        taken = self.registrar.register(request, trunk.id, policy, flow, source)
        status = taken.response.status
        self._metrics.requests.labels("taken" if status < 300 else "refused").inc()
        self._metrics.displaced.inc(taken.displaced)
        if status >= 400 and status != 423:
            self._note(
                trunk,
                request,
                source,
                status,
                "registration_malformed" if status != 503 else "registrar_full",
                f"A REGISTER for the trunk {trunk.name!r} was refused: {status} {taken.response.reason}.",
                "Look at the messages of its Call-ID; inbound.registrar.max_contacts bounds the Contacts.",
            )
        if taken.changed:
            self._shown[trunk.id] = trunk.inbound.digest
            self._note_change(trunk.id, before)
        return taken.response

    def flow_lost(self, flow: Flow) -> None:
        """A connection is closed, and with it goes who had registered over it."""
        for trunk_id in self.registrar.flow_lost(flow):
            self._note_change(trunk_id)

    def restore(self, trunk_id: str, bindings: tuple[Binding, ...]) -> None:
        """What was kept, if the trunk still takes registrations."""
        trunk = self._trunk(trunk_id)
        if registrar_of(trunk) is None or trunk is None or trunk.inbound is None:
            return
        if trunk.inbound.digest is not None:
            self._shown[trunk_id] = trunk.inbound.digest
            self.registrar.restore(trunk_id, bindings)
            self._index(trunk_id)

    def credential(self, trunk_id: str) -> str | None:
        """What tells the password that a trunk's user has to show now from every other; None: nobody may
        register.
        """
        trunk = self._trunk(trunk_id)
        if registrar_of(trunk) is None or trunk is None or trunk.inbound is None:
            return None
        return None if trunk.inbound.digest is None else _fingerprint(trunk.inbound.digest)

    def shown_credential(self, trunk_id: str) -> str | None:
        """The same of what was shown for the trunk's registrations."""
        shown = self._shown.get(trunk_id)
        return None if shown is None else _fingerprint(shown)

    def tidy(self) -> None:
        """Drop what has run out, and what its trunk no longer allows: the trunk is gone or disabled, or its
        user or password is another.
        """
        for trunk_id in self.registrar.expire():
            self._note_change(trunk_id)
        for trunk_id in self.registrar.addresses:
            trunk = self._trunk(trunk_id)
            inbound = None if trunk is None else trunk.inbound
            if registrar_of(trunk) is None or inbound is None or inbound.digest != self._shown.get(trunk_id):
                self.registrar.forget(trunk_id)
                self._note_change(trunk_id)

    def trusted_trunk(self, transport: str, source: tuple[str, int]) -> str | None:
        """The trunk whose calls from there need no password, as long as somebody is registered so; None where
        several trunks have registered from one place, which so tells nothing.
        """
        trunk_ids = self._trunks_at.get((transport, *source), set())
        trunk = self._trunk(next(iter(trunk_ids))) if len(trunk_ids) == 1 else None
        settings = registrar_of(trunk)
        if trunk is None or trunk.inbound is None or settings is None or not settings.trust_source:
            return None
        if trunk.inbound.digest != self._shown.get(trunk.id):
            return None
        held = any((one.transport, one.source) == (transport, source) for one in self.contacts(trunk.id))
        return trunk.id if held else None

    def _note_change(self, trunk_id: str, before: set[str] | None = None) -> None:
        self.changed.add(trunk_id)
        self._index(trunk_id)
        held = self.contacts(trunk_id)
        for one in held:
            if before is not None and one.contact not in before:
                log.info("contact_registered", trunk_id=trunk_id, transport=one.transport)
        if not held:
            self._shown.pop(trunk_id, None)
            log.info("nobody_registered", trunk_id=trunk_id)

    def _index(self, trunk_id: str) -> None:
        for key in self._sources.pop(trunk_id, ()):
            self._trunks_at[key].discard(trunk_id)
            if not self._trunks_at[key]:
                del self._trunks_at[key]
        keys = frozenset(
            (one.transport, *one.source)
            for one in self.contacts(trunk_id)
            if one.transport == "udp" or one.flow is not None
        )
        if keys:
            self._sources[trunk_id] = keys
            for key in keys:
                self._trunks_at.setdefault(key, set()).add(trunk_id)

    def _turn_away(self, trunk: Trunk, request: Request, source: tuple[str, int]) -> Response:
        self._metrics.requests.labels("refused").inc()
        self._note(
            trunk,
            request,
            source,
            403,
            "registrar_off",
            f"The user of the trunk {trunk.name!r} may call, but not register.",
            "Set inbound.registrar of the trunk.",
        )
        return response_to(request, 403, to_tag=new_tag())

    def _note(
        self,
        trunk: Trunk,
        request: Request,
        source: tuple[str, int],
        status: int,
        rule: str,
        message: str,
        fix: str,
    ) -> None:
        looked_up = f"inbound.registrar of trunk {trunk.id}"
        self._refused.note(
            Refused(rule, message, status, looked_up, fix, owner=trunk.organization_id), request, source
        )


def _fingerprint(digest: TrunkDigest) -> str:
    text = "\n".join((digest.username, digest.ha1_sha256 or "", digest.ha1_md5 or ""))
    return sha256(text.encode()).hexdigest()


def registrar_of(trunk: Trunk | None) -> InboundRegistrar | None:
    """How a trunk's user may register; None when he may not."""
    if trunk is None or not trunk.enabled or trunk.inbound is None or trunk.inbound.registrar is None:
        return None
    return trunk.inbound.registrar if trunk.inbound.registrar.enabled else None
