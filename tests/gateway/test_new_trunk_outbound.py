from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import InvalidRequestError
from gateway.new_trunk_outbound import check_outbound_extras, check_signalling, tls_settings
from sip.tls_settings import TlsClientSettings
from store.records import TrunkOutbound, TrunkRegistration, TrunkSignalling, TrunkTls
from store.target_records import TrunkTransport

OUTBOUND = TrunkOutbound("sip.example.com", TrunkTransport.TLS, "user", "secret")


@pytest.mark.parametrize(
    ("signalling", "field"),
    [
        (TrunkSignalling(session_expires=89), "signalling.session_expires"),
        (TrunkSignalling(session_expires=86_401), "signalling.session_expires"),
        (TrunkSignalling(min_session_expires=89), "signalling.min_session_expires"),
        (TrunkSignalling(min_session_expires=1801), "signalling.min_session_expires"),
    ],
)
def test_intervals_have_bounds(signalling: TrunkSignalling, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_signalling(signalling)
    assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    ("outbound", "field"),
    [
        (replace(OUTBOUND, probe_interval=4), "outbound.probe_interval"),
        (replace(OUTBOUND, probe_interval=3601), "outbound.probe_interval"),
        (replace(OUTBOUND, registration=TrunkRegistration(59)), "outbound.registration.expires"),
        (
            TrunkOutbound("h", registration=TrunkRegistration()),
            "outbound.registration.username",
        ),
        (replace(OUTBOUND, transport=TrunkTransport.TCP, tls=TrunkTls()), "outbound.tls"),
        (replace(OUTBOUND, tls=TrunkTls(min_version="1.0")), "outbound.tls.min_version"),
        (replace(OUTBOUND, tls=TrunkTls(ca="none")), "outbound.tls.ca"),
        (replace(OUTBOUND, tls=TrunkTls(ca="-----BEGIN CERTIFICATE-----\n\u00e9")), "outbound.tls.ca"),
        (replace(OUTBOUND, tls=TrunkTls(server_name=".example.com")), "outbound.tls.server_name"),
        (replace(OUTBOUND, tls=TrunkTls(server_name="a..example.com")), "outbound.tls.server_name"),
        (replace(OUTBOUND, tls=TrunkTls(certificate="c")), "outbound.tls.private_key"),
        (replace(OUTBOUND, tls=TrunkTls(private_key="k")), "outbound.tls.certificate"),
    ],
)
def test_what_is_wrong_is_named(outbound: TrunkOutbound, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_outbound_extras(outbound)
    assert caught.value.details["field"] == field


def test_what_is_right_passes() -> None:
    check_signalling(TrunkSignalling(session_expires=90))
    check_outbound_extras(
        replace(OUTBOUND, probe_interval=60, registration=TrunkRegistration(), tls=TrunkTls())
    )


def test_a_trunk_without_settings_has_the_defaults() -> None:
    assert tls_settings(None) == TlsClientSettings()
    assert tls_settings(TrunkTls(server_name="a", min_version="1.3")) == TlsClientSettings(
        server_name="a", min_version="1.3"
    )
    assert tls_settings(TrunkTls(wildcard=True)).wildcard
