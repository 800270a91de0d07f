"""A trunk's digest user: what is kept of his password, and who he is to the user agent."""

from __future__ import annotations

from sip.digest_server import DigestAccount
from store.records import Trunk, TrunkDigest


def kept_digest(username: str, password: str) -> TrunkDigest:
    """The hashes that stand for the password from now on."""
    account = DigestAccount.of(username, password)
    return TrunkDigest(username, account.ha1_sha256, account.ha1_md5)


def digest_account(trunk: Trunk | None) -> DigestAccount | None:
    """Whom a trunk challenges; None for a trunk that challenges nobody."""
    digest = None if trunk is None or trunk.inbound is None else trunk.inbound.digest
    return None if digest is None else DigestAccount(digest.username, digest.ha1_sha256, digest.ha1_md5)
