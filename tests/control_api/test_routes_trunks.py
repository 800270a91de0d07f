from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.registrar.status import RegisteredStatus
from gateway.trunk_probe import ProbeOutcome, ProbeResult
from gateway.trunk_registration import RegistrationState, RegistrationStatus
from gateway.trunk_watch import ProbeStatus, TrunkStatus
from tests.control_api.api import NOWHERE, World, error_of
from tests.support.certificates import Authority

pytestmark = pytest.mark.both_databases

BOTH = {
    "name": "Carrier",
    "inbound": {"allowed_addresses": ["203.0.113.7/24", "2001:db8::/48"]},
    "outbound": {
        "address": "sip.example.com:5060",
        "transport": "tcp",
        "auth_username": "user",
        "auth_password": "hunter2",
        "from_host": "example.com",
        "registration": {"expires": 120, "domain": "example.org"},
        "probe_interval": 30,
    },
    "signalling": {
        "session_timer": "always",
        "session_expires": 600,
        "reliable_provisionals": "require",
        "early_media": "connect",
    },
    "number_format": "national",
    "default_country": "de",
    "codecs": ["PCMA"],
    "enabled": False,
    "dtmf": "inband",
    "media_encryption": "require",
    "srtp_keying": "dtls",
    "stir": {"verify": "require", "sign": True},
    "dialog": {"allow_refer": True, "ringback": "tone"},
    "symmetric": "never",
}


async def test_a_trunk_with_both_sides(world: World) -> None:
    response = await world.api.post("trunks", BOTH)
    trunk = response.json()["data"]
    assert response.status_code == 201
    assert trunk["outbound"] == {
        "caller_identity": {
            "display_name": "none",
            "diversion": None,
            "from_user": None,
            "p_asserted_identity": False,
            "p_preferred_identity": False,
            "private": False,
        },
        "targets": [],
        "target_states": [],
        "proxy": None,
        "failover": {"codes": [408, 480, 503, 504], "timeout": 4.0, "put_aside": 60},
        "address": "sip.example.com:5060",
        "transport": "tcp",
        "auth_username": "user",
        "auth_password_set": True,
        "from_host": "example.com",
        "tls": None,
        "registration": {"expires": 120, "username": None, "domain": "example.org"},
        "probe_interval": 30,
        "to_registered": None,
    }
    assert trunk["signalling"] == {
        "session_timer": "always",
        "session_expires": 600,
        "min_session_expires": 90,
        "reliable_provisionals": "require",
        "early_media": "connect",
        "follow_redirects": "off",
    }
    assert trunk["inbound"]["allowed_addresses"][1] == "2001:db8::/48"
    assert (trunk["number_format"], trunk["default_country"]) == ("national", "DE")
    assert (trunk["codecs"], trunk["enabled"], trunk["dtmf"]) == (["PCMA"], False, "inband")
    assert (trunk["media_encryption"], trunk["srtp_keying"]) == ("require", "dtls")
    assert trunk["stir"] == {"verify": "require", "sign": True}
    assert trunk["dialog"] == {"allow_refer": True, "allow_messages": False, "ringback": "tone"}
    assert trunk["symmetric"] == "never"
    assert (await world.api.get(f"trunks/{trunk['id']}")).json()["data"] == trunk
    assert (await world.api.get("trunks")).json()["data"] == [trunk]


async def test_how_registration_and_probe_stand_is_on_the_trunk(world: World) -> None:
    made = (await world.api.post("trunks", BOTH)).json()["data"]
    assert (made["registration"], made["probe"]) == (None, None)
    at = datetime(2026, 5, 6, tzinfo=UTC)
    world.gateway.trunk_statuses[made["id"]] = TrunkStatus(
        RegistrationStatus(RegistrationState.FAILED, "403 Forbidden", 403, at, at),
        ProbeStatus(ProbeResult(ProbeOutcome.NOT_REACHABLE, "Nobody answered."), at),
    )
    shown = (await world.api.get(f"trunks/{made['id']}")).json()["data"]
    assert shown["registration"]["state"] == "failed"
    assert (shown["registration"]["error"], shown["registration"]["sip_status"]) == ("403 Forbidden", 403)
    assert (shown["probe"]["state"], shown["probe"]["text"]) == ("not-reachable", "Nobody answered.")
    assert (await world.api.get("trunks")).json()["data"] == [shown]


