"""What a REFER names that has a call of ours replaced (RFC 3891, RFC 5589 section 7): the peer of that call,
and the dialog which the new call is to take the place of.
"""

from __future__ import annotations

from urllib.parse import quote

from sip.dialog import Dialog


def replacing_uri(dialog: Dialog) -> str:
    """The URI for Refer-To. `to-tag` is the tag of whoever gets the INVITE (RFC 3891 section 3), which is
    the peer of `dialog`.
    """
    call_id, local_tag, remote_tag = dialog.id
    replaces = f"{call_id};to-tag={remote_tag};from-tag={local_tag}"
    target = dialog.remote_target
    separator = "&" if "?" in target else "?"
    return f"{target}{separator}Replaces={quote(replaces, safe='')}"
