"""A caller with its own SIP and RTP in this process, for tests that act on a call while it lasts."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Self

import httpx

from tests.e2e.gateway_process import Gateway
from tests.support.audio import RATE, Samples
from tests.support.rtp_peer import PTIME_MS, RtpPeer
from tests.support.sip_call import PeerCall
from tests.support.sip_peer import SipPeer

Json = dict[str, Any]


class LiveCaller:
    """Dials `number`, is answered, and sends silence until told otherwise. Use as an async context."""

    def __init__(self, gateway: Gateway, number: str, *, telephone_event: bool = True) -> None:
        self._gateway = gateway
        self._number = number
        self._telephone_event = telephone_event
        self.http = httpx.AsyncClient(
            base_url=f"{gateway.http}/api/public/v1",
            headers={"Authorization": f"Bearer {gateway.demo_key}"},
            timeout=20,
        )
        self.phone: SipPeer
        self.audio: RtpPeer
        self.call: PeerCall
        self.call_id = ""

    async def __aenter__(self) -> Self:
        self.audio = RtpPeer.open()
        self.phone = await SipPeer.open()
        host, _, port = self._gateway.sip.rpartition(":")
        offer = self.audio.sdp()
        if not self._telephone_event:
            offer = without_telephone_event(offer)
        self.call = await self.phone.call(f"sip:{self._number}@{self._gateway.sip}", (host, int(port)), offer)
        final = await self.call.until_final(15)
        assert final.status == 200, final.start_line
        self.audio.connect(final.body)
        self.audio.start()
        await self.audio.until_received(1)
        self.call_id = await self._find()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.call.ended:
            await self.call.bye()
        self.audio.close()
        await self.phone.close()
        await self.http.aclose()

    async def post(self, verb: str, body: Json | None = None, *, status: int | None = None) -> Json:
        """The `data` of the answer to `POST /calls/{id}/{verb}`, or the whole body when `status` is given."""
        response = await self.http.post(f"/calls/{self.call_id}/{verb}", json=body)
        if status is not None:
            assert response.status_code == status, response.text
            refused: Json = response.json()
            return refused
        assert response.is_success, response.text
        data: Json = response.json()["data"]
        assert data.get("id", self.call_id) == self.call_id
        return data

    async def timeline(self) -> list[Json]:
        response = await self.http.get(f"/calls/{self.call_id}/timeline")
        steps: list[Json] = response.json()["data"]
        return steps

    async def step(self, kind: str, seconds: float = 5) -> Json:
        """The detail of the newest step of this kind, waiting for it."""
        limit = time.monotonic() + seconds
        while True:
            found = [step["detail"] for step in await self.timeline() if step["kind"] == kind]
            if found:
                detail: Json = found[-1]
                return detail
            assert time.monotonic() < limit, f"no {kind} within {seconds} s: {await self.timeline()}"
            await asyncio.sleep(0.05)

    async def hears(self, milliseconds: int) -> Samples:
        """What arrives in the next so many milliseconds."""
        first = len(self.audio.received)
        await self.audio.until_received(first + milliseconds // PTIME_MS)
        return self.audio.audio()[-(milliseconds * RATE // 1000) :]

    async def _find(self) -> str:
        """The gateway's name for this call, by its SIP Call-ID."""
        limit = time.monotonic() + 5
        while time.monotonic() < limit:
            for call in (await self.http.get("/calls", params={"status": "in-progress"})).json()["data"]:
                if call["sip"]["call_id"] == self.call.call_id:
                    return str(call["id"])
            await asyncio.sleep(0.05)
        raise AssertionError("the call is not in progress")


def without_telephone_event(offer: bytes) -> bytes:
    """The offer of a phone that knows no RFC 4733."""
    lines = [
        line.removesuffix(b" 101") if line.startswith(b"m=audio") else line
        for line in offer.split(b"\r\n")
        if b":101 " not in line
    ]
    return b"\r\n".join(lines)