async def test_the_password_is_kept_and_never_shown(world: World) -> None:
    created = await world.api.post("trunks", BOTH, key="k")
    trunk_id = created.json()["data"]["id"]
    shown = [
        created,
        await world.api.post("trunks", BOTH, key="k"),
        await world.api.get(f"trunks/{trunk_id}"),
        await world.api.get("trunks"),
    ]
    assert not any("hunter2" in each.text for each in shown)
    kept = await world.gateway.directory.get_trunk(world.organization_id, trunk_id)
    assert kept.outbound is not None
    assert kept.outbound.auth_password == "hunter2"


async def test_one_side_is_enough_and_the_rest_has_defaults(world: World) -> None:
    body = {"name": "In", "inbound": {"allowed_addresses": ["192.0.2.1"]}}
    trunk = (await world.api.post("trunks", body)).json()["data"]
    assert (trunk["outbound"], trunk["number_format"], trunk["codecs"], trunk["enabled"]) == (
        None,
        "e164",
        ["PCMU", "PCMA"],
        True,
    )
    body = {"name": "Out", "outbound": {"address": "192.0.2.1"}}
    trunk = (await world.api.post("trunks", body)).json()["data"]
    assert trunk["outbound"]["transport"] == "udp"
    assert trunk["outbound"]["auth_password_set"] is False


