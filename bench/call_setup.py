"""How long a caller waits for the whole gateway, by the caller's own clock: from the INVITE to the 180 and to
the 200, over UDP, TCP and TLS.

The gateway is that of `make run`, with its media workers and its local engine. The calls are placed by a user
agent of ours in this process, over one connection where there are connections, and bring no audio.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import uvloop

from bench.analysis import Spread, spread
from bench.media_run import ECHO_NUMBER
from bench.processes import GatewayProcess
from bench.short_calls import ShortCall, place_calls
from bench.sip_caller import offer
from gateway.free_port import free_sip_port
from sip.tls_settings import TlsClientSettings, TlsServerSettings
from sip.user_agent import Listen, OptionsReply, OutboundTarget, UserAgent, UserAgentConfig
from tests.support.certificates import Authority

HOST = "127.0.0.1"
TLS_NAME = "localhost"
TRANSPORTS = ("udp", "tcp", "tls")
AUDIO_PORT = 40_000  # told, and not listened to
WARM_UP_CALLS = 10  # connections stand, code is warm
SETTLE_S = 1.0  # after those: engine sockets close, records are written


class SetupRun(msgspec.Struct, frozen=True, kw_only=True):
    """INVITE, 180, 200, ACK, BYE through the whole gateway, over one transport."""

    transport: str
    calls: int
    failed: int
    rate: float  # calls begun per second
    ringing_ms: Spread | None  # INVITE to 180
    answer_ms: Spread | None  # INVITE to 200
    load_average: float  # of the machine, the last minute before the run


def measure_setup(calls: int, rate: float, transports: Sequence[str] = TRANSPORTS) -> Iterator[SetupRun]:
    """One gateway, one run for each transport. Raises `StartError` and `TimeoutError`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        authority = Authority()
        certificate, key = authority.sign(TLS_NAME).write(directory)
        tls_port = free_sip_port(HOST)
        environment = {
            "TRUNKLINE_SIP_TLS_CERTIFICATE": str(certificate),
            "TRUNKLINE_SIP_TLS_PRIVATE_KEY": str(key),
        }
        with GatewayProcess(
            directory, options=("--sip-tls", f"{HOST}:{tls_port}"), environment=environment
        ) as gateway:
            for transport in transports:
                agent = UserAgent(
                    UserAgentConfig(
                        listen=(Listen(transport, HOST, 0),),
                        tls=TlsServerSettings(certificate, key) if transport == "tls" else None,
                    ),
                    on_invite=lambda call: call.reject(486, "Busy Here"),
                    on_options=lambda: OptionsReply(200),
                )
                port = tls_port if transport == "tls" else gateway.sip[1]
                target = _target(transport, port, authority.pem)
                yield uvloop.run(_run(agent, target, calls, rate))


def setup_run(transport: str, rate: float, placed: Sequence[ShortCall], load_average: float) -> SetupRun:
    """The figures, from the calls."""
    answered = [call.setup_s for call in placed if call.setup_s is not None]
    ringing = [call.ringing_s for call in placed if call.ringing_s is not None]
    return SetupRun(
        transport=transport,
        calls=len(placed),
        failed=len(placed) - len(answered),
        rate=rate,
        ringing_ms=spread([seconds * 1000 for seconds in ringing]),
        answer_ms=spread([seconds * 1000 for seconds in answered]),
        load_average=round(load_average, 1),
    )


async def _run(agent: UserAgent, target: OutboundTarget, calls: int, rate: float) -> SetupRun:
    await agent.start()
    try:
        await place_calls(agent, target, WARM_UP_CALLS, rate)
        await asyncio.sleep(SETTLE_S)
        load_average = os.getloadavg()[0]
        placed = await place_calls(agent, target, calls, rate)
    finally:
        await agent.close()
    return setup_run(target.transport, rate, placed, load_average)


def _target(transport: str, port: int, authority: str) -> OutboundTarget:
    uri = f"sip:{ECHO_NUMBER}@{HOST}:{port};transport={transport}"
    trust = TlsClientSettings(ca=authority, server_name=TLS_NAME) if transport == "tls" else None
    sdp = offer(HOST, AUDIO_PORT)
    caller = f"sip:+15550111@{HOST}"
    return OutboundTarget(uri, HOST, port, transport, caller, None, uri, offer=sdp, tls=trust)
