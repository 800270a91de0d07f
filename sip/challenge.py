"""Answering the 401 and 407 to one request of ours (RFC 3261 section 22).

A proxy and the far end may each ask for credentials, one after the other, and a nonce may have gone stale;
credentials that were refused are not tried again, because some servers lock an account for that.
"""

from __future__ import annotations

from sip.call_listener import Credentials
from sip.digest import Challenge, DigestClient, choose, is_refusal, parse_challenges
from sip.errors import DigestError, ParseError
from sip.message import Response

MAXIMUM_ATTEMPTS = 3
"""How often one request is made again: a proxy, the far end, and one stale nonce."""

_HEADERS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


class Authenticator:
    """The credentials of one request over its attempts. Without `credentials` it never has an answer."""

    __slots__ = ("_attempts", "_challenges", "_client", "_sent")

    def __init__(self, credentials: Credentials | None) -> None:
        self._client = (
            None if credentials is None else DigestClient(credentials.username, credentials.password)
        )
        self._challenges: dict[str, Challenge] = {}
        self._sent: dict[str, str] = {}
        self._attempts = 0

    def take(self, response: Response) -> bool:
        """Note the challenge in a final answer; True when the request is worth another attempt."""
        names = _HEADERS.get(response.status)
        if names is None or self._client is None or self._attempts >= MAXIMUM_ATTEMPTS:
            return False
        asked, answered = names
        try:
            challenge = choose(parse_challenges(response.get_all(asked)))
        except (DigestError, ParseError):
            return False
        if challenge is None or is_refusal(challenge, self._sent.get(answered)):
            return False
        self._attempts += 1
        self._challenges[answered] = challenge
        return True

    def headers(self, method: str, uri: str, body: bytes = b"") -> list[tuple[str, str]]:
        """The Authorization and Proxy-Authorization headers for the next attempt."""
        client = self._client
        if client is None:
            return []
        for name, challenge in self._challenges.items():
            self._sent[name] = client.authorization(challenge, method, uri, body)
        return list(self._sent.items())