def outbound(**fields: Any) -> dict[str, Any]:
    return {"outbound": {"address": "sip.example.com"} | fields}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "inbound"),
        ({"inbound": {}}, "inbound.allowed_addresses"),
        ({"inbound": {"allowed_addresses": []}}, "inbound.allowed_addresses"),
        ({"inbound": {"auth_username": "pbx"}}, "inbound.auth_password"),
        ({"inbound": {"auth_password": "correct horse"}}, "inbound.auth_username"),
        ({"inbound": {"auth_username": "pbx", "auth_password": "short"}}, "inbound.auth_password"),
        ({"inbound": {"auth_username": 'a"b', "auth_password": "correct horse"}}, "inbound.auth_username"),
        ({"inbound": {"match": "some", "allowed_addresses": ["192.0.2.1"]}}, "inbound.match"),
        ({"inbound": {"allowed_addresses": ["0.0.0.0/0"]}}, "inbound.allowed_addresses"),
        ({"inbound": {"allowed_addresses": ["sip.example.com"]}}, "inbound.allowed_addresses"),
        (outbound(address=""), "outbound.address"),
        (outbound(address="a b"), "outbound.address"),
        (outbound(address="a:99999"), "outbound.address"),
        (outbound(address="a\r\nVia: x"), "outbound.address"),
        (outbound(transport="carrier-pigeon"), "outbound.transport"),
        (outbound(auth_username="user"), "outbound.auth_password"),
        (outbound(auth_password="hunter2"), "outbound.auth_username"),
        (outbound(auth_username="a\nb", auth_password="c"), "outbound.auth_username"),
        (outbound(from_host="a b"), "outbound.from_host"),
        (outbound() | {"name": ""}, "name"),
        (outbound() | {"number_format": "national"}, "default_country"),
        (outbound() | {"default_country": "ZZ"}, "default_country"),
        (outbound() | {"codecs": ["G729"]}, "codecs.0"),
        (outbound() | {"codecs": []}, "codecs"),
        (outbound() | {"dtmf": "smoke"}, "dtmf"),
        (outbound() | {"media_encryption": "maybe"}, "media_encryption"),
        (outbound() | {"srtp_keying": "zrtp"}, "srtp_keying"),
        (outbound() | {"stir": {"verify": "always"}}, "stir.verify"),
        (outbound() | {"dialog": {"ringback": "song"}}, "dialog.ringback"),
        (outbound() | {"symmetric": "perhaps"}, "symmetric"),
        (outbound() | {"codecs": ["PCMU", "PCMU"]}, "codecs"),
        (outbound() | {"signalling": {"session_timer": "sometimes"}}, "signalling.session_timer"),
        (outbound() | {"signalling": {"session_expires": 60}}, "signalling.session_expires"),
        (
            outbound() | {"signalling": {"session_expires": 100, "min_session_expires": 200}},
            "signalling.min_session_expires",
        ),
        (outbound(probe_interval=3), "outbound.probe_interval"),
        (outbound(registration={}), "outbound.registration.username"),
        (outbound(registration={"expires": 5}), "outbound.registration.expires"),
        (outbound(tls={}), "outbound.tls"),
        (outbound(transport="tls", tls={"ca": "nonsense"}), "outbound.tls.ca"),
        (outbound(transport="tls", tls={"certificate": "x"}), "outbound.tls.private_key"),
        (
            outbound(transport="tls", tls={"certificate": "x", "private_key": "y"}),
            "outbound.tls.certificate",
        ),
        (outbound() | {"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_field_is_named(world: World, change: dict[str, Any], field: str) -> None:
    response = await world.api.post("trunks", {"name": "T"} | change)
    error = error_of(response)
    assert (response.status_code, error["details"]["field"]) == (422, field)
    assert error["details"]["errors"][0]["field"] == field
    assert "hunter2" not in response.text


async def test_another_organisations_trunk_is_not_found(world: World) -> None:
    trunk = (await world.api.post("trunks", BOTH)).json()["data"]
    assert (await world.other.get(f"trunks/{trunk['id']}")).status_code == 404
    assert (await world.other.get("trunks")).json()["data"] == []
    assert (await world.api.get(f"trunks/{NOWHERE}")).status_code == 404


# --- changed, tested, removed


async def made(world: World, **fields: Any) -> dict[str, Any]:
    body = {
        "name": "Carrier",
        "inbound": {"allowed_addresses": ["203.0.113.0/24"]},
        "outbound": {"address": "sip.example.com", "auth_username": "u", "auth_password": "secret"},
    }
    data: dict[str, Any] = (await world.api.post("trunks", body | fields)).json()["data"]
    return data


async def test_a_patch_changes_what_was_sent_and_nothing_else(world: World) -> None:
    trunk = await made(world, codecs=["PCMA"])
    path = f"trunks/{trunk['id']}"
    changed = (await world.api("PATCH", path, json={"enabled": False})).json()["data"]
    assert changed | {"enabled": True, "updated_at": ""} == trunk | {"updated_at": ""}
    outbound = {"address": "sip2.example.com", "auth_username": "u"}
    changed = (await world.api("PATCH", path, json={"outbound": outbound})).json()["data"]
    assert changed["outbound"]["address"] == "sip2.example.com"
    kept = await world.gateway.directory.get_trunk(world.organization_id, trunk["id"])
    assert kept.outbound is not None
    assert kept.outbound.auth_password == "secret"  # nobody can send back what is never shown
    gone = (await world.api("PATCH", path, json={"outbound": None})).json()["data"]
    assert gone["outbound"] is None
    assert gone["inbound"] == trunk["inbound"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"inbound": {"allowed_addresses": ["0.0.0.0/0"]}}, "inbound.allowed_addresses"),
        ({"outbound": {"address": "a.example", "auth_username": "other"}}, "outbound.auth_password"),
        ({"number_format": "national"}, "default_country"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_change_is_named_and_changes_nothing(
    world: World, change: dict[str, Any], field: str
) -> None:
    trunk = await made(world)
    path = f"trunks/{trunk['id']}"
    response = await world.api("PATCH", path, json=change)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    assert (await world.api.get(path)).json()["data"] == trunk


async def test_a_trunk_in_use_is_not_removed(world: World) -> None:
    trunk = await made(world)
    path = f"trunks/{trunk['id']}"
    body = {"phone_number": "+14155550123", "trunk_id": trunk["id"]}
    number = (await world.api.post("telephony/numbers/import", body)).json()["data"]
    refused = await world.api.delete(path)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "trunk_in_use")
    await world.api.delete(f"telephony/numbers/{number['id']}")
    assert (await world.other.delete(path)).status_code == 404
    assert (await world.api.delete(path)).status_code == 204
    assert (await world.api.get(path)).status_code == 404


async def test_a_trunk_is_tested(world: World) -> None:
    trunk = await made(world)
    tested = (await world.api.post(f"trunks/{trunk['id']}/test")).json()["data"]
    assert (tested["outcome"], tested["sip_status"]) == ("reachable", 200)
    assert world.gateway.probed[0].auth_password == "secret"
    inbound_only = await made(world, outbound=None)
    refused = await world.api.post(f"trunks/{inbound_only['id']}/test")
    assert (refused.status_code, error_of(refused)["code"]) == (409, "trunk_without_outbound")


async def test_a_change_of_the_outbound_side_keeps_the_key_of_the_same_certificate(world: World) -> None:
    pair = Authority().sign("client.example.com")
    certificate, key = pair.certificate, pair.private_key
    outbound = {
        "address": "sip.example.com",
        "transport": "tls",
        "tls": {"certificate": certificate, "private_key": key},
    }
    trunk = (await world.api.post("trunks", {"name": "Carrier", "outbound": outbound})).json()["data"]
    path = f"trunks/{trunk['id']}"
    change = {"outbound": outbound | {"address": "sip.example.org", "tls": {"certificate": certificate}}}
    changed = await world.api("PATCH", path, json=change)
    assert changed.status_code == 200
    assert changed.json()["data"]["outbound"]["tls"]["private_key_set"] is True
    kept = await world.gateway.directory.get_trunk(world.organization_id, trunk["id"])
    assert kept.outbound is not None
    assert kept.outbound.tls is not None
    assert kept.outbound.tls.private_key == key
    other = Authority().sign("client.example.com").certificate
    change = {"outbound": outbound | {"tls": {"certificate": other}}}
    response = await world.api("PATCH", path, json=change)
    assert error_of(response)["details"]["field"] == "outbound.tls.private_key"


DIGEST = {"name": "PBX", "inbound": {"auth_username": "pbx", "auth_password": "correct horse"}}


async def test_a_digest_user_is_challenged_and_his_password_is_kept_as_a_hash(world: World) -> None:
    made = await world.api.post("trunks", DIGEST)
    assert made.status_code == 201
    assert made.json()["data"]["inbound"] == {
        "allowed_addresses": [],
        "auth_username": "pbx",
        "auth_password_set": True,
        "match": "all",
        "route_by": "request_uri",
        "registrar": None,
    }
    trunk_id = made.json()["data"]["id"]
    kept = await world.gateway.directory.get_trunk(world.organization_id, trunk_id)
    assert kept.inbound is not None
    assert kept.inbound.digest is not None
    assert "correct horse" not in repr(kept) + made.text
    before = kept.inbound.digest

    # Whoever changes the rest does not have the password.
    side = {"auth_username": "pbx", "allowed_addresses": ["192.0.2.1"], "match": "any"}
    changed = (await world.api("PATCH", f"/trunks/{trunk_id}", json={"inbound": side})).json()["data"]
    assert (changed["inbound"]["match"], changed["inbound"]["auth_password_set"]) == ("any", True)
    kept = await world.gateway.directory.get_trunk(world.organization_id, trunk_id)
    assert kept.inbound is not None
    assert kept.inbound.digest == before

    other = {"inbound": {"auth_username": "other"}}
    refused = await world.api("PATCH", f"/trunks/{trunk_id}", json=other)
    assert refused.json()["error"]["details"]["field"] == "inbound.auth_password"


async def test_a_digest_user_is_one_trunks_alone(world: World) -> None:
    assert (await world.api.post("trunks", DIGEST)).status_code == 201
    taken = await world.api.post("trunks", DIGEST)
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "auth_username_taken")
    other = (await world.api.post("trunks", {"name": "Out", "outbound": {"address": "192.0.2.1"}})).json()
    patched = await world.api("PATCH", f"/trunks/{other['data']['id']}", json={"inbound": DIGEST["inbound"]})
    assert patched.status_code == 409


