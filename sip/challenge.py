"""Answering a 401 or 407 to a request of ours (RFC 3261 section 22)."""

from __future__ import annotations

from sip.call_listener import Credentials
from sip.digest import DigestClient
from sip.errors import DigestError, ParseError
from sip.message import Response


def answer_challenge(
    response: Response, credentials: Credentials, method: str, uri: str, body: bytes = b""
) -> tuple[str, str] | None:
    """The Authorization or Proxy-Authorization header that answers `response`; None when we cannot."""
    try:
        return DigestClient(credentials.username, credentials.password).credentials(
            response, method, uri, body
        )
    except (DigestError, ParseError):
        return None
