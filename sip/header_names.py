"""Header names: one spelling each, compact forms expanded (RFC 3261 section 7.3.3, IANA registry)."""

from __future__ import annotations

from sip.grammar import is_token

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_KNOWN = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Authentication-Info",
    "Authorization",
    "Call-Info",
    "Content-Disposition",
    "Content-Language",
    "CSeq",
    "Date",
    "Diversion",
    "Error-Info",
    "Expires",
    "Geolocation",
    "Heartbeat",
    "History-Info",
    "In-Reply-To",
    "Join",
    "Max-Forwards",
    "MIME-Version",
    "Min-Expires",
    "Min-SE",
    "Organization",
    "P-Access-Network-Info",
    "P-Asserted-Identity",
    "P-Associated-URI",
    "P-Called-Party-ID",
    "P-Charging-Vector",
    "P-Early-Media",
    "P-Preferred-Identity",
    "Path",
    "Priority",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "Reason",
    "Record-Route",
    "Refer-Sub",
    "Remote-Party-ID",
    "Replaces",
    "Reply-To",
    "Require",
    "Retry-After",
    "Route",
    "RSeq",
    "Security-Client",
    "Security-Server",
    "Server",
    "Service-Route",
    "Session-ID",
    "SIP-ETag",
    "SIP-If-Match",
    "Subscription-State",
    "Target-Dialog",
    "Timestamp",
    "Unsupported",
    "User-Agent",
    "Warning",
    "WWW-Authenticate",
)

# What unknown names are remembered for is speed; a peer that invents names must not grow the table.
_CACHE_LIMIT = 2048

_canonical: dict[str, str] = {}
for _name in (*_KNOWN, *_COMPACT.values()):
    _canonical[_name] = _canonical[_name.lower()] = _canonical[_name.upper()] = _name
for _short, _name in _COMPACT.items():
    _canonical[_short] = _canonical[_short.upper()] = _name

#: The canonical name by the spellings seen so far, for the parser's loop; a miss is no verdict, ask
#: `canonical_name`.
CANONICAL_BY_SPELLING = _canonical


def canonical_name(name: str) -> str:
    """The canonical spelling of header `name`, any case or compact form; unknown names get capitalised words.

    Raises ValueError when `name` is not a token.
    """
    found = _canonical.get(name)
    if found is not None:
        return found
    if not is_token(name):
        raise ValueError("not a header name")
    lower = name.lower()
    found = _canonical.get(lower) or "-".join(word.capitalize() for word in lower.split("-"))
    if len(_canonical) < _CACHE_LIMIT:
        _canonical[name] = found
    return found
