"""A trunk says whether audio goes to where packets come from: a phone that sends from another port than it
listens at hears the agent where the trunk says.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import pytest

from media.rtp import RtpPacket
from tests.e2e.api_client import ApiClient
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO
from tests.support.sip_peer import SipPeer

PHONE_HOST = "127.0.0.2"  # of a trunk of its own, beside that of the demonstration
ULAW_SILENCE = b"\xff" * 160


def received(sock: socket.socket) -> int:
    count = 0
    with contextlib.suppress(BlockingIOError):
        while sock.recv(2048):
            count += 1
    return count


@pytest.mark.parametrize(("symmetric", "at_signalled"), [("never", True), ("auto", False), ("always", False)])
async def test_audio_goes_where_the_trunk_says(
    start_gateway: Callable[..., Gateway], symmetric: str, *, at_signalled: bool
) -> None:
    gateway = start_gateway()
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(contextlib.closing(ApiClient(gateway.http, gateway.demo_key)))
        inbound = {"allowed_addresses": [PHONE_HOST]}
        api.post("/trunks", {"name": "asymmetric", "inbound": inbound, "symmetric": symmetric})
        listening, sending = (
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)
        )
        for sock in (listening, sending):
            sock.bind((PHONE_HOST, 0))
            sock.setblocking(False)
        offer = (
            f"v=0\r\no=phone 7 1 IN IP4 {PHONE_HOST}\r\ns=-\r\nc=IN IP4 {PHONE_HOST}\r\nt=0 0\r\n"
            f"m=audio {listening.getsockname()[1]} RTP/AVP 0\r\n"
        )
        host, _, port = gateway.sip.rpartition(":")
        async with await SipPeer.open(host=PHONE_HOST) as phone:
            call = await phone.call(f"sip:{ECHO}@{host}", (host, int(port)), offer.encode())
            answer = await call.until_final()
            assert answer.status == 200
            line = next(line for line in answer.body.decode().splitlines() if line.startswith("m=audio"))
            target = (host, int(line.split()[1]))
            await asyncio.sleep(0.3)
            before = received(listening)
            for number in range(75):
                packet = RtpPacket(0, number, number * 160, 1, False, ULAW_SILENCE)
                sending.sendto(packet.serialize(), target)
                if number == 25:
                    received(listening)  # what went there before the first packet from elsewhere
                await asyncio.sleep(0.02)
            there, back = received(listening), received(sending)
            await call.bye()
        assert (before == 0) == (symmetric == "always"), "what is sent before anything has come"
        assert (there > 30, back > 30) == (at_signalled, not at_signalled)