REGISTERED: dict[str, Any] = {
    "name": "Office",
    "inbound": {
        "auth_username": "office",
        "auth_password": "correct horse",
        "registrar": {"max_contacts": 2, "max_expires": 600},
    },
    "outbound": {"to_registered": "number"},
}


async def test_a_trunk_that_somebody_registers_at_shows_who_has(world: World) -> None:
    response = await world.api.post("trunks", REGISTERED)
    assert response.status_code == 201, response.text
    trunk = response.json()["data"]
    assert trunk["inbound"]["registrar"] == {
        "enabled": True,
        "max_contacts": 2,
        "min_expires": 60,
        "max_expires": 600,
        "trust_source": False,
    }
    assert (trunk["outbound"]["address"], trunk["outbound"]["to_registered"]) == (None, "number")
    assert trunk["registered_contacts"] is None
    at = datetime(2026, 5, 6, tzinfo=UTC)
    world.gateway.trunk_statuses[trunk["id"]] = TrunkStatus(
        contacts=(RegisteredStatus("sip:a@b", "ws", "192.0.2.7:5060", "Phone 1", 0.5, at, at, at),)
    )
    (shown,) = (await world.api.get(f"trunks/{trunk['id']}")).json()["data"]["registered_contacts"]
    assert (shown["contact"], shown["transport"], shown["address"]) == ("sip:a@b", "ws", "192.0.2.7:5060")
    assert (shown["user_agent"], shown["q"], shown["expires_at"][:10]) == ("Phone 1", 0.5, "2026-05-06")


