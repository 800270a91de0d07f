"""What must be known of an established call so that another user agent can go on with it (RFC 3261 section
12.2): the dialog, its session timer and the way to the peer.

A snapshot is plain data without secrets, and what comes back from where it was kept is not trusted: a
`SnapshotError` tells of one that makes no dialog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sip.dialog import Dialog, DialogId
from sip.errors import SipError
from sip.headers import NameAddr
from sip.uri import SipUri

if TYPE_CHECKING:
    from sip.call import Call

CSEQ_MARGIN = 10_000
"""How far above the number in the snapshot a restored dialog goes on: requests sent since the snapshot was
taken need not be written down each. At a refresh every 45 s they are used up after five days.
"""

_MAXIMUM_CSEQ = 2**31 - 1
_WEB_SOCKETS = ("ws", "wss")


class SnapshotError(Exception):
    """The snapshot makes no dialog."""


class DialogSnapshot(msgspec.Struct, frozen=True):
    """`host` and `port` are where the peer's messages came from, or went to; `accepted` says that the peer
    had opened the connection. `user` is that of our Contact. `interval` (seconds) and `refreshes` (whether
    it is we who do) are the session timer's, where there is one.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local_address: str
    remote_address: str
    remote_target: str
    route_set: tuple[str, ...]
    local_cseq: int
    remote_cseq: int | None
    transport: str
    host: str
    port: int
    accepted: bool
    user: str
    owns_call_id: bool
    peer_updates: bool
    interval: int | None = None
    refreshes: bool = False


def dialog_snapshot(call: Call) -> DialogSnapshot | None:
    """The call as it is now; None for one that only the connection at hand can reach, a WebSocket."""
    dialog, flow = call.established_dialog, call.flow
    if flow.transport in _WEB_SOCKETS:
        return None
    timer = call.session_timer
    return DialogSnapshot(
        call_id=dialog.id.call_id,
        local_tag=dialog.id.local_tag,
        remote_tag=dialog.id.remote_tag,
        local_address=dialog.local_address,
        remote_address=dialog.remote_address,
        remote_target=dialog.remote_target,
        route_set=dialog.route_set,
        local_cseq=dialog.local_cseq,
        remote_cseq=dialog.remote_cseq,
        transport=flow.transport,
        host=flow.host,
        port=flow.port,
        accepted=flow.accepted,
        user=call.user,
        owns_call_id=call.owns_call_id,
        peer_updates=call.peer_updates,
        interval=timer.interval,
        refreshes=timer.refreshes,
    )


def restored_dialog(snapshot: DialogSnapshot) -> Dialog:
    """The dialog, confirmed, with a CSeq above every one that may have been used. Raises `SnapshotError`."""
    try:
        SipUri.parse(snapshot.remote_target)
        local = NameAddr.parse(snapshot.local_address)
        remote = NameAddr.parse(snapshot.remote_address)
        for route in snapshot.route_set:
            NameAddr.parse(route)
        dialog = Dialog(
            DialogId(snapshot.call_id, snapshot.local_tag, snapshot.remote_tag),
            local_address=snapshot.local_address,
            remote_address=snapshot.remote_address,
            remote_target=snapshot.remote_target,
            route_set=snapshot.route_set,
            local_cseq=snapshot.local_cseq + CSEQ_MARGIN,
            remote_cseq=snapshot.remote_cseq,
            confirmed=True,
        )
        # A line break anywhere would let the snapshot write headers of its own.
        dialog.new_ack(0).serialise()
    except SipError as error:
        raise SnapshotError(f"the dialog cannot be read: {error}") from error
    if not 0 <= snapshot.local_cseq <= _MAXIMUM_CSEQ - 2 * CSEQ_MARGIN:
        raise SnapshotError("the CSeq is out of range")
    if local.tag != snapshot.local_tag or (remote.tag or "") != snapshot.remote_tag:
        raise SnapshotError("the tags do not fit the addresses")
    if not snapshot.local_tag or not snapshot.call_id:
        raise SnapshotError("a dialog without an identity")
    return dialog


def way_port(snapshot: DialogSnapshot) -> int:
    """The peer's port to go to. A connection that it had opened came from a port at which it does not listen:
    then the one of the next hop, which is where such a peer can be reached, if anywhere. Raises
    `SnapshotError`.
    """
    if not snapshot.accepted:
        return snapshot.port
    try:
        route = snapshot.route_set[0] if snapshot.route_set else f"<{snapshot.remote_target}>"
        uri = NameAddr.parse(route).uri
    except SipError as error:
        raise SnapshotError(f"the next hop cannot be read: {error}") from error
    return uri.port or (5061 if snapshot.transport == "tls" else 5060)
