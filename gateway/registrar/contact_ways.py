"""The ways to those who have registered for a trunk: over the connection of each, or back to where it came
from, and along its Path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.registrar.registrations import Registrations
from gateway.trunk_address import in_uri
from sip.binding import Binding
from sip.flow import Flow
from sip.uri import SipUri
from sip.user_agent import UserAgent
from store.records import Trunk
from store.registrar_records import ToRegistered

_FINAL = frozenset((401, 403, 407, 484, 487))


class NobodyRegisteredError(OSError):
    """There is nobody to send a call to."""


@dataclass(frozen=True, slots=True)
class ContactWay:
    """One. `flow` is the way itself."""

    contact: str
    flow: Flow
    path: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        return self.flow.host

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.flow.transport}:{in_uri(self.flow.host, self.flow.port)}"

    def request_uri(self, to_user: str | None, said: ToRegistered) -> str:
        """The Contact, or, in place of its user part, whom it is for."""
        uri = SipUri.parse(self.contact).as_request_uri()
        if said is ToRegistered.CONTACT or to_user is None:
            return str(uri)
        parameters = "".join(
            f";{name}" if value is None else f";{name}={value}" for name, value in uri.parameters.items()
        )
        return f"{uri.scheme}:{to_user}@{in_uri(uri.host, uri.port)}{parameters}"

    @property
    def routes(self) -> tuple[tuple[str, str], ...]:
        """The Route headers (RFC 3327 section 5.4)."""
        return tuple(("Route", value) for value in self.path)


FindContacts = Callable[[Trunk], Awaitable[tuple[ContactWay, ...]]]
"""The ways to who has registered for a trunk, at least one. Raises `OSError`."""


def may_go_on(status: int, ways: Sequence[ContactWay]) -> bool:
    """Whether the next Contact is tried after such an answer of the first; not when a person said no, or it
    is about the call and not about the telephone.
    """
    return len(ways) > 1 and status < 600 and status not in _FINAL


class ContactWays:
    """Finds them."""

    def __init__(
        self,
        registrations: Registrations,
        user_agent: UserAgent,
        elsewhere: Callable[[str], Awaitable[list[str]]],
    ) -> None:
        self._registrations = registrations
        self._user_agent = user_agent
        self._elsewhere = elsewhere

    async def find(self, trunk: Trunk) -> tuple[ContactWay, ...]:
        """The best first; at least one. Raises `NobodyRegisteredError`."""
        ways = tuple(filter(None, map(self._way, self._registrations.contacts(trunk.id))))
        if ways:
            return ways
        nodes = await self._elsewhere(trunk.id)
        where = f" here; the node {', '.join(nodes)} has the connection" if nodes else ""
        raise NobodyRegisteredError(f"nobody is registered for the trunk {trunk.name!r}{where}")

    def _way(self, binding: Binding) -> ContactWay | None:
        flow = self._user_agent.way_to(binding)
        return None if flow is None else ContactWay(binding.contact, flow, binding.path)
