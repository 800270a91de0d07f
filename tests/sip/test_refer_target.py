"""Whom a REFER means (RFC 3515 section 2.1, RFC 3891 section 6)."""

from __future__ import annotations

import pytest

from sip.errors import ParseError
from sip.extension_headers import Replaces
from sip.refer_target import refer_target
from tests.support.sip_endpoint_harness import peer_request


def test_a_plain_target() -> None:
    target = refer_target(
        peer_request(
            "REFER",
            headers=(
                ("Refer-To", '"Desk" <sip:1002@pbx.example.com:5070;transport=tcp>'),
                ("b", "<sip:1001@pbx>"),
            ),
        )
    )
    assert str(target.uri) == "sip:1002@pbx.example.com:5070;transport=tcp"
    assert target.replaces is None
    assert target.referred_by == "<sip:1001@pbx>"


@pytest.mark.parametrize(
    "value",
    [
        "<sip:1002@pbx?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>",
        # Not escaped, as some write it.
        "<sip:1002@pbx?Replaces=12345@192.168.118.3;to-tag=12345;from-tag=5FFE-3994>",
        "<sip:1002@pbx?replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994&Require=replaces>",
    ],
)
def test_the_dialog_to_replace_is_taken_out_of_the_uri(value: str) -> None:
    target = refer_target(peer_request("REFER", headers=(("Refer-To", value),)))
    assert str(target.uri) == "sip:1002@pbx"
    assert target.replaces == Replaces("12345@192.168.118.3", "12345", "5FFE-3994")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 400),
        ((("Refer-To", "<sip:a@b>"), ("Refer-To", "<sip:c@d>")), 400),
        ((("Refer-To", "<sip:"),), 400),
        ((("Refer-To", "<http://example.com/>"),), 416),
        ((("Refer-To", "<sip:a@b;method=BYE>"),), 400),
        ((("Refer-To", "<sip:a@b?Replaces=x>"),), 400),
        ((("Refer-To", "<sip:a@b?Replaces=x%0d%0aX-Evil:1%3Bto-tag%3D1%3Bfrom-tag%3D2>"),), 400),
        ((("Refer-To", f"<sip:{'a' * 600}@b>"),), 400),
    ],
)
def test_what_cannot_be_called_is_refused(headers: tuple[tuple[str, str], ...], status: int) -> None:
    with pytest.raises(ParseError) as caught:
        refer_target(peer_request("REFER", headers=headers))
    assert caught.value.status == status
