from __future__ import annotations

from dataclasses import replace

import pytest

from store import Store
from store.errors import ConstraintError, MissingRowError
from store.identifiers import uuid7
from store.records import (
    DtmfMode,
    EarlyMedia,
    MediaEncryption,
    NumberFormat,
    Organization,
    ReliableProvisionals,
    SessionTimerUse,
    SourceMatch,
    SrtpKeying,
    StirCheck,
    SymmetricRtp,
    TrunkDigest,
    TrunkInbound,
    TrunkOutbound,
    TrunkRegistration,
    TrunkSignalling,
    TrunkStir,
    TrunkTls,
)
from store.target_records import TrunkTransport
from store.trunk_dialog_records import Ringback, TrunkDialog
from store.trunk_identity_records import (
    DisplayName,
    LeadingPlus,
    NumberWriting,
    RouteBy,
    TrunkCallerIdentity,
    TrunkHeaders,
    TrunkRates,
)
from tests.store.samples import later, number, trunk


async def test_a_trunk_comes_back_as_it_was_put_in(store: Store, organization: Organization) -> None:
    full = trunk(
        organization.id,
        inbound=TrunkInbound(
            ("198.51.100.0/24", "2001:db8::/32"), TrunkDigest("pbx", "a" * 64, "b" * 32), SourceMatch.ANY
        ),
        outbound=TrunkOutbound(
            "sip.example.com:5080",
            TrunkTransport.TLS,
            "user",
            "secret",
            "example.com",
            TrunkTls("ca", "sip.example.com", "1.3", "certificate", "key", wildcard=True),
            TrunkRegistration(120, "user", "example.org"),
            30,
        ),
        signalling=TrunkSignalling(
            SessionTimerUse.ALWAYS, 600, 120, ReliableProvisionals.REQUIRE, EarlyMedia.CONNECT
        ),
        number_format=NumberFormat.NATIONAL,
        default_country="DE",
        codecs=("PCMA",),
        enabled=False,
        dtmf=DtmfMode.INBAND,
        media_encryption=MediaEncryption.REQUIRE,
        srtp_keying=SrtpKeying.DTLS,
        stir=TrunkStir(StirCheck.REQUIRE, sign=True),
        dialog=TrunkDialog(allow_refer=True, allow_messages=True, ringback=Ringback.TONE),
        symmetric=SymmetricRtp.ALWAYS,
    )
    inbound_only = trunk(organization.id, inbound=TrunkInbound(()))
    outbound_only = trunk(organization.id, outbound=TrunkOutbound("192.0.2.1"))
    for made in (full, inbound_only, outbound_only):
        await store.trunks.create(made)
        assert await store.trunks.get(organization.id, made.id) == made
    assert await store.trunks.get(uuid7(), full.id) is None
    assert await store.trunks.all_trunks() == [full, inbound_only, outbound_only]


async def test_how_callers_are_shown_and_numbers_written_comes_back(
    store: Store, organization: Organization
) -> None:
    full = trunk(
        organization.id,
        inbound=TrunkInbound(("198.51.100.0/24",), route_by=RouteBy.DIVERSION),
        outbound=TrunkOutbound(
            "sip.example.com",
            caller_identity=TrunkCallerIdentity("acct", DisplayName.AGENT, True, True, True, "+15550199"),
        ),
        number_writing=NumberWriting(LeadingPlus.STRIP, "8899#"),
        headers=TrunkHeaders(("X-*",), {"X-Tier": "gold"}),
        rates=TrunkRates(0.5, 20),
    )
    await store.trunks.create(full)
    assert await store.trunks.get(organization.id, full.id) == full


async def test_trunks_are_listed_newest_first(store: Store, organization: Organization) -> None:
    made = [trunk(organization.id, created_at=later(i)) for i in range(3)]
    for one in made:
        await store.trunks.create(one)
    page = await store.trunks.list(organization.id, limit=2, offset=1)
    assert (page.items, page.total, page.has_more) == ((made[1], made[0]), 3, False)


async def test_an_update_writes_every_field(store: Store, organization: Organization) -> None:
    made = trunk(organization.id, outbound=TrunkOutbound("192.0.2.1"))
    with pytest.raises(MissingRowError):
        await store.trunks.update(made)
    await store.trunks.create(made)
    changed = replace(made, outbound=None, inbound=TrunkInbound(("192.0.2.0/24",)), name="n", enabled=False)
    await store.trunks.update(changed)
    assert await store.trunks.get(organization.id, made.id) == changed


async def test_a_trunk_with_numbers_is_not_deleted(store: Store, organization: Organization) -> None:
    made = trunk(organization.id)
    await store.trunks.create(made)
    bound = number(organization.id, "+15550100", trunk_id=made.id)
    await store.numbers.create(bound)
    with pytest.raises(ConstraintError):
        await store.trunks.delete(organization.id, made.id)
    await store.numbers.delete(organization.id, bound.id)
    assert await store.trunks.delete(organization.id, made.id)
    assert not await store.trunks.delete(organization.id, made.id)
