"""SIP trunks on the wire: who may send us calls (inbound), where we send them (outbound). Passwords go in,
never out.

What an address or a network may be, and what belongs together, is checked by `gateway.new_trunk`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool

from control_api.schemas_shared import RequestModel, ResponseModel, Timestamp, Uuid, unsent
from control_api.schemas_trunk_dialog import TrunkDialogIn, TrunkDialogOut, render_dialog
from control_api.schemas_trunk_identity import (
    CallerIdentityIn,
    CallerIdentityOut,
    NumberWritingIn,
    NumberWritingOut,
    TrunkHeadersIn,
    TrunkHeadersOut,
    TrunkRatesIn,
    TrunkRatesOut,
    render_caller_identity,
    render_headers,
    render_number_writing,
    render_rates,
)
from control_api.schemas_trunk_registrar import (
    InboundRegistrarIn,
    InboundRegistrarOut,
    RegisteredContactOut,
    render_contacts,
    render_registrar,
)
from control_api.schemas_trunk_signalling import (
    TrunkRegistrationIn,
    TrunkRegistrationOut,
    TrunkSignallingIn,
    TrunkSignallingOut,
    TrunkStirIn,
    TrunkStirOut,
    TrunkTlsIn,
    TrunkTlsOut,
    render_registration,
    render_signalling,
    render_tls,
)
from control_api.schemas_trunk_status import (
    ProbeStatusOut,
    RegistrationStatusOut,
    TrunkStatisticsOut,
    render_probe_status,
    render_registration_status,
    render_statistics,
)
from control_api.schemas_trunk_targets import (
    ServerOut,
    TrunkTargetsIn,
    TrunkTargetsOut,
    render_server,
    render_targets,
)
from gateway.defence.trunk_digest import kept_digest
from gateway.errors import InvalidRequestError
from gateway.new_trunk import NewTrunk
from gateway.timestamps import timestamp
from gateway.trunk_probe import ProbeOutcome, ProbeResult
from gateway.trunk_watch import TrunkStatus
from store.records import (
    DtmfMode,
    MediaEncryption,
    NumberFormat,
    SourceMatch,
    SrtpKeying,
    SymmetricRtp,
    Trunk,
    TrunkDigest,
    TrunkInbound,
    TrunkOutbound,
)
from store.registrar_records import ToRegistered
from store.target_records import TrunkTransport
from store.trunk_identity_records import RouteBy

MAX_NETWORKS = 256

_no_control = re.compile(r"[^\x00-\x1f\x7f]*")


def _check_printable(value: str) -> str:
    if _no_control.fullmatch(value) is None:
        raise ValueError("must not hold control characters")
    return value


Network = Annotated[str, Field(min_length=1, max_length=64, examples=["203.0.113.0/24"])]
Address = Annotated[str, Field(min_length=1, max_length=260, examples=["sip.example.com:5060"])]
Host = Annotated[str, Field(min_length=1, max_length=255)]
Credential = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_check_printable)]
DigestUser = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.!~*'()&=+$,?/-]{1,64}$", examples=["office-pbx"])]
DigestPassword = Annotated[str, Field(min_length=8, max_length=256), AfterValidator(_check_printable)]
Country = Annotated[str, Field(pattern=r"^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2.", examples=["US"])]
Codec = Literal["PCMU", "PCMA", "G722", "OPUS", "L16"]


class TrunkInboundIn(RequestModel):
    """Who may send calls: networks, a digest user, or both. Without any of them anybody could call in."""

    allowed_addresses: Annotated[list[Network], Field(max_length=MAX_NETWORKS)] = Field(
        default_factory=list, description="Source networks."
    )
    auth_username: DigestUser | None = Field(
        default=None, description="Whom we challenge with 401; one trunk's alone."
    )
    auth_password: Annotated[DigestPassword, Field(json_schema_extra={"writeOnly": True})] | None = None
    match: SourceMatch = Field(
        default=SourceMatch.ALL,
        description="With networks and a user: whether a call needs both, or one of the two will do.",
    )
    registrar: InboundRegistrarIn | None = Field(
        default=None, description="The digest user may register with us; null: it may not."
    )
    route_by: RouteBy = Field(
        default=RouteBy.REQUEST_URI,
        description="Where the number called is looked for when that in the Request-URI is none of ours.",
    )

    def to_record(self) -> TrunkInbound:
        digest: TrunkDigest | None = None
        if self.auth_username is not None and self.auth_password is not None:
            digest = kept_digest(self.auth_username, self.auth_password)
        elif self.auth_username is not None:
            digest = TrunkDigest(self.auth_username)
        elif self.auth_password is not None:
            raise InvalidRequestError(
                "auth_username and auth_password go together.", field="inbound.auth_username"
            )
        registrar = None if self.registrar is None else self.registrar.to_record()
        return TrunkInbound(tuple(self.allowed_addresses), digest, self.match, registrar, self.route_by)


class TrunkOutboundIn(TrunkTargetsIn):
    """Where calls are sent."""

    address: Address | None = Field(default=None, description="Needed without `to_registered`.")
    to_registered: ToRegistered | None = Field(
        default=None,
        description="Calls go to who has registered, not to an address: as its `contact` says, or to the "
        "`number` called there, as PBXs want it.",
    )
    transport: TrunkTransport = TrunkTransport.UDP
    auth_username: Credential | None = None
    auth_password: Annotated[Credential, Field(json_schema_extra={"writeOnly": True})] | None = None
    from_host: Host | None = Field(
        default=None, description="Domain of the From header, if the carrier wants its own."
    )
    tls: TrunkTlsIn | None = None
    registration: TrunkRegistrationIn | None = Field(default=None, description="We register there.")
    probe_interval: Annotated[int, Field(ge=0, le=3_600)] = Field(
        default=0, description="Seconds between two OPTIONS that ask whether it is there; 0: never."
    )
    caller_identity: CallerIdentityIn = CallerIdentityIn()


class TrunkCreate(RequestModel):
    """A trunk with an inbound side, an outbound side, or both."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    inbound: TrunkInboundIn | None = None
    outbound: TrunkOutboundIn | None = None
    number_format: NumberFormat = Field(
        default=NumberFormat.E164, description="How numbers are written on this trunk's wire."
    )
    default_country: Country | None = Field(default=None, description="Needed with `national`.")
    number_writing: NumberWritingIn = NumberWritingIn()
    headers: TrunkHeadersIn = TrunkHeadersIn()
    rates: TrunkRatesIn = TrunkRatesIn()
    codecs: tuple[Codec, ...] = Field(default=("PCMU", "PCMA"), min_length=1, max_length=5)
    enabled: StrictBool = True
    dtmf: DtmfMode = Field(
        default=DtmfMode.AUTO,
        description="How keys come in: `auto` takes RFC 4733 events and SIP INFO, and tones in the audio "
        "where the far side offers no events; `inband` looks for tones always.",
    )
    media_encryption: MediaEncryption = Field(
        default=MediaEncryption.ALLOW,
        description="SRTP never, when the far side does it too, or always: calls in the clear are refused.",
    )
    srtp_keying: SrtpKeying = Field(
        default=SrtpKeying.SDES,
        description="How calls that we place offer their keys: in the session description, or by DTLS-SRTP.",
    )
    stir: TrunkStirIn = TrunkStirIn()
    dialog: TrunkDialogIn = TrunkDialogIn()
    symmetric: SymmetricRtp = Field(
        default=SymmetricRtp.AUTO,
        description="Whether audio goes to where the far side's packets come from: once they come; `always`, "
        "and nowhere before; `never`, but to the address in the session description.",
    )
    signalling: TrunkSignallingIn = TrunkSignallingIn()
    max_concurrent_calls: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="Calls at once in both directions; null: no limit."
    )

    def to_new(self) -> NewTrunk:
        """The request as the gateway understands it, which checks what concerns several fields."""
        outbound = self.outbound
        return NewTrunk(
            name=self.name,
            inbound=None if self.inbound is None else self.inbound.to_record(),
            outbound=None
            if outbound is None
            else TrunkOutbound(
                address=outbound.address or "",
                to_registered=outbound.to_registered,
                transport=outbound.transport,
                auth_username=outbound.auth_username,
                auth_password=outbound.auth_password,
                from_host=outbound.from_host,
                tls=None if outbound.tls is None else outbound.tls.to_record(),
                registration=None if outbound.registration is None else outbound.registration.to_record(),
                probe_interval=outbound.probe_interval,
                caller_identity=outbound.caller_identity.to_record(),
                targets=outbound.target_records(),
                proxy=outbound.proxy,
                failover=outbound.failover.to_record(),
            ),
            number_format=self.number_format,
            default_country=self.default_country,
            number_writing=self.number_writing.to_record(),
            headers=self.headers.to_record(),
            rates=self.rates.to_record(),
            codecs=self.codecs,
            enabled=self.enabled,
            dtmf=self.dtmf,
            media_encryption=self.media_encryption,
            srtp_keying=self.srtp_keying,
            stir=self.stir.to_record(),
            dialog=self.dialog.to_record(),
            symmetric=self.symmetric,
            signalling=self.signalling.to_record(),
            max_concurrent_calls=self.max_concurrent_calls,
        )


