"""The configuration's defaults and checks."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config import Config
from gateway.configuration.endpoints import parse_endpoint, parse_port_range
from gateway.configuration.section import parse_duration
from gateway.configuration.sip import SipSection
from sip.tls_settings import TlsServerSettings


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(30, 30.0), ("30s", 30.0), ("500ms", 0.5), ("5m", 300.0), ("1h", 3600.0), ("1.5", 1.5)],
)
def test_durations_are_read_in_the_units_people_write(value: object, seconds: float) -> None:
    assert parse_duration(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["soon", "", "-1s", "10 s", True, None])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


def test_endpoints_take_both_address_families() -> None:
    assert parse_endpoint("127.0.0.1:5060") == ("127.0.0.1", 5060)
    assert parse_endpoint("[::1]:0") == ("::1", 0)


@pytest.mark.parametrize("value", ["127.0.0.1", "127.0.0.1:70000", "::1:5060", ":5060", "host:port"])
def test_what_is_no_endpoint_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_endpoint(value)


@pytest.mark.parametrize("value", ["20000", "30000-20000", "80-90", "20000-70000", "a-b"])
def test_what_is_no_port_range_is_refused(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (several messages)
        parse_port_range(value)


def test_a_listener_needs_a_known_transport() -> None:
    with pytest.raises(ValidationError, match="udp:, tcp: or tls:"):
        SipSection(listen=("sctp:127.0.0.1:5060",))


def test_listeners_are_given_as_transport_host_and_port() -> None:
    section = SipSection(listen=("udp:127.0.0.1:5060", "tcp:[::1]:5062"))
    assert section.endpoints() == (("udp", "127.0.0.1", 5060), ("tcp", "::1", 5062))


def test_the_database_is_a_file_in_the_data_directory_by_default() -> None:
    assert Config().database_url() == "sqlite:///data/trunkline.db"


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"storage": "s3"}, "s3_bucket"),
        ({"storage": "s3", "s3_bucket": "b", "s3_access_key_id": "k"}, "s3_secret_access_key"),
        ({"link_secret": "x", "link_secret_file": "y"}, "one of the two"),
        ({"format": "flac"}, "format"),
        ({"channels": "four"}, "channels"),
        ({"bitrate": 1000}, "bitrate"),
        ({"retention_days": -1}, "retention_days"),
        ({"public_url": "calls.example.com"}, "http://"),
    ],
)
def test_recordings_that_could_not_be_kept_are_found_at_the_start(
    section: dict[str, object], fault: str
) -> None:
    with pytest.raises(ValidationError, match=fault):
        Config.model_validate({"recordings": section})


def test_an_address_that_links_begin_with_needs_no_slash_at_its_end() -> None:
    config = Config.model_validate({"recordings": {"public_url": "https://calls.example.com/"}})
    assert config.recordings.public_url == "https://calls.example.com"


def test_the_engine_key_is_not_shown_when_the_configuration_is_printed() -> None:
    config = Config.model_validate({"engine": {"api_key": "very-secret"}})
    assert "very-secret" not in repr(config)


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        ({"urls": ("turn:relay.example.com",)}, "need the secret"),
        ({"urls": ("stun:relay.example.com",), "secret": "s"}, "is not like turn:"),
        ({"stun_urls": ("https://stun.example.com",)}, "is not like stun:"),
        ({"stun_urls": ('stun:a"; rel="x',)}, "is not like stun:"),
        ({"secret": "s", "secret_file": "f"}, "one of the two"),
        ({"credential_life": "30s"}, "60"),
    ],
)
def test_relays_that_could_not_be_used_are_found_at_the_start(turn: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate({"turn": turn})


def test_a_tls_listener_needs_a_certificate() -> None:
    with pytest.raises(ValidationError, match="tls_certificate"):
        Config.model_validate({"sip": {"listen": ["tls:0.0.0.0:5061"]}})
    sip = Config.model_validate(
        {"sip": {"listen": ["tls:0.0.0.0:5061"], "tls_certificate": "a.pem", "tls_private_key": "a.key"}}
    ).sip
    assert sip.endpoints() == (("tls", "0.0.0.0", 5061),)
    assert sip.tls_server() == TlsServerSettings(Path("a.pem"), Path("a.key"))
    assert Config().sip.tls_server() is None


def test_a_listener_behind_a_nat_says_what_peers_are_told() -> None:
    section = SipSection(
        listen=(
            "udp:10.0.0.5:5060@203.0.113.5",
            "tcp:10.0.0.5:5060@203.0.113.5:15060",
            "udp:[::]:5060@[2001:db8::5]:15060",
            "tcp:[::]:5060@2001:db8::5",
            "udp:10.0.0.6:5060@sip.example.com",
            "udp:10.0.0.7:5060",
        )
    )
    assert section.endpoints()[1] == ("tcp", "10.0.0.5", 5060)
    assert section.publics() == (
        ("203.0.113.5", None),
        ("203.0.113.5", 15060),
        ("2001:db8::5", 15060),
        ("2001:db8::5", None),
        ("sip.example.com", None),
        (None, None),
    )


@pytest.mark.parametrize("public", ["", "a b", "203.0.113.5:port", "203.0.113.5:70000", "x@y"])
def test_what_peers_are_told_is_a_host(public: str) -> None:
    with pytest.raises(ValidationError, match="HOST:PORT"):
        SipSection(listen=(f"udp:10.0.0.5:5060@{public}",))
