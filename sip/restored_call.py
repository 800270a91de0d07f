"""RestoredCall: a call that another user agent, or an earlier run of this one, had established.

It begins where that one stopped: a re-INVITE tells the peer where we are now (RFC 3261 section 14.1).
"""

from __future__ import annotations

from sip.call import Call
from sip.call_context import CallContext
from sip.call_listener import CallListener, CallState, Credentials
from sip.call_policy import CallPolicy
from sip.dialog_snapshot import DialogSnapshot, restored_dialog
from sip.flow import Flow
from sip.message import Request, response_to
from sip.server_transaction import ServerTransaction


class RestoredCall(Call):
    """An established call of either direction."""

    def __init__(
        self,
        context: CallContext,
        snapshot: DialogSnapshot,
        flow: Flow,
        listener: CallListener,
        credentials: Credentials | None,
        policy: CallPolicy,
    ) -> None:
        """Raises `SnapshotError`."""
        dialog = restored_dialog(snapshot)
        super().__init__(context, snapshot.call_id, flow, snapshot.user, credentials, policy)
        self.listener = listener
        self.owns_call_id = snapshot.owns_call_id
        self.peer_updates = snapshot.peer_updates
        self.local_tag = snapshot.local_tag
        self.dialog = dialog
        self.state = CallState.ESTABLISHED
        context.dialog_created(dialog, self)
        if snapshot.interval is not None:
            self.session_timer.resume(snapshot.interval, snapshot.refreshes, context.clock())

    def hang_up(self, reason: str | None = None) -> None:
        """BYE."""
        if self.state is CallState.ESTABLISHED:
            now = self.context.clock()
            self._bye_reason = reason
            self._end("local", None, now)
            self._send_bye(now)

    @property
    def local_tag_for_answers(self) -> str | None:
        """None: every request of the peer's has our tag."""
        return None

    def _refuse_early_offer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """Never asked for: the call was never early here."""
        transaction.respond(response_to(request, 491), now)