class TrunkPatch(TrunkCreate):
    """What can be changed on a trunk; what is absent stays. A side is replaced as a whole, but for a password
    that is left out."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = unsent()

    def changes(self) -> dict[str, Any]:
        """The fields that were sent, as the trunk keeps them."""
        new = self.to_new()
        return {name: getattr(new, name) for name in self.model_fields_set}


class TrunkInboundOut(ResponseModel):
    allowed_addresses: list[str]
    auth_username: str | None
    auth_password_set: bool = Field(description="Whether there is a password; it is never shown.")
    match: SourceMatch
    registrar: InboundRegistrarOut | None
    route_by: RouteBy


class TrunkOutboundOut(TrunkTargetsOut):
    address: str | None
    to_registered: ToRegistered | None
    transport: TrunkTransport
    auth_username: str | None
    auth_password_set: bool = Field(description="Whether there is a password; it is never shown.")
    from_host: str | None
    tls: TrunkTlsOut | None
    registration: TrunkRegistrationOut | None
    probe_interval: int
    caller_identity: CallerIdentityOut


class TrunkOut(ResponseModel):
    """A SIP trunk."""

    id: Uuid
    name: str
    inbound: TrunkInboundOut | None
    outbound: TrunkOutboundOut | None
    number_format: NumberFormat
    default_country: str | None
    number_writing: NumberWritingOut
    headers: TrunkHeadersOut
    rates: TrunkRatesOut
    codecs: list[str]
    enabled: bool
    dtmf: DtmfMode
    media_encryption: MediaEncryption
    srtp_keying: SrtpKeying
    stir: TrunkStirOut
    dialog: TrunkDialogOut
    symmetric: SymmetricRtp
    signalling: TrunkSignallingOut
    registration: RegistrationStatusOut | None = Field(description="Null when we do not register there.")
    probe: ProbeStatusOut | None = Field(description="Null before the first probe.")
    registered_contacts: list[RegisteredContactOut] | None = Field(
        description="Who has registered with us, at this node; null where nobody may."
    )
    statistics: TrunkStatisticsOut | None = Field(description="Null before the first call.")
    max_concurrent_calls: int | None
    created_at: Timestamp
    updated_at: Timestamp


def render_trunk(trunk: Trunk, status: TrunkStatus) -> dict[str, Any]:
    """The trunk object, without its password."""
    inbound, outbound = trunk.inbound, trunk.outbound
    return {
        "id": trunk.id,
        "name": trunk.name,
        "inbound": None
        if inbound is None
        else {
            "allowed_addresses": list(inbound.allowed_addresses),
            "auth_username": None if inbound.digest is None else inbound.digest.username,
            "auth_password_set": inbound.digest is not None,
            "match": inbound.match.value,
            "registrar": render_registrar(inbound.registrar),
            "route_by": inbound.route_by.value,
        },
        "outbound": None
        if outbound is None
        else {
            "address": outbound.address or None,
            "to_registered": outbound.to_registered,
            "transport": outbound.transport.value,
            "auth_username": outbound.auth_username,
            "auth_password_set": outbound.auth_password is not None,
            "from_host": outbound.from_host,
            "tls": render_tls(outbound.tls),
            "registration": render_registration(outbound.registration),
            "probe_interval": outbound.probe_interval,
            "caller_identity": render_caller_identity(outbound.caller_identity),
            **render_targets(outbound, status.targets),
        },
        "number_format": trunk.number_format.value,
        "default_country": trunk.default_country,
        "number_writing": render_number_writing(trunk.number_writing),
        "headers": render_headers(trunk.headers),
        "rates": render_rates(trunk.rates),
        "codecs": list(trunk.codecs),
        "enabled": trunk.enabled,
        "dtmf": trunk.dtmf.value,
        "media_encryption": trunk.media_encryption.value,
        "srtp_keying": trunk.srtp_keying.value,
        "stir": {"verify": trunk.stir.verify.value, "sign": trunk.stir.sign},
        "dialog": render_dialog(trunk.dialog),
        "symmetric": trunk.symmetric.value,
        "signalling": render_signalling(trunk.signalling),
        "registration": render_registration_status(status.registration),
        "probe": render_probe_status(status.probe),
        "registered_contacts": render_contacts(status.contacts),
        "statistics": render_statistics(status.figures),
        "max_concurrent_calls": trunk.max_concurrent_calls,
        "created_at": timestamp(trunk.created_at),
        "updated_at": timestamp(trunk.updated_at),
    }


class TrunkTestOut(ResponseModel):
    """What came of asking a trunk's target."""

    outcome: ProbeOutcome
    text: str = Field(description="For people.")
    sip_status: int | None = Field(description="What was answered, if anything.")
    servers: list[ServerOut] = Field(description="What the DNS gave for the target, in the order tried.")


def render_probe(result: ProbeResult) -> dict[str, Any]:
    """The outcome of a trunk's test."""
    return {
        "outcome": result.outcome.value,
        "text": result.text,
        "sip_status": result.sip_status,
        "servers": [render_server(one) for one in result.servers],
    }
