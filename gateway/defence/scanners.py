"""Programs that look for open gateways and say so in their User-Agent."""

from __future__ import annotations

SCANNERS = (
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sip-scan",
    "sipscan",
    "sundayddr",
    "iwar",
    "sipsak",
    "sipcli",
    "sipptk",
    "siparmyknife",
    "sivus",
    "smap",
    "vaxsipuseragent",
    "vaxasip",
    "pplsip",
    "eyebeam release 3004",  # a phone of 2006 that nobody but forgers still names
    "scan",
)


def is_scanner(user_agent: str | None) -> bool:
    """Whether the name is one of these. It proves nothing: only strangers are judged by it."""
    if user_agent is None:
        return False
    name = user_agent[:200].lower()
    return any(scanner in name for scanner in SCANNERS)
