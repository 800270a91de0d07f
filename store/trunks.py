"""Trunks in the database."""

from __future__ import annotations

import builtins
from typing import Any

import sqlalchemy as sa

from store.columns import from_json, from_microseconds, to_json, to_microseconds
from store.connection import Database
from store.errors import MissingRowError
from store.paging import newest_first
from store.records import (
    DtmfMode,
    EarlyMedia,
    MediaEncryption,
    NumberFormat,
    Page,
    ReliableProvisionals,
    SessionTimerUse,
    SourceMatch,
    SrtpKeying,
    StirCheck,
    SymmetricRtp,
    Trunk,
    TrunkDigest,
    TrunkInbound,
    TrunkOutbound,
    TrunkRegistration,
    TrunkSignalling,
    TrunkStir,
    TrunkTls,
)
from store.registrar_records import InboundRegistrar, ToRegistered
from store.tables import trunks
from store.target_records import Redirects, TrunkTransport
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
from store.trunk_targets import targets_fields, targets_text


class TrunkRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, trunk: Trunk) -> None:
        """Raises `ConstraintError` when the id is taken or the organisation does not exist."""
        async with self._database.transaction() as connection:
            await connection.execute(trunks.insert(), _row(trunk))

    async def update(self, trunk: Trunk) -> None:
        """Write every field. Raises `MissingRowError`."""
        statement = trunks.update().where(
            trunks.c.id == trunk.id, trunks.c.organization_id == trunk.organization_id
        )
        async with self._database.transaction() as connection:
            result = await connection.execute(statement.values(_row(trunk)))
            if result.rowcount == 0:
                raise MissingRowError(f"trunk {trunk.id}")

    async def delete(self, organization_id: str, trunk_id: str) -> bool:
        """Whether there was such a trunk. Raises `ConstraintError` while a number is bound to it."""
        statement = trunks.delete().where(
            trunks.c.id == trunk_id, trunks.c.organization_id == organization_id
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def get(self, organization_id: str, trunk_id: str) -> Trunk | None:
        query = sa.select(trunks).where(trunks.c.id == trunk_id, trunks.c.organization_id == organization_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)

    async def list(self, organization_id: str, limit: int = 50, offset: int = 0) -> Page[Trunk]:
        """The organisation's trunks, newest first."""
        mine = trunks.c.organization_id == organization_id
        return await newest_first(self._database, trunks, [mine], _record, limit, offset)

    async def all_trunks(self) -> builtins.list[Trunk]:
        """Every organisation's trunks, oldest first."""
        async with self._database.reading() as connection:
            rows = (
                await connection.execute(sa.select(trunks).order_by(trunks.c.created_at, trunks.c.id))
            ).all()
        return [_record(row) for row in rows]


def _row(trunk: Trunk) -> dict[str, Any]:
    inbound, outbound, signalling = trunk.inbound, trunk.outbound, trunk.signalling
    digest = None if inbound is None else inbound.digest
    tls = None if outbound is None else outbound.tls
    registration = None if outbound is None else outbound.registration
    return {
        "id": trunk.id,
        "organization_id": trunk.organization_id,
        "name": trunk.name,
        "created_at": to_microseconds(trunk.created_at),
        "updated_at": to_microseconds(trunk.updated_at),
        "inbound_allowed_addresses": None if inbound is None else to_json(inbound.allowed_addresses),
        "inbound_digest_username": None if digest is None else digest.username,
        "inbound_digest_sha256": None if digest is None else digest.ha1_sha256,
        "inbound_digest_md5": None if digest is None else digest.ha1_md5,
        "inbound_match": (SourceMatch.ALL if inbound is None else inbound.match).value,
        "inbound_registrar": None
        if inbound is None or inbound.registrar is None
        else to_json(inbound.registrar),
        "outbound_to_registered": None if outbound is None else outbound.to_registered,
        "outbound_address": None if outbound is None else outbound.address,
        "outbound_transport": None if outbound is None else outbound.transport.value,
        "outbound_auth_username": None if outbound is None else outbound.auth_username,
        "outbound_auth_password": None if outbound is None else outbound.auth_password,
        "outbound_from_host": None if outbound is None else outbound.from_host,
        "outbound_tls": None if tls is None else to_json(tls),
        "outbound_registration": None if registration is None else to_json(registration),
        "outbound_targets": None if outbound is None else targets_text(outbound),
        "follow_redirects": signalling.follow_redirects.value,
        "outbound_probe_interval": 0 if outbound is None else outbound.probe_interval,
        "number_format": trunk.number_format.value,
        "default_country": trunk.default_country,
        "codecs": to_json(trunk.codecs),
        "enabled": trunk.enabled,
        "dtmf": trunk.dtmf.value,
        "media_encryption": trunk.media_encryption.value,
        "srtp_keying": trunk.srtp_keying.value,
        "stir": to_json({"verify": trunk.stir.verify.value, "sign": trunk.stir.sign}),
        "dialog": to_json(trunk.dialog),
        "number_writing": to_json(trunk.number_writing),
        "outbound_caller_identity": None if outbound is None else to_json(outbound.caller_identity),
        "headers": to_json(trunk.headers),
        "rates": to_json(trunk.rates),
        "inbound_route_by": (RouteBy.REQUEST_URI if inbound is None else inbound.route_by).value,
        "symmetric": trunk.symmetric.value,
        "session_timer": signalling.session_timer.value,
        "session_expires": signalling.session_expires,
        "min_session_expires": signalling.min_session_expires,
        "reliable_provisionals": signalling.reliable_provisionals.value,
        "early_media": signalling.early_media.value,
        "max_concurrent_calls": trunk.max_concurrent_calls,
    }


def _stir(text: str | None) -> TrunkStir:
    if text is None:
        return TrunkStir()
    kept = from_json(text)
    return TrunkStir(StirCheck(kept["verify"]), kept["sign"])


def _dialog(text: str | None) -> TrunkDialog:
    if text is None:
        return TrunkDialog()
    kept = from_json(text)
    return TrunkDialog(**kept | {"ringback": Ringback(kept["ringback"])})


def _number_writing(text: str | None) -> NumberWriting:
    if text is None:
        return NumberWriting()
    kept = from_json(text)
    return NumberWriting(LeadingPlus(kept["leading_plus"]), kept["tech_prefix"])


def _caller_identity(text: str | None) -> TrunkCallerIdentity:
    if text is None:
        return TrunkCallerIdentity()
    kept = from_json(text)
    return TrunkCallerIdentity(**(kept | {"display_name": DisplayName(kept["display_name"])}))


def _headers(text: str | None) -> TrunkHeaders:
    if text is None:
        return TrunkHeaders()
    kept = from_json(text)
    return TrunkHeaders(tuple(kept["inbound"]), kept["outbound"])


def _record(row: sa.Row[Any]) -> Trunk:
    inbound: TrunkInbound | None = None
    if row.inbound_allowed_addresses is not None:
        inbound = TrunkInbound(
            tuple(from_json(row.inbound_allowed_addresses)),
            digest=None
            if row.inbound_digest_username is None
            else TrunkDigest(row.inbound_digest_username, row.inbound_digest_sha256, row.inbound_digest_md5),
            match=SourceMatch(row.inbound_match),
            registrar=None
            if row.inbound_registrar is None
            else InboundRegistrar(**from_json(row.inbound_registrar)),
            route_by=RouteBy(row.inbound_route_by),
        )
    outbound: TrunkOutbound | None = None
    if row.outbound_address is not None:
        outbound = TrunkOutbound(
            address=row.outbound_address,
            transport=TrunkTransport(row.outbound_transport),
            auth_username=row.outbound_auth_username,
            auth_password=row.outbound_auth_password,
            from_host=row.outbound_from_host,
            tls=None if row.outbound_tls is None else TrunkTls(**from_json(row.outbound_tls)),
            registration=None
            if row.outbound_registration is None
            else TrunkRegistration(**from_json(row.outbound_registration)),
            probe_interval=row.outbound_probe_interval,
            **targets_fields(row.outbound_targets),
            to_registered=None
            if row.outbound_to_registered is None
            else ToRegistered(row.outbound_to_registered),
            caller_identity=_caller_identity(row.outbound_caller_identity),
        )
    return Trunk(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
        inbound=inbound,
        outbound=outbound,
        number_format=NumberFormat(row.number_format),
        default_country=row.default_country,
        codecs=tuple(from_json(row.codecs)),
        enabled=row.enabled,
        dtmf=DtmfMode(row.dtmf),
        media_encryption=MediaEncryption(row.media_encryption),
        srtp_keying=SrtpKeying(row.srtp_keying),
        stir=_stir(row.stir),
        dialog=_dialog(row.dialog),
        number_writing=_number_writing(row.number_writing),
        headers=_headers(row.headers),
        rates=TrunkRates() if row.rates is None else TrunkRates(**from_json(row.rates)),
        symmetric=SymmetricRtp(row.symmetric),
        signalling=TrunkSignalling(
            session_timer=SessionTimerUse(row.session_timer),
            session_expires=row.session_expires,
            min_session_expires=row.min_session_expires,
            reliable_provisionals=ReliableProvisionals(row.reliable_provisionals),
            early_media=EarlyMedia(row.early_media),
            follow_redirects=Redirects(row.follow_redirects),
        ),
        max_concurrent_calls=row.max_concurrent_calls,
    )
