"""Calls that are signed rightly, wrongly and not at all, with certificates from a real web server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography import x509

from gateway.stir import certificates as kept_certificates
from gateway.stir.certificates import SigningCertificates
from gateway.stir.verification import Verdict, Verification, Verifier
from tests.gateway.stir.signer import Repository, claims, identity, repository
from tests.support.certificates import Authority, Pair

NOW = 1_700_000_000
CALLER, CALLED = "+12155551212", "+12355551212"


class Office:
    """A verifier, an authority that it believes, and where certificates are published."""

    def __init__(self, published: Repository, **options: Any) -> None:
        self.published = published
        self.authority = Authority("STI-CA")
        self.pair: Pair = self.authority.sign("carrier.example.com")
        self.url = published.publish("/a.pem", self.pair.certificate)
        self.time = 0.0
        anchors = x509.load_pem_x509_certificates(self.authority.pem.encode())
        settings: dict[str, Any] = {"fetch_timeout_s": 2.0, "allow_private": True} | options
        certificates = SigningCertificates(anchors, clock=lambda: self.time, **settings)
        self.verifier = Verifier(certificates, max_age_s=60, timeout_s=1.0, now=lambda: NOW)

    async def verify(self, *values: str, callers: set[str] | None = None) -> Verification:
        return await self.verifier.verify(list(values), callers=callers or {CALLER}, called={CALLED, ""})

    def signed(self, **changes: Any) -> str:
        told = {"caller": CALLER[1:], "called": CALLED[1:], "now": NOW} | changes
        return identity(self.pair, self.url, claims(**told))


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    with repository() as published:
        made = Office(published)
        yield made
        await made.verifier.close()


async def test_a_call_that_is_signed_rightly_is_verified_and_its_certificate_kept(office: Office) -> None:
    for attestation in ("A", "B", "C"):
        found = await office.verify(office.signed(attest=attestation))
        assert found == Verification(Verdict.VERIFIED, attestation)
    assert found.variables() == {
        "caller_verification": "verified",
        "caller_attestation": "C",
        "caller_verification_reason": "",
    }
    assert office.published.asked == ["/a.pem"]
    office.time += kept_certificates.KEPT_S
    assert (await office.verify(office.signed())).verdict is Verdict.VERIFIED
    assert office.published.asked == ["/a.pem"] * 2


async def test_a_call_that_nobody_signed_is_told_from_a_bad_one(office: Office) -> None:
    found = await office.verify()
    assert (found.verdict, found.status) == (Verdict.NONE, 428)


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"now": NOW - 61}, 403, "old"),
        ({"now": NOW + 61}, 403, "future"),
        ({"caller": "12155550000"}, 438, "another caller"),
        ({"caller": ""}, 438, "another caller"),
        ({"called": "12155550000"}, 438, "another called number"),
        ({"called": ""}, 438, "another called number"),
    ],
)
async def test_a_token_of_another_time_or_call_is_refused_before_anything_is_fetched(
    office: Office, changes: dict[str, Any], status: int, reason: str
) -> None:
    found = await office.verify(office.signed(**changes))
    assert (found.verdict, found.status, found.attestation) == (Verdict.FAILED, status, None)
    assert reason in (found.reason or "")
    assert office.published.asked == []


async def test_the_asserted_number_counts_as_much_as_that_in_from(office: Office) -> None:
    found = await office.verify(office.signed(), callers={"anonymous", "+1 215 555 1212"})
    assert found.verdict is Verdict.VERIFIED


async def test_another_key_than_the_certificates_is_no_signature(office: Office) -> None:
    other = office.authority.sign("carrier.example.com")
    found = await office.verify(
        identity(other, office.url, claims(caller=CALLER[1:], called=CALLED[1:], now=NOW))
    )
    assert (found.verdict, found.status) == (Verdict.FAILED, 438)


@pytest.mark.parametrize("kind", ["stranger", "authority", "garbage", "large"])
async def test_a_certificate_that_is_not_to_be_believed(office: Office, kind: str) -> None:
    stranger = Authority("Another")
    body = {
        "stranger": stranger.sign("carrier.example.com").certificate,
        "authority": office.authority.pem,
        "garbage": "no certificate",
        "large": "x" * (kept_certificates.MAX_CERTIFICATE_BYTES + 1),
    }[kind]
    office.published.publish("/a.pem", body)
    found = await office.verify(office.signed())
    assert (found.verdict, found.status) == (Verdict.FAILED, 437)
    assert (found.reason or "").startswith("certificate: ")


async def test_a_chain_leads_to_the_anchor(office: Office) -> None:
    office.published.publish("/a.pem", office.pair.certificate + office.authority.pem)
    assert (await office.verify(office.signed())).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("status", [404, 302, 500])
async def test_a_certificate_that_cannot_be_had_is_asked_for_again_later(office: Office, status: int) -> None:
    office.published.publish("/a.pem", status)
    found = await office.verify(office.signed())
    assert (found.verdict, found.status) == (Verdict.FAILED, 436)
    await office.verify(office.signed())
    assert office.published.asked == ["/a.pem"], "a fault is remembered, and no redirect followed"
    office.published.publish("/a.pem", office.pair.certificate)
    office.time += kept_certificates.FAULT_KEPT_S
    assert (await office.verify(office.signed())).verdict is Verdict.VERIFIED


async def test_a_call_waits_no_longer_than_it_may_and_the_next_one_finds_the_certificate(
    office: Office,
) -> None:
    office.published.delay_s = 1.3
    begun = time.monotonic()
    first, second = await asyncio.gather(*(office.verify(office.signed()) for _ in range(2)))
    assert time.monotonic() - begun < 1.25
    assert first == second == Verification(Verdict.FAILED, None, "certificate: it did not come in time", 436)
    async with asyncio.timeout(5):
        while (await office.verify(office.signed())).verdict is not Verdict.VERIFIED:
            await asyncio.sleep(0.05)
    assert office.published.asked == ["/a.pem"], "asked once for all of them"


async def test_nothing_inside_our_own_network_is_fetched() -> None:
    with repository() as published:
        office = Office(published, allow_private=False)
        for url in (office.url, "https://127.0.0.1/a.pem", "http://example.com/a.pem", "file:///etc/passwd"):
            told = claims(caller=CALLER[1:], called=CALLED[1:], now=NOW)
            found = await office.verify(identity(office.pair, url, told))
            assert (found.verdict, found.status) == (Verdict.FAILED, 437), url
        assert published.asked == []
        await office.verifier.close()
