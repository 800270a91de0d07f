"""Identifiers we make up: tags, branches, Call-IDs (RFC 3261 sections 8.1.1.4, 8.1.1.7 and 19.3).

All hold at least 64 random bits: a stranger who cannot see our traffic must not guess a dialog.
"""

from __future__ import annotations

from secrets import token_hex

BRANCH_COOKIE = "z9hG4bK"
"""What every branch of RFC 3261 starts with; a branch without it comes from an RFC 2543 element."""


def new_tag() -> str:
    """A From or To tag."""
    return token_hex(8)


def new_branch() -> str:
    """A Via branch, unique over space and time."""
    return BRANCH_COOKIE + token_hex(10)


def new_call_id() -> str:
    """A Call-ID; no host in it, so that it says nothing about where we run."""
    return token_hex(16)
