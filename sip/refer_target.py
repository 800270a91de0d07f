"""Whom a REFER means: the URI in its Refer-To, and what the headers in that URI want of the INVITE to it (RFC
3515 section 2.1, RFC 3891 section 6).
"""

from __future__ import annotations

from dataclasses import dataclass

from sip.errors import ParseError
from sip.extension_headers import Replaces
from sip.headers import NameAddr
from sip.message import Request
from sip.uri import SipUri

LONGEST_URI = 512


@dataclass(frozen=True, slots=True)
class ReferTarget:
    """`uri` has no headers any more; `replaces` is the dialog there that our INVITE is to take the place of.
    `referred_by` is the Referred-By header (RFC 3892) as it came.
    """

    uri: SipUri
    replaces: Replaces | None = None
    referred_by: str | None = None


def refer_target(request: Request) -> ReferTarget:
    """Read a REFER. Raises ParseError: 400 for what cannot be read or is there twice, 416 for a URI that no
    INVITE can be sent to.
    """
    values = request.get_all("Refer-To")
    if len(values) != 1:
        raise ParseError("More Than One Refer-To" if values else "Missing Refer-To")
    uri = NameAddr.parse(values[0]).uri
    if uri.scheme not in ("sip", "sips", "tel"):
        raise ParseError("Unsupported URI Scheme", status=416)
    if uri.parameters.get("method", "INVITE") != "INVITE" or len(values[0]) > LONGEST_URI * 2:
        raise ParseError("Unsupported Refer-To")
    wanted = uri.header("Replaces")
    target = uri.as_request_uri()
    if len(str(target)) > LONGEST_URI:
        raise ParseError("Unsupported Refer-To")
    return ReferTarget(target, None if wanted is None else Replaces.parse(wanted), request.get("Referred-By"))
