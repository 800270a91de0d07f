"""TLS of the SIP side: two user agents on loopback, with an authority of their own."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sip.call_listener import Credentials
from sip.incoming_call import IncomingCall
from sip.out_of_dialog_request import OutOfDialogTarget
from sip.tls_settings import ServerCertificate, TlsClientSettings, TlsServerSettings, TlsSettingsError
from sip.user_agent import Listen, OptionsReply, OutboundTarget, UserAgent, UserAgentConfig
from tests.support.certificates import Authority, Pair
from tests.support.sip_endpoint_harness import ANSWER, OFFER, RecordingListener

NAME = "sip.example.com"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.sign(NAME)


def server_settings(pair: Pair, directory: Path, **more: Path) -> TlsServerSettings:
    return TlsServerSettings(*pair.write(directory), **more)


class Owner(RecordingListener):
    def __init__(self) -> None:
        super().__init__()
        self.arrived: asyncio.Queue[str] = asyncio.Queue()
        self.transports: list[str] = []

    def _note(self, name: str, *details: object) -> None:
        super()._note(name, *details)
        self.arrived.put_nowait(name)

    def take(self, call: IncomingCall) -> None:
        call.listener = self
        self.transports.append(call.peer.transport)
        call.answer(ANSWER)

    async def wait_for(self, name: str) -> None:
        async with asyncio.timeout(5):
            while await self.arrived.get() != name:
                pass


@asynccontextmanager
async def agent(owner: Owner, tls: TlsServerSettings | None = None) -> AsyncIterator[UserAgent]:
    listen = Listen("udp", "127.0.0.1", 0) if tls is None else Listen("tls", "127.0.0.1", 0)
    made = UserAgent(
        UserAgentConfig(listen=(listen,), tls=tls), on_invite=owner.take, on_options=lambda: OptionsReply(200)
    )
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def port_of(server: UserAgent) -> int:
    return server.addresses[0].port


def target(server: UserAgent, tls: TlsClientSettings) -> OutboundTarget:
    uri = f"sip:+15550100@127.0.0.1:{port_of(server)};transport=tls"
    return OutboundTarget(
        uri, "127.0.0.1", port_of(server), "tls", "sip:+15550199@127.0.0.1", None, uri, offer=OFFER, tls=tls
    )


async def options(client: UserAgent, server: UserAgent, tls: TlsClientSettings) -> int:
    status, _ = await client.ask(
        "OPTIONS",
        OutOfDialogTarget(
            f"sip:127.0.0.1:{port_of(server)}",
            "127.0.0.1",
            port_of(server),
            "tls",
            "sip:us@127.0.0.1",
            "sip:them@127.0.0.1",
            credentials=Credentials("u", "p"),
            tls=tls,
        ),
    )
    return status


async def test_a_call_over_tls_from_invite_to_bye_of_either_side(
    authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    ours, theirs = Owner(), Owner()
    settings = server_settings(pair, tmp_path)
    trusted = TlsClientSettings(ca=authority.pem, server_name=NAME)
    async with agent(theirs, settings) as server, agent(ours, settings) as client:
        call = client.call(target(server, trusted), ours)
        await ours.wait_for("answer")
        await theirs.wait_for("established")
        assert theirs.transports == ["tls"]
        assert call.peer.transport == "tls"
        assert "transport=tls" in call.contact
        (incoming,) = server._endpoint.calls
        incoming.hang_up()
        await ours.wait_for("terminated")
        assert ours.events[-1] == ("terminated", "remote")
        again = client.call(target(server, trusted), ours)
        await ours.wait_for("answer")
        again.hang_up()
        await ours.wait_for("terminated")
        assert client.statistics.connections == 1, "one connection serves both calls"


async def test_who_is_not_trusted_gets_no_call(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    owner = Owner()
    async with agent(owner, server_settings(pair, tmp_path)) as server, agent(Owner()) as client:
        for wrong in (
            TlsClientSettings(),
            TlsClientSettings(ca=Authority("Another").pem, server_name=NAME),
            TlsClientSettings(ca=authority.pem, server_name="other.example.com"),
            TlsClientSettings(ca=authority.pem),  # the certificate is not for the address
        ):
            assert await options(client, server, wrong) == 503
        assert await options(client, server, TlsClientSettings(ca=authority.pem, server_name=NAME)) == 200
        for wrong in (TlsClientSettings(), TlsClientSettings(ca=authority.pem, server_name="x.example.com")):
            assert await options(client, server, wrong) == 503, "a connection of others is not used"


async def test_a_wildcard_stands_for_a_name_only_where_that_is_allowed(
    authority: Authority, tmp_path: Path
) -> None:
    settings = server_settings(authority.sign("*.example.com"), tmp_path)
    async with agent(Owner(), settings) as server, agent(Owner()) as client:
        strict = TlsClientSettings(ca=authority.pem, server_name=NAME)
        assert await options(client, server, strict) == 503
        assert await options(client, server, replace(strict, wildcard=True)) == 200


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_caller_whose_connection_is_gone_is_reached_by_what_its_trunk_trusts(
    authority: Authority, pair: Pair, tmp_path: Path, trusted: bool
) -> None:
    ours, theirs = Owner(), Owner()
    settings = server_settings(pair, tmp_path)
    onward = TlsClientSettings(ca=authority.pem, server_name=NAME)
    async with agent(theirs, settings) as server, agent(ours, settings) as client:
        client.call(target(server, onward), ours)
        await theirs.wait_for("established")
        (incoming,) = server._endpoint.calls
        if trusted:
            incoming.trust_onward(onward)
        assert server._transports._tls is not None
        for connection in list(server._transports._tls._connections.values()):
            connection.abort()
        incoming.hang_up()
        if trusted:
            await ours.wait_for("terminated")
        else:
            async with asyncio.timeout(5):
                while server.statistics.dialogs:
                    await asyncio.sleep(0.01)
            assert "terminated" not in ours.names


async def test_a_server_may_ask_for_a_certificate(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    settings = server_settings(pair, tmp_path, client_ca=ca)
    trusted = TlsClientSettings(ca=authority.pem, server_name=NAME)
    mine = authority.sign("client.example.com")
    stranger = Authority("Another").sign("client.example.com")
    async with agent(Owner(), settings) as server, agent(Owner()) as client:
        shown = replace(trusted, certificate=mine.certificate, private_key=mine.private_key)
        assert await options(client, server, shown) == 200
        foreign = replace(trusted, certificate=stranger.certificate, private_key=stranger.private_key)
        for refused in (trusted, foreign):
            assert await options(client, server, refused) == 503


async def test_the_oldest_version_is_what_both_say(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    settings = replace(server_settings(pair, tmp_path), min_version="1.3")
    async with agent(Owner(), settings) as server:
        old = TlsClientSettings(ca=authority.pem).context()
        old.check_hostname = False
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port_of(server), ssl=old)


async def test_a_renewed_certificate_is_taken_up_and_calls_go_on(
    authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    settings = server_settings(pair, tmp_path)
    trusted = TlsClientSettings(ca=authority.pem, server_name=NAME)
    owner = Owner()
    async with agent(Owner(), settings) as server, agent(Owner()) as client:
        before = client.call(target(server, trusted), owner)
        await owner.wait_for("answer")
        renewed = Authority("Renewed")
        _renew(renewed.sign(NAME), tmp_path)
        tls = server._transports._tls
        assert tls is not None
        assert tls._certificate is not None
        assert tls._certificate.reload_if_changed()
        assert not tls._certificate.reload_if_changed()
        assert await options(client, server, TlsClientSettings(ca=renewed.pem, server_name=NAME)) == 200
        before.hang_up()
        await owner.wait_for("terminated")
        assert owner.events[-1] == ("terminated", "local")


def test_half_renewed_files_change_nothing(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    certificate = ServerCertificate(server_settings(pair, tmp_path))
    renewed = authority.sign(NAME)
    (tmp_path / "server.pem").write_text(renewed.certificate)
    _touch(tmp_path / "server.pem")
    assert not certificate.reload_if_changed(), "the key is still the old one's"
    (tmp_path / "server.key").unlink()
    assert not certificate.reload_if_changed()
    (tmp_path / "server.key").write_text(renewed.private_key)
    assert certificate.reload_if_changed()


def test_what_cannot_be_used_is_named(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    other = authority.sign(NAME)
    wrong = {
        "ca": [TlsClientSettings(ca="nonsense")],
        "certificate": [
            TlsClientSettings(certificate="nonsense", private_key="nonsense"),
            TlsClientSettings(certificate=pair.certificate, private_key=other.private_key),
        ],
    }
    for field, settings in wrong.items():
        for each in settings:
            with pytest.raises(TlsSettingsError) as caught:
                each.context()
            assert caught.value.field == field
    certificate, key = pair.write(tmp_path)
    for server, field in (
        (TlsServerSettings(tmp_path / "none.pem", key), "certificate"),
        (TlsServerSettings(key, key), "certificate"),
        (TlsServerSettings(certificate, key, tmp_path / "none.pem"), "client_ca"),
    ):
        with pytest.raises(TlsSettingsError) as caught:
            server.context()
        assert caught.value.field == field
    assert "BEGIN" not in repr(TlsClientSettings(private_key=pair.private_key))


def _renew(pair: Pair, directory: Path) -> None:
    for path in pair.write(directory):
        _touch(path)


def _touch(path: Path) -> None:
    """A time that differs, however coarse the file system's clock is."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))
