"""A trunk's target is asked with OPTIONS over real sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.trunk_probe import ProbeOutcome, TrunkProbe
from sip.message import Request
from sip.user_agent import Listen, OptionsReply, UserAgent, UserAgentConfig
from store.records import TrunkOutbound
from store.target_records import TrunkTransport
from tests.support.sip_endpoint_harness import peer_response
from tests.support.sip_sockets import UdpPeer


def agent() -> UserAgent:
    listen = (Listen("udp", "127.0.0.1", 0), Listen("tcp", "127.0.0.1", 0))
    return UserAgent(
        UserAgentConfig(listen), on_invite=lambda call: None, on_options=lambda: OptionsReply(503, 5)
    )


@pytest.mark.parametrize("transport", list(TrunkTransport)[:2])
async def test_any_answer_proves_that_somebody_is_there(transport: TrunkTransport) -> None:
    here, there = agent(), agent()
    await here.start()
    await there.start()
    try:
        port = next(listen.port for listen in there.addresses if listen.transport == transport)
        result = await TrunkProbe(here)(TrunkOutbound(f"127.0.0.1:{port}", transport))
        assert (result.outcome, result.sip_status) == (ProbeOutcome.REACHABLE, 503)
        assert f"127.0.0.1:{port} answered 503" in result.text
    finally:
        await here.close()
        await there.close()


async def test_nobody_there_is_told_in_time() -> None:
    here = agent()
    await here.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{deaf.getsockname()[1]}"
            result = await TrunkProbe(here, timeout_s=0.2)(TrunkOutbound(address))
        assert result.outcome is ProbeOutcome.NOT_REACHABLE
        assert "did not answer OPTIONS" in result.text
        unknown = await TrunkProbe(here)(TrunkOutbound("nowhere.invalid"))
        assert unknown.outcome is ProbeOutcome.NOT_REACHABLE
    finally:
        await here.close()


@pytest.mark.parametrize(
    ("last", "outcome"), [(403, ProbeOutcome.CREDENTIALS_REFUSED), (200, ProbeOutcome.REACHABLE)]
)
async def test_credentials_are_tried_when_they_are_asked_for(last: int, outcome: ProbeOutcome) -> None:
    here = agent()
    await here.start()
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="n"'),)
    try:
        async with UdpPeer() as peer:
            port = here.addresses[0].port
            target = TrunkOutbound(f"127.0.0.1:{peer.port}", auth_username="u", auth_password="p")
            asking = asyncio.create_task(TrunkProbe(here)(target))
            first = await peer.receive_message()
            assert isinstance(first, Request)
            peer.send(peer_response(first, 401, headers=challenge), port)
            second = await peer.receive_message()
            assert isinstance(second, Request)
            assert second.get("Authorization")
            peer.send(peer_response(second, last), port)
            assert (await asking).outcome is outcome
    finally:
        await here.close()
