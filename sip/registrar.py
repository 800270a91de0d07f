"""The registrar (RFC 3261 section 10.3): which Contacts an address of record has, and how a REGISTER changes
them. Who may do so has been settled before.

Outbound (RFC 5626): a Contact with `+sip.instance` and `reg-id` takes the place of the one with the same two,
whatever its URI and Call-ID, so that a telephone which connects anew is not there twice. Path (RFC 3327) is
kept with the Contact. A REGISTER counts as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from sip.binding import Binding, best_first
from sip.errors import ParseError
from sip.flow import Flow
from sip.grammar import format_parameters, parse_number, readable
from sip.headers import NameAddr
from sip.identifiers import new_tag
from sip.message import Request, Response, response_to
from sip.uri_comparison import same_uri

SUPPORTED = frozenset(("path", "outbound"))
MALFORMED_EXPIRES_S = 3600  # what a time that cannot be read stands for (section 10.2.1.1)
LONGEST_CONTACT = 512
LONGEST_PATH = 1024
LONGEST_TEXT = 128
MOST_BINDINGS = 20_000
BUSY_RETRY_S = 60


@dataclass(frozen=True, slots=True)
class RegistrarPolicy:
    """For one address of record. A Contact beyond `max_contacts` takes the place of the one that was heard
    from longest ago: a telephone that was restarted must not be locked out by what it was before.
    """

    max_contacts: int = 5
    min_expires: int = 60
    max_expires: int = 3600
    default_expires: int = 3600


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer. `changed`: there are other bindings than before, or they hold longer; `displaced` counts
    those that gave way.
    """

    response: Response
    changed: bool = False
    displaced: int = 0


