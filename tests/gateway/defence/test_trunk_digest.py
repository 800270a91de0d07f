from __future__ import annotations

from gateway.defence.trunk_digest import kept_digest
from sip.digest_server import DigestAccount


def test_of_a_password_only_its_hashes_are_kept() -> None:
    kept = kept_digest("pbx", "correct horse")
    account = DigestAccount.of("pbx", "correct horse")
    assert (kept.username, kept.ha1_sha256, kept.ha1_md5) == ("pbx", account.ha1_sha256, account.ha1_md5)
    assert "correct" not in repr(kept)
    assert kept.ha1_md5 not in repr(kept)
