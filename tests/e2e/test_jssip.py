"""JsSIP in Chromium calls an agent: SIP over WebSocket, DTLS-SRTP, ICE and Opus with software that we did
not write."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.gateway_process import Gateway
from tests.e2e.jssip_phone import JsSipPhone, chromium, web_pages
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import ECHO, RECEPTIONIST
from tests.e2e.softphones import PHONE_HZ, assert_tone
from tests.support.audio import tone, write_wav
from tests.support.certificates import Authority


class Desk:
    """A gateway that takes WebSockets, and a browser beside it."""

    def __init__(self, gateway: Gateway, api: ApiClient, engine: EngineView, browser: Browser, pages: str):
        self.gateway = gateway
        self.api = api
        self.engine = engine
        self._browser = browser
        self._pages = pages

    @contextlib.contextmanager
    def phone(
        self, user: str, server: str | None = None, password: str | None = None
    ) -> Iterator[JsSipPhone]:
        server = server or f"{self.gateway.http.replace('http', 'ws', 1)}/sip"
        uri = f"sip:{user}@phones.invalid"
        phone = JsSipPhone(self._browser, self._pages, server, uri, password)
        try:
            phone.wait_for("connected")
            yield phone
        finally:
            phone.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    directory = tmp_path_factory.mktemp("jssip")
    microphone = directory / "microphone.wav"
    write_wav(microphone, tone(PHONE_HZ, 4000, rate=48_000), rate=48_000)
    with contextlib.ExitStack() as stack:
        pages = stack.enter_context(web_pages())
        environment = {
            "TRUNKLINE_SIP_WEBSOCKET": "true",
            "TRUNKLINE_SIP_WEBSOCKET_ORIGINS": pages,
            "TRUNKLINE_HTTP_TRUSTED_PROXIES": "127.0.0.1",
            "TRUNKLINE_SIP_DIGEST_ALGORITHMS": "MD5",
        }
        gateway = stack.enter_context(watched(Gateway(directory, environment=UNLIMITED | environment)))
        api = stack.enter_context(contextlib.closing(ApiClient(gateway.http, gateway.demo_key)))
        engine = stack.enter_context(contextlib.closing(EngineView.of_child(gateway)))
        (trunk,) = api.get("/trunks")
        codecs = {"codecs": ["OPUS", "PCMU"]}
        api.http.patch(f"/trunks/{trunk['id']}", json=codecs).raise_for_status()
        browser = stack.enter_context(chromium(microphone))
        yield Desk(gateway, api, engine, browser, pages)
        assert_calls_gone(gateway)


def test_a_browser_hears_its_echo_in_opus_and_hangs_up(desk: Desk) -> None:
    user = "+15557659001"
    with desk.phone(user) as phone:
        phone.dial(f"sip:{ECHO}@trunkline.invalid")
        phone.wait_for("confirmed")
        phone.wait_until_heard(4)
        call = desk.api.wait_for_call(lambda call: call["phone_number"] == user, direction="inbound")
        phone.hang_up()
        assert phone.wait_for("ended")["by"] == "local"
        heard = phone.heard()
        assert phone.wait_for("track")["streams"] == 1
        assert "a=mid:0" in phone.answer_sdp()
    assert_tone(heard, PHONE_HZ, 2.0)
    desk.api.wait_for_status(call["id"], "ended")
    network = desk.api.get(f"/calls/{call['id']}/quality")["legs"][0]["network"]
    assert network["codec"].lower() == "opus"
    assert network["srtp"] is not None
    assert network["packets_undecryptable"] == 0


@pytest.mark.parametrize(("transport", "digit"), [("INFO", "5"), ("RFC2833", "7")])
def test_keys_that_a_browser_presses_reach_the_agent_which_hangs_up(
    desk: Desk, transport: str, digit: str
) -> None:
    user = f"+1555765901{digit}"
    with desk.phone(user) as phone:
        phone.dial(f"sip:{RECEPTIONIST}@trunkline.invalid")
        phone.wait_for("confirmed")
        call = desk.api.wait_for_call(
            lambda call: call["phone_number"] == user and call["status"] == "in-progress"
        )
        phone.wait_until_heard(0.5)
        phone.press(digit, transport)
        (engine_call,) = engine_call_ids(desk.api.timeline(call["id"]))
        limit = time.monotonic() + 5
        while not any(digit in text for text in desk.engine.texts(engine_call)):
            assert time.monotonic() < limit, desk.engine.texts(engine_call)
            time.sleep(0.05)
        desk.api.post(f"/calls/{call['id']}/hangup")
        assert phone.wait_for("ended")["by"] == "remote"
    desk.api.wait_for_status(call["id"], "ended")


def test_a_browser_calls_over_a_websocket_in_tls(desk: Desk, tmp_path: Path) -> None:
    user = "+15557659021"
    with (
        tls_in_front_of(desk.gateway, tmp_path) as port,
        desk.phone(user, f"wss://127.0.0.1:{port}/sip") as phone,
    ):
        phone.dial(f"sip:{ECHO}@trunkline.invalid")
        phone.wait_for("confirmed")
        call = desk.api.wait_for_call(
            lambda call: call["phone_number"] == user and call["status"] == "in-progress"
        )
        desk.api.post(f"/calls/{call['id']}/hangup")
        assert phone.wait_for("ended")["by"] == "remote"
    desk.api.wait_for_status(call["id"], "ended")


def test_a_browser_anywhere_calls_with_a_password(desk: Desk) -> None:
    (trunk,) = desk.api.get("/trunks")
    path = f"/trunks/{trunk['id']}"
    credentials = {"auth_username": "phone", "auth_password": "secret of phone"}
    desk.api.http.patch(path, json={"inbound": credentials}).raise_for_status()
    try:
        with desk.phone("phone", password="wrong") as phone:
            phone.dial(f"sip:{ECHO}@trunkline.invalid")
            assert phone.wait_for("failed")["cause"] == "Authentication Error"
        with desk.phone("phone", password="secret of phone") as phone:
            phone.dial(f"sip:{ECHO}@trunkline.invalid")
            phone.wait_for("confirmed")
            phone.hang_up()
            assert phone.wait_for("ended")["by"] == "local"
    finally:
        allowed = {"inbound": {"allowed_addresses": ["127.0.0.0/8"]}}
        desk.api.http.patch(path, json=allowed).raise_for_status()


def test_a_number_that_does_not_exist_is_refused_in_the_browser(desk: Desk) -> None:
    with desk.phone("+15557659031") as phone:
        phone.dial("sip:+15550000000@trunkline.invalid")
        assert phone.wait_for("failed")["cause"] == "Not Found"


@contextlib.contextmanager
def tls_in_front_of(gateway: Gateway, directory: Path) -> Iterator[int]:
    """What terminates TLS in front of the HTTP port, as an operator's proxy does; its port."""
    certificate, key = Authority().sign("localhost", "127.0.0.1").write(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    host, _, port = gateway.http.removeprefix("http://").rpartition(":")
    listening: queue.Queue[int] = queue.Queue()
    ended = threading.Event()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        head = await reader.readuntil(b"\r\n\r\n")
        inner_writer.write(head[:-2] + b"X-Forwarded-Proto: https\r\n\r\n")
        pumps = [
            asyncio.ensure_future(pump(reader, inner_writer)),
            asyncio.ensure_future(pump(inner_reader, writer)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in pumps:
            task.cancel()
        inner_writer.close()
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
        listening.put(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    try:
        yield listening.get(timeout=5)
    finally:
        ended.set()
        thread.join(5)
