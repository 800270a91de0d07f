from __future__ import annotations

import pytest

from gateway.public_address import PrivateAddressError, PublicResolver, is_public


@pytest.mark.parametrize(
    ("literal", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),  # 10.0.0.1 behind NAT64
        ("2002:a00:1::", False),  # 10.0.0.1 by 6to4
        ("64:ff9b:1::a00:1", False),  # 10.0.0.1 behind a network's own NAT64
        ("::ffff:0:a00:1", False),  # 10.0.0.1, translated
        ("::7f00:1", False),  # 127.0.0.1 as it was written once
        ("fec0::1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("name", False),
    ],
)
def test_what_counts_as_public(literal: str, public: bool) -> None:
    assert is_public(literal) is public


async def test_a_name_with_a_private_address_is_not_resolved() -> None:
    with pytest.raises(PrivateAddressError):
        await PublicResolver(allow_private=False).resolve("localhost", 80)


async def test_a_private_address_may_be_allowed() -> None:
    results = await PublicResolver(allow_private=True).resolve("localhost", 80)
    assert results
    assert all(result["port"] == 80 for result in results)
