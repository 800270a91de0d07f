from __future__ import annotations

import pytest

from gateway.defence.scanners import is_scanner


@pytest.mark.parametrize("name", ["friendly-scanner", "SIPVicious 0.3", "sipcli/v1.8", "VaxSIPUserAgent/3.1"])
def test_scanners_are_known_by_what_they_call_themselves(name: str) -> None:
    assert is_scanner(name)


@pytest.mark.parametrize("name", [None, "", "Asterisk PBX 20.1", "FreeSWITCH", "baresip v1.0.0"])
def test_gateways_and_phones_are_none(name: str | None) -> None:
    assert not is_scanner(name)
