"""Signed callers and signed calls over a whole gateway."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.configuration.sip import StirSection
from gateway.errors import ConfigurationError
from gateway.stir.passport import digits, read_identity
from gateway.stir.service import CallerIdentity
from store.records import StirCheck, TrunkStir
from tests.gateway.conftest import OpenScene
from tests.gateway.scene import CALLEE, NUMBER, Scene
from tests.gateway.stir.signer import Repository, claims, identity, repository
from tests.support.certificates import Authority, Pair

CALLER = "+12155551212"
URL = "https://certificates.example.com/ours.pem"


class Signed:
    """A gateway that believes one authority, and a carrier with a certificate of it."""

    def __init__(self, scene: Scene, published: Repository, authority: Authority) -> None:
        self.scene = scene
        self.pair: Pair = authority.sign("carrier.example.com")
        self.url = published.publish("/a.pem", self.pair.certificate)

    async def trunk(self, **stir: Any) -> None:
        directory = self.scene.gateway.directory
        (trunk,) = (await directory.list_trunks(self.scene.organization_id, limit=10)).items
        await directory.update_trunk(self.scene.organization_id, trunk.id, stir=TrunkStir(**stir))

    async def dial(self, *values: str, asserted: str | None = None) -> Any:
        headers = tuple(("Identity", value) for value in values)
        if asserted is not None:
            headers += (("P-Asserted-Identity", f"<sip:{asserted}@carrier.example.com>"),)
        return await self.scene.dial(headers=headers, from_uri=f"sip:{CALLER}@carrier.example.com")

    def identity(self, **changes: Any) -> str:
        told = {"caller": CALLER[1:], "called": NUMBER[1:], "now": int(time.time())} | changes
        return identity(self.pair, self.url, claims(**told))


@pytest.fixture
async def signed(make_gateway: OpenScene, tmp_path: Path) -> Any:
    authority = Authority("STI-CA")
    (tmp_path / "anchors.pem").write_text(authority.pem)
    _, key = authority.sign("us.example.com").write(tmp_path, "ours")
    stir = {
        "trust_anchors": tmp_path / "anchors.pem",
        "private_urls": True,
        "private_key": key,
        "certificate_url": URL,
        "attestation": "A",
    }
    with repository() as published:
        yield Signed(await make_gateway(stir=stir), published, authority)


@pytest.mark.parametrize(
    ("changes", "verdict", "attestation"),
    [({"attest": "A"}, "verified", "A"), ({"attest": "C"}, "verified", "C"), ({"caller": "1"}, "failed", "")],
)
async def test_the_agent_is_told_who_calls_and_the_call_goes_on_in_any_case(
    signed: Signed, changes: dict[str, Any], verdict: str, attestation: str
) -> None:
    await signed.dial(signed.identity(**changes))
    session = await signed.scene.session()
    await signed.scene.attached()
    variables = session.call.record.variables
    assert variables["caller_verification"] == verdict
    assert variables["caller_attestation"] == attestation
    assert bool(variables["caller_verification_reason"]) is (verdict == "failed")
    assert signed.scene.engine.requests[-1].variables == variables
    (step,) = [event for event in session.call.timeline if event.kind == "caller-identity"]
    assert step.detail["verdict"] == verdict


@pytest.mark.parametrize(
    ("asserted", "signed_for", "verdict"),
    [("+12155550000", CALLER, "failed"), ("+12155550000", "+12155550000", "verified")],
)
async def test_the_number_that_is_shown_is_the_one_that_has_to_be_signed(
    signed: Signed, asserted: str, signed_for: str, verdict: str
) -> None:
    await signed.dial(signed.identity(caller=signed_for[1:]), asserted=asserted)
    session = await signed.scene.session()
    await signed.scene.attached()
    assert session.call.record.phone_number == asserted
    assert session.call.record.variables["caller_verification"] == verdict


async def test_a_trunk_that_insists_refuses_what_is_not_signed_rightly(signed: Signed) -> None:
    await signed.trunk(verify=StirCheck.REQUIRE)
    told = claims(caller=CALLER[1:], called=NUMBER[1:], now=int(time.time()))
    for values, status in (
        ((), 428),
        ((signed.identity(now=1),), 403),
        ((signed.identity(called="1"),), 438),
        ((identity(signed.pair, f"{signed.url}x", told),), 436),
    ):
        call = await signed.dial(*values)
        assert (await call.until_final()).status == status
        record = await signed.scene.over()
        assert (record.status, record.failure_reason) == ("failed", "rejected")
    await signed.dial(signed.identity())
    await signed.scene.attached()


async def test_a_trunk_that_does_not_care_looks_at_nothing(signed: Signed) -> None:
    await signed.trunk(verify=StirCheck.OFF)
    await signed.dial("nonsense")
    session = await signed.scene.session()
    await signed.scene.attached()
    assert session.call.record.variables == {}


async def test_our_calls_are_signed_where_the_trunk_wants_it(signed: Signed, tmp_path: Path) -> None:
    for sign in (False, True):
        await signed.trunk(sign=sign)
        call, session = await signed.scene.ringing()
        value = call.invite.get("Identity")
        assert bool(value) is sign
        session.shut_down()
        await signed.scene.over()
    passport = read_identity([value])
    assert (passport.origin, passport.destinations) == (digits(NUMBER), (digits(CALLEE),))
    assert passport.attestation == "A"
    assert abs(passport.issued_at - time.time()) < 30
    assert passport.certificate_url == URL
    key = x509.load_pem_x509_certificate((tmp_path / "ours.pem").read_bytes()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert passport.check_signature(key)
    assert call.invite.get("Date")


def test_files_that_cannot_be_used_are_told_at_the_start(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for settings in (
        {"trust_anchors": nonsense},
        {"trust_anchors": tmp_path / "none.pem"},
        {"private_key": nonsense, "certificate_url": URL},
    ):
        with pytest.raises(ConfigurationError, match="cannot be used"):
            CallerIdentity(StirSection(**settings))  # type: ignore[arg-type]
    for settings in ({"private_key": nonsense}, {"certificate_url": URL}):
        with pytest.raises(ValueError, match="go together"):
            StirSection(**settings)  # type: ignore[arg-type]
