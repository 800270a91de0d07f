"""A carrier's account is checked over its API, against a server that answers as the carrier does."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.errors import CarrierError, InvalidRequestError
from gateway.numbers.carriers import CarrierAccount, Carriers, TelnyxAccount, TwilioAccount

NUMBER = "+14155550123"


class CarrierServer:
    """Answers like Telnyx and Twilio; `status` other than 200 is what it answers to everybody."""

    def __init__(self) -> None:
        self.status = 200
        self.body: str | None = None

    async def telnyx(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer KEY":
            return web.json_response({"errors": [{"code": "10009"}]}, status=401)
        held = [{"phone_number": NUMBER}] if request.query["filter[phone_number]"] == NUMBER else []
        return self._answer({"data": held})

    async def twilio(self, request: web.Request) -> web.Response:
        good = f"{request.match_info['sid']}:token".encode()
        if request.headers["Authorization"] != f"Basic {base64.b64encode(good).decode()}":
            return web.json_response({"code": 20003}, status=401)
        held = [{"phone_number": NUMBER}] if request.query["PhoneNumber"] == NUMBER else []
        return self._answer({"incoming_phone_numbers": held})

    def _answer(self, body: object) -> web.Response:
        if self.body is not None:
            return web.Response(text=self.body)
        return web.json_response(body, status=self.status)


@asynccontextmanager
async def carriers(server: CarrierServer) -> AsyncIterator[Carriers]:
    app = web.Application()
    app.router.add_get("/v2/phone_numbers", server.telnyx)
    app.router.add_get("/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json", server.twilio)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield Carriers(telnyx_url=f"http://{host}:{port}", twilio_url=f"http://{host}:{port}/")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("account", [TelnyxAccount("KEY"), TwilioAccount("AC1", "token")])
async def test_an_account_that_holds_the_number_is_good(account: CarrierAccount) -> None:
    async with carriers(CarrierServer()) as asked:
        await asked.check(account, NUMBER)
        with pytest.raises(InvalidRequestError) as refused:
            await asked.check(account, "+14155550999")
    assert refused.value.code == "number_not_in_account"
    assert refused.value.details["field"] == "phone_number"


@pytest.mark.parametrize(
    ("account", "field"),
    [(TelnyxAccount("WRONG"), "api_key"), (TwilioAccount("AC1", "wrong"), "auth_token")],
)
async def test_a_refused_account_names_its_secret(account: CarrierAccount, field: str) -> None:
    async with carriers(CarrierServer()) as asked:
        with pytest.raises(InvalidRequestError) as refused:
            await asked.check(account, NUMBER)
    assert refused.value.details["field"] == field
    assert "WRONG" not in refused.value.message


@pytest.mark.parametrize(("status", "body"), [(500, None), (302, None), (200, "<html>"), (200, "[]")])
async def test_a_carrier_that_cannot_say_is_no_fault_of_the_client(status: int, body: str | None) -> None:
    server = CarrierServer()
    server.status, server.body = status, body
    async with carriers(server) as asked:
        with pytest.raises((CarrierError, InvalidRequestError)) as told:
            await asked.check(TelnyxAccount("KEY"), NUMBER)
    assert isinstance(told.value, CarrierError) == (body != "[]")


async def test_a_carrier_that_is_away_is_told() -> None:
    with pytest.raises(CarrierError):
        await Carriers(telnyx_url="http://127.0.0.1:9", twilio_url="http://127.0.0.1:9").check(
            TelnyxAccount("KEY"), NUMBER
        )