class _RefusedError(Exception):
    def __init__(self, status: int, reason: str | None = None, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.reason = reason
        self.headers = headers


class Registrar:
    """All bindings, in memory. `clock` gives seconds on the same scale as the bindings' times."""

    def __init__(self, clock: Callable[[], float], *, most_bindings: int = MOST_BINDINGS) -> None:
        self._clock = clock
        self._most_bindings = most_bindings
        self._bindings: dict[str, tuple[Binding, ...]] = {}
        self._connected: dict[Flow, set[str]] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many bindings there are, of which some may have run out unnoticed."""
        return self._count

    def bindings(self, aor: str) -> tuple[Binding, ...]:
        """Those that hold, the best first."""
        now = self._clock()
        return best_first([one for one in self._bindings.get(aor, ()) if one.expires_at > now])

    def register(
        self, request: Request, aor: str, policy: RegistrarPolicy, flow: Flow, source: tuple[str, int]
    ) -> Registered:
        """Take a REGISTER for `aor` that came from `source` on `flow`. May raise ParseError."""
        try:
            return self._register(request, aor, policy, flow, source)
        except _RefusedError as refused:
            return Registered(
                response_to(
                    request, refused.status, refused.reason, to_tag=new_tag(), headers=refused.headers
                )
            )

    def restore(self, aor: str, bindings: Sequence[Binding]) -> None:
        """What was kept from before."""
        self._keep(aor, [*self._bindings.get(aor, ()), *bindings])

    def forget(self, aor: str) -> None:
        """Nobody may register there any more."""
        self._keep(aor, [])

    def flow_lost(self, flow: Flow) -> set[str]:
        """A connection is closed: what could be reached over it alone is gone. The addresses of record that
        this concerns.
        """
        concerned = self._connected.pop(flow, set())
        for aor in concerned:
            self._keep(
                aor,
                [
                    replace(one, flow=None) if one.flow is flow else one
                    for one in self._bindings.get(aor, ())
                    if one.flow is not flow or one.survives_its_connection
                ],
            )
        return concerned

    def expire(self) -> set[str]:
        """Drop what has run out; the addresses of record that this concerns."""
        now = self._clock()
        concerned: set[str] = set()
        for aor, held in list(self._bindings.items()):
            left = [one for one in held if one.expires_at > now]
            if len(left) < len(held):
                concerned.add(aor)
                self._keep(aor, left)
        return concerned

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of record that have any binding."""
        return tuple(self._bindings)

    def _keep(self, aor: str, bindings: Sequence[Binding]) -> None:
        before = self._bindings.get(aor, ())
        self._count += len(bindings) - len(before)
        # Connections come and go far more often than one that somebody has registered over is lost.
        for flow in _connections(before):
            self._connected.get(flow, set()).discard(aor)
            if not self._connected.get(flow, True):
                del self._connected[flow]
        for flow in _connections(bindings):
            self._connected.setdefault(flow, set()).add(aor)
        if bindings:
            self._bindings[aor] = tuple(bindings)
        else:
            self._bindings.pop(aor, None)

    def _register(
        self, request: Request, aor: str, policy: RegistrarPolicy, flow: Flow, source: tuple[str, int]
    ) -> Registered:
        unknown = [tag for tag in request.require if tag not in SUPPORTED]
        if unknown:
            raise _RefusedError(420, None, ("Unsupported", ", ".join(unknown)))
        contacts = request.contacts
        path = tuple(request.values("Path"))
        if sum(map(len, path)) > LONGEST_PATH:
            raise _RefusedError(400, "Path Too Long")
        for value in path:
            _ = NameAddr.parse(value).uri
        _check_text(request.call_id, *path)
        outbound = _uses_outbound(request, contacts, path)
        now = self._clock()
        held = [one for one in self._bindings.get(aor, ()) if one.expires_at > now]
        kept, added = held, list[Binding]()
        if any(contact.is_wildcard for contact in contacts):
            kept = _without_all(request, contacts, held)
        else:
            if len(contacts) > policy.max_contacts:
                raise _RefusedError(403, "Too Many Contacts")
            for contact in contacts:
                new = _binding(request, contact, policy, flow, source, path, outbound, now)
                old = [one for one in kept if _is_same(one, new)]
                _check_order(old, new)
                kept = [one for one in kept if one not in old]
                added = [one for one in added if not _is_same(one, new)]
                if new.expires_at > now:
                    added.append(
                        replace(new, registered_at=min((one.registered_at for one in old), default=now))
                    )
        displaced = max(0, len(kept) + len(added) - policy.max_contacts) if added else 0
        kept = sorted(kept, key=lambda one: one.seen_at)[displaced:]
        if len(self) - len(self._bindings.get(aor, ())) + len(kept) + len(added) > self._most_bindings:
            raise _RefusedError(503, None, ("Retry-After", str(BUSY_RETRY_S)))
        self._keep(aor, [*kept, *added])
        response = self._answer(request, aor, path, outbound, now)
        return Registered(response, bool(added) or len(kept) != len(held), displaced)

    def _answer(
        self, request: Request, aor: str, path: tuple[str, ...], outbound: bool, now: float
    ) -> Response:
        """Every binding with the time it has left (section 10.3, step 8)."""
        headers = [("Contact", _shown(one, now)) for one in self.bindings(aor)]
        headers += [("Path", value) for value in path]
        headers.append(("Supported", ", ".join(sorted(SUPPORTED))))
        if outbound and "outbound" in request.supported:
            headers.append(("Require", "outbound"))
        headers.append(("Date", format_datetime(datetime.now(UTC), usegmt=True)))
        return response_to(request, 200, to_tag=new_tag(), headers=headers)


def _uses_outbound(request: Request, contacts: Sequence[NameAddr], path: tuple[str, ...]) -> bool:
    """Whether reg-id counts (RFC 5626 section 6): the first hop has to keep the flow, be it us or a proxy
    that says so by `ob`.
    """
    if all("reg-id" not in contact.parameters for contact in contacts):
        return False
    if len(request.vias) == 1 or (path and "ob" in NameAddr.parse(path[-1]).uri.parameters):
        return True
    if "outbound" in request.supported:
        raise _RefusedError(439)
    return False


def _without_all(request: Request, contacts: Sequence[NameAddr], held: Sequence[Binding]) -> list[Binding]:
    """`Contact: *` stands alone, and only to remove (section 10.3, step 6)."""
    if len(contacts) > 1 or request.get("Expires") is None or request.expires != 0:
        raise _RefusedError(400, "Contact * Needs Expires 0 And Nothing Beside It")
    for one in held:
        if one.call_id == request.call_id and one.cseq >= request.cseq.number:
            raise _RefusedError(500, "CSeq Out Of Order")
    return []


def _binding(
    request: Request,
    contact: NameAddr,
    policy: RegistrarPolicy,
    flow: Flow,
    source: tuple[str, int],
    path: tuple[str, ...],
    outbound: bool,
    now: float,
) -> Binding:
    if len(contact.uri_text) > LONGEST_CONTACT:
        raise _RefusedError(400, "Contact Too Long")
    if contact.uri.scheme not in ("sip", "sips"):
        raise _RefusedError(400, "Contact Is No SIP URI")
    _check_text(contact.uri_text, contact.parameters.get("+sip.instance") or "")
    expires = _expires(request, contact, policy)
    if 0 < expires < policy.min_expires:
        raise _RefusedError(423, None, ("Min-Expires", str(policy.min_expires)))
    instance = contact.parameters.get("+sip.instance")
    return Binding(
        contact=contact.uri_text,
        call_id=request.call_id,
        cseq=request.cseq.number,
        expires_at=now + min(expires, policy.max_expires),
        registered_at=now,
        seen_at=now,
        transport=flow.transport,
        source=source,
        flow=flow,
        path=path,
        q=_quality(contact),
        instance=instance[:LONGEST_TEXT] if instance else None,
        reg_id=_reg_id(contact) if outbound and instance else None,
        user_agent=readable(request.get("User-Agent") or "")[:LONGEST_TEXT] or None,
    )


def _check_text(*texts: str) -> None:
    """Bytes that are no text can be neither kept nor shown."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise _RefusedError(400, "Not UTF-8") from None


def _connections(bindings: Sequence[Binding]) -> set[Flow]:
    """The flows that can be lost."""
    return {one.flow for one in bindings if one.flow is not None and one.flow.reliable}


def _expires(request: Request, contact: NameAddr, policy: RegistrarPolicy) -> int:
    """Of the Contact, else of the header, else the default."""
    for text in (contact.parameters.get("expires"), request.get("Expires")):
        if text is not None:
            try:
                return parse_number(text, "Expires")
            except ParseError:
                return MALFORMED_EXPIRES_S
    return policy.default_expires


def _quality(contact: NameAddr) -> float | None:
    """A q between 0 and 1 with three digits at most (section 25.1); any other says nothing."""
    text = contact.parameters.get("q") or ""
    whole, _, fraction = text.partition(".")
    if whole not in ("0", "1") or len(fraction) > 3 or (fraction and not (fraction + "0").isdecimal()):
        return None
    return min(1.0, int(whole) + (int(fraction.ljust(3, "0")) / 1000 if fraction.isascii() else 0))


def _reg_id(contact: NameAddr) -> int | None:
    try:
        return parse_number(contact.parameters.get("reg-id") or "", "reg-id", 2**31 - 1)
    except ParseError:
        return None


def _is_same(old: Binding, new: Binding) -> bool:
    if old.reg_id is not None and new.reg_id is not None:
        return (old.instance, old.reg_id) == (new.instance, new.reg_id)
    return same_uri(old.contact, new.contact)


def _check_order(old: Sequence[Binding], new: Binding) -> None:
    """Within one Call-ID only what is newer counts (section 10.3, step 7)."""
    if any(one.call_id == new.call_id and one.cseq >= new.cseq for one in old):
        raise _RefusedError(500, "CSeq Out Of Order")


def _shown(binding: Binding, now: float) -> str:
    parameters: dict[str, str | None] = {"expires": str(max(1, round(binding.expires_at - now)))}
    if binding.q is not None:
        parameters["q"] = f"{binding.q:g}"
    if binding.instance is not None:
        parameters["+sip.instance"] = binding.instance
    if binding.reg_id is not None:
        parameters["reg-id"] = str(binding.reg_id)
    return f"<{binding.contact}>{format_parameters(parameters)}"
