"""What the endpoint asks of whoever keeps registrations."""

from __future__ import annotations

from typing import Protocol

from sip.flow import Flow
from sip.message import Request, Response


class Registrations(Protocol):
    """The owner of a registrar. Called on the event loop."""

    def register(
        self, request: Request, identity: str | None, flow: Flow, source: tuple[str, int]
    ) -> Response | None:
        """Take a REGISTER of `identity`, which the gate has found out; None: there is no registrar. `flow` is
        the way back to `source`. May raise ParseError.
        """
        ...

    def flow_lost(self, flow: Flow) -> None:
        """A connection is closed."""
        ...
