"""A request of ours inside a dialog other than INVITE: BYE, INFO (RFC 3261 sections 12.2.1 and 22.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sip.call_context import CallContext, via_value
from sip.call_listener import Credentials
from sip.challenge import Authenticator
from sip.dialog import Dialog
from sip.flow import Flow
from sip.identifiers import new_branch
from sip.message import Response

FinalHandler = Callable[[int, Response | None, float], None]
"""Called with the final status, its response (None for a local 408 or 503) and the time."""


class InDialogRequest:
    """One request and, when it is challenged, its repetition with credentials; `on_final` is called once."""

    __slots__ = (
        "_authenticator",
        "_body",
        "_context",
        "_dialog",
        "_flow",
        "_headers",
        "_method",
        "_on_final",
    )

    def __init__(
        self,
        context: CallContext,
        dialog: Dialog,
        flow: Flow,
        credentials: Credentials | None,
        on_final: FinalHandler,
    ) -> None:
        self._context = context
        self._dialog = dialog
        self._flow = flow
        self._authenticator = Authenticator(credentials)
        self._on_final = on_final
        self._method = ""
        self._headers: Sequence[tuple[str, str]] = ()
        self._body = b""

    def send(
        self, method: str, now: float, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        """Send the request with `headers`, which name the type of a `body`, added."""
        self._method = method
        self._headers = headers
        self._body = body
        self._transmit(now)

    def on_response(self, response: Response, now: float) -> None:
        """Provisional answers say nothing here; a challenge is answered."""
        if response.status < 200:
            return
        if self._authenticator.take(response):
            self._transmit(now)
        else:
            self._on_final(response.status, response, now)

    def on_timeout(self, now: float) -> None:
        """Timer F."""
        self._on_final(408, None, now)

    def on_transport_error(self, now: float) -> None:
        """Not sendable."""
        self._on_final(503, None, now)

    def _transmit(self, now: float) -> None:
        flow = self._context.flow_for(self._dialog, self._flow)
        request = self._dialog.new_request(self._method)
        for name, value in (*self._headers, *self._authenticator.headers(self._method, request.uri)):
            request.add(name, value)
        request.body = self._body
        branch = new_branch()
        request.insert_first("Via", via_value(flow, branch))
        self._context.transactions.send_request(request, branch, flow, self, now)
