import base64
import hashlib
import hmac

from gateway.configuration.browser import TurnSection
from gateway.ice_servers import IceServer, IceServers, ice_server_json, link_headers

URLS = ("turn:relay.example.com:3478?transport=udp", "turns:relay.example.com:443?transport=tcp")


def test_credentials_are_what_a_relay_with_the_same_secret_expects() -> None:
    config = TurnSection(urls=URLS, secret="shared", credential_life=600.0)
    (server,) = IceServers(config, clock=lambda: 1_800_000_000.9).for_call("call-1")
    assert server.urls == URLS
    assert server.username == "1800000600:call-1"
    expected = hmac.new(b"shared", b"1800000600:call-1", hashlib.sha1).digest()
    assert server.credential == base64.b64encode(expected).decode()


def test_each_call_has_credentials_of_its_own() -> None:
    servers = IceServers(TurnSection(urls=URLS, secret="shared"))
    first, second = servers.for_call("call-1"), servers.for_call("call-2")
    assert first[0].credential != second[0].credential


def test_stun_servers_need_no_credentials_and_without_servers_there_are_none() -> None:
    config = TurnSection(stun_urls=("stun:stun.example.com",), urls=URLS, secret="shared")
    stun, turn = IceServers(config).for_call("call-1")
    assert ice_server_json(stun) == {"urls": ["stun:stun.example.com"]}
    assert set(ice_server_json(turn)) == {"urls", "username", "credential"}
    assert IceServers(TurnSection()).for_call("call-1") == ()


def test_link_headers_name_each_url_with_its_credentials() -> None:
    links = link_headers((IceServer(("stun:a",)), IceServer(("turn:b", "turn:c"), "1:x", "pw=")))
    assert links == [
        '<stun:a>; rel="ice-server"',
        '<turn:b>; rel="ice-server"; username="1:x"; credential="pw="; credential-type="password"',
        '<turn:c>; rel="ice-server"; username="1:x"; credential="pw="; credential-type="password"',
    ]
