"""The two secrets of a browser's call: the token that lets a page join it once, and the one in the address of
the session that this makes.

Each is the call's id and 256 random bits, so that every node can tell whose call it is; only hashes are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Self

from store.identifiers import parse_identifier

_SECRET_BYTES = 32
MAX_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Credential:
    """What is kept of a secret."""

    digest: bytes

    @classmethod
    def issue(cls, call_id: str) -> tuple[str, Self]:
        """A new secret for this call, and what to keep of it."""
        text = f"{call_id}.{secrets.token_urlsafe(_SECRET_BYTES)}"
        return text, cls(_digest(text))

    def matches(self, text: str) -> bool:
        return hmac.compare_digest(self.digest, _digest(text))


def call_of(text: str) -> str | None:
    """The id of the call that a secret says it is for; None when it cannot be one of ours."""
    if len(text) > MAX_LENGTH or not text.isascii():
        return None
    call_id, dot, secret = text.partition(".")
    if not dot or not secret:
        return None
    parsed = parse_identifier(call_id)
    return parsed if parsed == call_id else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
