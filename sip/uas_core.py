"""What every request is checked for before it may do anything (RFC 3261 section 8.2), and the fixed
answers."""

from __future__ import annotations

from sip.body import session_description
from sip.capabilities import (
    ACCEPT_ENCODING_HEADER,
    ACCEPT_HEADER,
    ALLOW_HEADER,
    ALLOWED_METHODS,
    BY_POLICY,
    KNOWN_METHODS,
    SUPPORTED_EXTENSIONS,
)
from sip.message import Request, Response, response_to

_ALLOWED = frozenset(ALLOWED_METHODS)
_OWN_REFUSAL = {
    # Declined rather than unknown: a PBX that tries a transfer must hear that this call cannot be
    # transferred.
    "REFER": 603,
}


def refusal(request: Request, to_tag: str | None) -> Response | None:
    """The answer to a request that breaks a general rule, in the order of section 8.2, or None.

    `to_tag` None says that the request belongs to a dialog of ours: then Max-Forwards and the Request-URI,
    which held for the dialog's first request, are not looked at. Raises ParseError for a header that cannot
    be read.
    """
    method = request.method
    if method not in _ALLOWED and not (to_tag is None and method in BY_POLICY):
        return _refuse_method(request, to_tag)
    if to_tag is not None:
        if request.uri[:4] != "sip:" and not request.request_uri.is_supported:
            return response_to(request, 416, to_tag=to_tag)
        if request.max_forwards == 0:
            return response_to(request, 483, to_tag=to_tag)
    if request.get("Require") is not None:
        unknown = [tag for tag in request.require if tag not in SUPPORTED_EXTENSIONS]
        if unknown:
            headers = (("Unsupported", ", ".join(unknown)),)
            return response_to(request, 420, to_tag=to_tag, headers=headers)
    if request.body and method in ("INVITE", "UPDATE"):
        return _refuse_body(request, to_tag)
    return None


def _refuse_method(request: Request, to_tag: str | None) -> Response:
    """405 for what SIP knows, 501 for what it does not, both with Allow (section 8.2.1)."""
    method = request.method
    status = _OWN_REFUSAL.get(method) or (405 if method in KNOWN_METHODS else 501)
    return response_to(request, status, to_tag=to_tag, headers=(ALLOW_HEADER,))


def _refuse_body(request: Request, to_tag: str | None) -> Response | None:
    """415 for a body that is needed and cannot be read (section 8.2.3)."""
    encoding = request.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        return response_to(request, 415, to_tag=to_tag, headers=(ACCEPT_ENCODING_HEADER,))
    disposition = request.get("Content-Disposition")
    if session_description(request) is None and not (
        disposition and "handling=optional" in disposition.lower()
    ):
        return response_to(request, 415, to_tag=to_tag, headers=(ACCEPT_HEADER,))
    return None