async def test_what_was_read_can_be_sent_back_and_registering_goes_on(world: World) -> None:
    trunk = (await world.api.post("trunks", REGISTERED)).json()["data"]
    side = trunk["inbound"] | {"allowed_addresses": ["192.0.2.1"]}
    side.pop("auth_password_set")
    found = ("auth_password_set", "target_states")  # what is known, not set
    outbound = {name: value for name, value in trunk["outbound"].items() if name not in found}
    changed = await world.api("PATCH", f"trunks/{trunk['id']}", json={"inbound": side, "outbound": outbound})
    assert changed.status_code == 200, changed.text
    assert changed.json()["data"]["inbound"]["registrar"] == trunk["inbound"]["registrar"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"outbound": {}}, "outbound.address"),
        ({"outbound": {"to_registered": "number", "address": "192.0.2.1"}}, "outbound.address"),
        (
            {"outbound": {"to_registered": "number", "registration": {"username": "x"}}},
            "outbound.registration",
        ),
        ({"outbound": {"to_registered": "name"}}, "outbound.to_registered"),
        ({"inbound": {"allowed_addresses": ["192.0.2.1"]}}, "outbound.to_registered"),
        (
            {"outbound": None, "inbound": {"allowed_addresses": ["192.0.2.1"], "registrar": {}}},
            "inbound.registrar",
        ),
        (
            {"inbound": REGISTERED["inbound"] | {"registrar": {"min_expires": 900, "max_expires": 600}}},
            "inbound.registrar.max_expires",
        ),
        (
            {"inbound": REGISTERED["inbound"] | {"registrar": {"max_contacts": 0}}},
            "inbound.registrar.max_contacts",
        ),
    ],
)
async def test_a_trunk_that_nobody_could_register_at_is_refused(
    world: World, change: dict[str, Any], field: str
) -> None:
    response = await world.api.post("trunks", REGISTERED | change)
    assert response.status_code == 422
    assert response.json()["error"]["details"]["field"] == field, response.text
