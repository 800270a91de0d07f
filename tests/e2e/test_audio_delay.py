"""How late the engine gets what a caller says: from a packet's leaving the telephone to the arrival of the
same sound at the engine. The 20 ms that a packet takes to be filled come on top of it in any system.
"""

from __future__ import annotations

import asyncio
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.e2e.fixed_speech_engine import fixed_speech_engine
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import RECEPTIONIST
from tests.support.audio import silence
from tests.support.g711 import Law
from tests.support.rtp_peer import RtpPeer
from tests.support.sip_peer import SipPeer

PACKETS = 250
SAMPLES = 160
LONGEST_P99_MS = 30.0
# Codes of mu-law whose values lie far apart: packet n is filled with one of them and known again by it.
CODES = [code for code in range(0x80) if code % 2][:48]


async def test_engine_gets_each_packet_within_30_ms(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    seeded = tmp_path / "seeded"
    Gateway(seeded).stop()
    with fixed_speech_engine(silence(0), clear_after_s=None) as engine:
        gateway = start_gateway(
            "--media-workers",
            "1",
            demo=False,
            data=shutil.copytree(seeded, tmp_path / "data"),
            environment={
                "TRUNKLINE_ENGINE_BASE_URL": engine.url,
                "TRUNKLINE_ENGINE_API_KEY": "unused",
                "TRUNKLINE_MEDIA_BIND_HOST": "127.0.0.1",
            },
        )
        async with await SipPeer.open() as phone, RtpPeer.open() as peer:
            host, _, port = gateway.sip.rpartition(":")
            call = await phone.call(f"sip:{RECEPTIONIST}@{gateway.sip}", (host, int(port)), peer.sdp())
            peer.connect((await call.until_final()).body)
            peer.start()
            await peer.until_received(50)
            first = len(peer.sent_at)
            numbered = [bytes([CODES[number % len(CODES)]]) * SAMPLES for number in range(PACKETS)]
            peer._audio += b"".join(numbered)
            await asyncio.sleep(PACKETS / 50 + 0.5)
            await call.bye()
        sent_at = peer.sent_at[first : first + PACKETS]
        delays = _delays_ms(sent_at, engine.heard)
    assert len(delays) > 0.95 * PACKETS, "frames were lost on the way to the engine"
    p50, p99 = np.percentile(delays, [50, 99])
    print(f"caller to engine: p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {max(delays):.1f} ms")
    assert p99 <= LONGEST_P99_MS, f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def _delays_ms(sent_at: list[float], heard: list[tuple[float, bytes]]) -> list[float]:
    """Of each packet that is known again, in order, the milliseconds until its middle arrived."""
    value_of = {int(Law.PCMU.decode(bytes([code]))[0]): place for place, code in enumerate(CODES)}
    delays: list[float] = []
    expected = 0
    for arrived, pcm in heard:
        middle = int(struct.unpack_from("<h", pcm, len(pcm) // 2 // 2 * 2)[0])
        place = value_of.get(middle)
        if place is None:
            continue
        number = expected + (place - expected) % len(CODES)
        if number - expected < len(CODES) // 2 and number < len(sent_at):
            delays.append((arrived - sent_at[number]) * 1000)
            expected = number + 1
    return delays
