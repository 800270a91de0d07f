"""Refer-To with Replaces (RFC 3891, RFC 5589)."""

from __future__ import annotations

import pytest

from sip.attended_referral import replacing_uri
from sip.dialog import Dialog, DialogId
from sip.uri import SipUri


@pytest.mark.parametrize(
    ("target", "before"),
    [
        ("sip:desk@192.0.2.7:5070;transport=tcp", "?"),
        ("sip:desk@192.0.2.7?Subject=x", "&"),
    ],
)
def test_the_target_knows_the_dialog_by_its_own_tag_first(target: str, before: str) -> None:
    dialog = Dialog(
        DialogId("a b@192.0.2.1", "ours", "theirs"),
        local_address="<sip:us@192.0.2.1>;tag=ours",
        remote_address="<sip:desk@192.0.2.7>;tag=theirs",
        remote_target=target,
        route_set=(),
        local_cseq=1,
        remote_cseq=None,
        confirmed=True,
    )
    uri = replacing_uri(dialog)
    assert uri == f"{target}{before}Replaces=a%20b%40192.0.2.1%3Bto-tag%3Dtheirs%3Bfrom-tag%3Dours"
    assert SipUri.parse(uri).header("replaces") == "a b@192.0.2.1;to-tag=theirs;from-tag=ours"
