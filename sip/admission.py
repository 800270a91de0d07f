"""Whether a request may make state here: asked once for each new request, before there is a transaction.

A refusal is answered without keeping anything (RFC 3261 section 8.2.7), or not at all, so that strangers
cost nothing but their packets.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

from sip.message import Request

_KEY = secrets.token_bytes(16)


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may. `identity` is who sent it, as far as that was proved."""

    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """It may not, and is told so."""

    status: int
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """It may not, and hears nothing."""


Verdict: TypeAlias = Admitted | Answered | Dropped
Gate: TypeAlias = Callable[[Request, tuple[str, int]], Verdict]
"""Judges a request and its source. A ParseError leaves the request to those who answer such faults."""

ADMITTED = Admitted()
DROPPED = Dropped()


def stateless_tag(request: Request) -> str:
    """The To tag of a stateless answer: the same for every repetition of the request."""
    text = f"{request.top_via.branch}|{request.call_id}|{request.from_tag}|{request.cseq.number}"
    return blake2b(text.encode("utf-8", "replace"), digest_size=8, key=_KEY).hexdigest()
