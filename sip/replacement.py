"""Which call of ours an INVITE wants to take the place of (Replaces, RFC 3891 section 3).

Whether its sender may do so is the owner's to decide: here is only what the identifiers name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sip.dialog import Dialog, DialogId
from sip.errors import ParseError
from sip.extension_headers import Replaces
from sip.incoming_call import IncomingCall
from sip.message import Request

if TYPE_CHECKING:
    from sip.call import Call


def replaced_call(request: Request, dialogs: Mapping[DialogId, tuple[Dialog, Call]]) -> Call | None:
    """The call whose dialog `request` names; None when it names none, and is a call of its own.

    Raises ParseError with the status of the refusal: 400 for a header that cannot be read or stands there
    twice, 481 when nothing fits, 486 for a dialog that is more than early where only such a one was meant,
    603 for one that is over already.
    """
    values = request.get_all("Replaces")
    if not values:
        return None
    if len(values) > 1:
        raise ParseError("More Than One Replaces")
    replaces = Replaces.parse(values[0])
    entry = _find(replaces, dialogs)
    if entry is None:
        raise ParseError("No Dialog To Replace", status=481)
    dialog, call = entry
    if not dialog.confirmed:
        if isinstance(call, IncomingCall):
            # It rings at our side: there is nothing yet that somebody could pick up.
            raise ParseError("No Dialog To Replace", status=481)
        return call
    if replaces.early_only:
        raise ParseError("Busy Here", status=486)
    if call.is_over:
        raise ParseError("Decline", status=603)
    return call


def _find(replaces: Replaces, dialogs: Mapping[DialogId, tuple[Dialog, Call]]) -> tuple[Dialog, Call] | None:
    """`to-tag` is ours; a `from-tag` of 0 stands for a peer that sends no tags too (section 3)."""
    entry = dialogs.get(DialogId(replaces.call_id, replaces.to_tag, replaces.from_tag))
    if entry is None and replaces.from_tag == "0":
        entry = dialogs.get(DialogId(replaces.call_id, replaces.to_tag, ""))
    return entry
