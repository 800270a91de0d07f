"""Trunks as the usual carriers and PBXs want them: what to set here, what to fill in, what to set there.

The same facts stand in docs/sip-interop.md for people; a test holds that both name the same presets and that
each makes a trunk. Source addresses are those that a carrier publishes for its signalling; where it publishes
none that stays the same, the field is left for the reader to fill in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.numbers.carriers import TELNYX_SIGNALLING, TELNYX_SIP, TWILIO_SIGNALLING

PROBE_INTERVAL_S = 30


@dataclass(frozen=True, slots=True)
class PresetField:
    """What somebody has to fill in: a field of a trunk by its path, such as `outbound.address`."""

    field: str
    label: str
    example: str
    hint: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class TrunkPreset:
    """`values` are the fields of `POST /trunks` that are the same for everybody; `there` says what to click
    at the other side, where `SIP_ADDRESS` stands for this gateway's own.
    """

    id: str
    name: str
    kind: str  # carrier or pbx
    summary: str
    values: Mapping[str, Any]
    fields: tuple[PresetField, ...]
    there: tuple[str, ...] = field(default=())


_USER = PresetField("outbound.auth_username", "User name", "trunkline", "Of the credentials made there.")
_PASSWORD = PresetField("outbound.auth_password", "Password", "", "Never shown again.")
_ITS_ADDRESS = "The address of its signalling; one a line."
_SIGNALLING = {"session_timer": "allow", "reliable_provisionals": "allow", "early_media": "ignore"}

PRESETS: tuple[TrunkPreset, ...] = (
    TrunkPreset(
        id="twilio",
        name="Twilio",
        kind="carrier",
        summary="Elastic SIP Trunking, with a credential list for calls out.",
        values={
            "name": "Twilio",
            "inbound": {"allowed_addresses": list(TWILIO_SIGNALLING)},
            "outbound": {"transport": "udp"},
            "number_format": "e164",
            "codecs": ["PCMU", "PCMA"],
            "dtmf": "auto",
            "signalling": _SIGNALLING,
        },
        fields=(
            PresetField(
                "outbound.address",
                "Termination URI",
                "yours.pstn.twilio.com",
                "Under Elastic SIP Trunking, your trunk, Termination.",
            ),
            _USER,
            _PASSWORD,
        ),
        there=(
            "In the console open Elastic SIP Trunking, Trunks, and create a trunk.",
            "Termination: choose a termination SIP URI, and add a credential list.",
            "Origination: add the URI sip:SIP_ADDRESS;transport=udp.",
            "Numbers: add your numbers to the trunk.",
        ),
    ),
    TrunkPreset(
        id="telnyx",
        name="Telnyx",
        kind="carrier",
        summary="A SIP connection with credentials, numbers in E.164.",
        values={
            "name": "Telnyx",
            "inbound": {"allowed_addresses": list(TELNYX_SIGNALLING)},
            "outbound": {"address": TELNYX_SIP, "transport": "udp", "probe_interval": PROBE_INTERVAL_S},
            "number_format": "e164",
            "codecs": ["G722", "PCMU", "PCMA"],
            "dtmf": "auto",
            "signalling": _SIGNALLING,
        },
        fields=(_USER, _PASSWORD),
        there=(
            "In the portal open Real-Time Communications, Voice, SIP Trunking, and create a SIP connection.",
            "Authentication: choose Credentials for calls out, and note the user name and password; "
            "for calls in choose FQDN or IP address and name SIP_ADDRESS.",
            "Inbound: set the number format to +E.164, and the codecs to G722, G711U, G711A.",
            "Outbound: create an outbound voice profile and give it to the connection.",
            "Numbers: set your numbers' connection to this one.",
        ),
    ),
    TrunkPreset(
        id="plivo",
        name="Plivo",
        kind="carrier",
        summary="Zentrunk, with credentials for calls out. Plivo knows no PRACK and no INFO.",
        values={
            "name": "Plivo",
            "inbound": {},
            "outbound": {"transport": "udp"},
            "number_format": "e164",
            "codecs": ["PCMU", "PCMA"],
            "dtmf": "rfc4733",
            "signalling": _SIGNALLING | {"reliable_provisionals": "off"},
        },
        fields=(
            PresetField(
                "outbound.address",
                "Termination SIP domain",
                "21784177241578.zt.plivo.com",
                "Of your outbound trunk.",
            ),
            _USER,
            _PASSWORD,
            PresetField(
                "inbound.allowed_addresses",
                "Plivo's signalling addresses",
                "203.0.113.0/24",
                "Those of your region, from Plivo's console or support; one a line.",
            ),
        ),
        there=(
            "In the console open Zentrunk, Outbound Trunks, and create a trunk with a credential list.",
            "Note the termination SIP domain that the trunk gets.",
            "Inbound Trunks: create a trunk whose primary URI is SIP_ADDRESS;transport=udp.",
            "Phone Numbers: set your numbers' application type to Zentrunk and choose the inbound trunk.",
        ),
    ),
    TrunkPreset(
        id="asterisk",
        name="Asterisk or FreePBX",
        kind="pbx",
        summary="A PJSIP trunk between two addresses that know each other.",
        values={
            "name": "Asterisk",
            "inbound": {},
            "outbound": {"transport": "udp", "probe_interval": PROBE_INTERVAL_S},
            "number_format": "e164",
            "codecs": ["G722", "PCMU", "PCMA"],
            "dtmf": "auto",
            "signalling": {
                "session_timer": "allow",
                "reliable_provisionals": "allow",
                "early_media": "ignore",
            },
        },
        fields=(
            PresetField(
                "outbound.address",
                "Address of the PBX",
                "192.0.2.10:5060",
                "Host and port of its PJSIP transport.",
            ),
            PresetField(
                "inbound.allowed_addresses", "Calls come from", "192.0.2.10", "The PBX's address; one a line."
            ),
        ),
        there=(
            "FreePBX: open Connectivity, Trunks, and add a chan_pjsip trunk; Authentication None, "
            "Registration None, SIP Server and port those of SIP_ADDRESS.",
            "Advanced: Match (Permit) the gateway's address, DTMF mode RFC 4733, codecs g722, ulaw, alaw.",
            "Outbound Routes: send the numbers that agents answer, with their leading plus, to this trunk.",
            "Inbound Routes: lead what comes from the gateway to where it belongs.",
            "Plain Asterisk, in pjsip.conf: an endpoint, an aor with contact=sip:SIP_ADDRESS, and an "
            "identify with the gateway's address as match.",
        ),
    ),
    TrunkPreset(
        id="registering-pbx",
        name="PBX that registers",
        kind="pbx",
        summary="Asterisk, FreePBX and others without a fixed address: they register here.",
        values={
            "name": "PBX",
            "inbound": {"registrar": {"enabled": True, "max_contacts": 1}},
            "outbound": {"to_registered": "number", "probe_interval": PROBE_INTERVAL_S},
            "number_format": "e164",
            "codecs": ["G722", "PCMU", "PCMA"],
            "dtmf": "auto",
            "signalling": _SIGNALLING,
        },
        fields=(
            PresetField("inbound.auth_username", "User name", "office-pbx", "That the PBX registers with."),
            PresetField("inbound.auth_password", "Password", "", "Eight characters at least."),
        ),
        there=(
            "In FreePBX open Connectivity, Trunks, and add a chan_pjsip trunk.",
            "General: Authentication Outbound, Registration Send, the user name and password set here, "
            "SIP Server and port those of SIP_ADDRESS.",
            "Advanced: Contact User the user name, Qualify Frequency 30, codecs g722, ulaw, alaw.",
            "Outbound Routes: send the numbers that agents answer, with their leading plus, to this trunk.",
        ),
    ),
    TrunkPreset(
        id="freeswitch",
        name="FreeSWITCH",
        kind="pbx",
        summary="A gateway of the external profile, which listens on port 5080.",
        values={
            "name": "FreeSWITCH",
            "inbound": {},
            "outbound": {"transport": "udp", "probe_interval": PROBE_INTERVAL_S},
            "number_format": "e164",
            "codecs": ["OPUS", "G722", "PCMU", "PCMA"],
            "dtmf": "auto",
            "signalling": {
                "session_timer": "allow",
                "reliable_provisionals": "allow",
                "early_media": "ignore",
            },
        },
        fields=(
            PresetField(
                "outbound.address",
                "Address of FreeSWITCH",
                "192.0.2.20:5080",
                "Of its external profile, port 5080 by default.",
            ),
            PresetField(
                "inbound.allowed_addresses",
                "Calls come from",
                "192.0.2.20",
                "FreeSWITCH's address; one a line.",
            ),
        ),
        there=(
            "Put a gateway into conf/sip_profiles/external: proxy SIP_ADDRESS, register false, "
            "caller-id-in-from true.",
            "Set dtmf-type rfc2833 and inbound-codec-prefs OPUS,G722,PCMU,PCMA in the external profile.",
            "In the dialplan bridge the numbers that agents answer to sofia/gateway/NAME/NUMBER, with their "
            "leading plus.",
            "Calls from the gateway arrive in the context public: allow its address in acl.conf.xml and "
            "route them there.",
        ),
    ),
)
