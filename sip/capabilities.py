"""What this user agent can do, as it says so in its messages (RFC 3261 sections 8.2, 11.2, 20.5 and
20.37)."""

from __future__ import annotations

ALLOWED_METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK", "NOTIFY")
"""What goes into Allow."""

KNOWN_METHODS = frozenset((*ALLOWED_METHODS, "REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "REFER"))
"""Methods with a registration at IANA: refused with 405, all others with 501 (section 8.2.1)."""

BY_POLICY = frozenset(("REFER", "MESSAGE"))
"""Methods that a call takes where its owner wants them (`sip.call_policy`), and nowhere else."""

RELIABLE = "100rel"
TIMER = "timer"
REPLACES = "replaces"
NO_REFER_SUBSCRIPTION = "norefersub"
SUPPORTED_EXTENSIONS: frozenset[str] = frozenset((RELIABLE, TIMER, REPLACES, NO_REFER_SUBSCRIPTION))
"""Option tags that a Require may name; a call may do without some of them (`sip.call_policy`)."""

ALLOW_HEADER = ("Allow", ", ".join(ALLOWED_METHODS))
ACCEPT_HEADER = ("Accept", "application/sdp, multipart/mixed")
ACCEPT_ENCODING_HEADER = ("Accept-Encoding", "identity")
ACCEPT_LANGUAGE_HEADER = ("Accept-Language", "en")
SUPPORTED_HEADER = ("Supported", ", ".join(sorted(SUPPORTED_EXTENSIONS)))

OPTIONS_HEADERS = (
    ALLOW_HEADER,
    ACCEPT_HEADER,
    ACCEPT_ENCODING_HEADER,
    ACCEPT_LANGUAGE_HEADER,
    SUPPORTED_HEADER,
)
"""What the answer to an OPTIONS lists (section 11.2)."""
