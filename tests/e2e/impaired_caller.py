"""A caller whose audio crosses a bad network: its own SIP over a good one, its RTP through an `ImpairedPath`.

What the engine heard, what it said, and what the gateway reports are kept when the call is over.
"""

from __future__ import annotations

import asyncio
import io
import wave
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np

from tests.e2e.gateway_process import Gateway
from tests.support.audio import RATE, Samples
from tests.support.g711 import Law
from tests.support.impaired_network import ImpairedPath, Impairment
from tests.support.rtp_peer import PTIME_MS, RtpPacket, RtpPeer
from tests.support.sip_call import PeerCall
from tests.support.sip_peer import SipPeer
from tests.support.wideband_peer import WidebandCodec, WidebandPeer

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """What kind of telephone, and what the network does to it."""

    codec: Law | WidebandCodec = Law.PCMU
    up: Impairment = Impairment()  # noqa: RUF009 (frozen)
    down: Impairment = Impairment()  # noqa: RUF009
    seed: int = 1

    @property
    def rate(self) -> int:
        """Of the audio, in Hz."""
        return RATE if isinstance(self.codec, Law) else 16000

    @property
    def clock_rate(self) -> int:
        return 8000 if isinstance(self.codec, Law) else self.codec.clock_rate


@dataclass(slots=True)
class Evidence:
    """What is known of a call from all sides, once it is over."""

    line: Line
    path: ImpairedPath
    said: Samples = field(default_factory=lambda: np.zeros(0, np.int16))
    first_sequence: int = 0  # of the packets that said it
    engine_heard: Samples = field(default_factory=lambda: np.zeros(0, np.int16))
    engine_said: Samples = field(default_factory=lambda: np.zeros(0, np.int16))
    heard: Samples = field(default_factory=lambda: np.zeros(0, np.int16))
    network: Json = field(default_factory=dict)
    sound: Json = field(default_factory=dict)
    diagnosis: Json | None = None
    sent_at: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    packets: list[RtpPacket] = field(default_factory=list)
    jitter_ms: list[tuple[float, float]] = field(default_factory=list)  # told by the API, and the truth

    def lost_ms(self) -> list[float]:
        """Where in what was said a packet was lost on the way to the gateway."""
        ahead = [(sequence - self.first_sequence) & 0xFFFF for sequence in self.path.up.lost_sequences]
        return [float(packets * PTIME_MS) for packets in sorted(ahead) if packets < 0x8000]


class ImpairedCaller:
    """Dials `number` from `host`, is answered, and sends silence until told otherwise. An async context."""

    def __init__(
        self,
        gateway: Gateway,
        engine_url: str,
        number: str,
        line: Line,
        *,
        host: str = "127.0.0.1",
        peer: RtpPeer | None = None,
        edit_offer: Any = None,
        together: asyncio.Barrier | None = None,
    ) -> None:
        """`peer` in place of the line's own; `edit_offer` changes the session description that is sent;
        nothing is sent before all who call `together` were answered.
        """
        self._together = together
        self._gateway = gateway
        self._engine_url = engine_url
        self._number = number
        self._host = host
        self._edit_offer = edit_offer
        self.line = line
        self.path = ImpairedPath(up=line.up, down=line.down, seed=line.seed, clock_rate=line.clock_rate)
        if peer is not None:
            self.peer = peer
        elif isinstance(line.codec, Law):
            self.peer = RtpPeer.open(line.codec, seed=line.seed)
        else:
            self.peer = WidebandPeer.speaking(line.codec)
        self.evidence = Evidence(line, self.path)
        self.phone: SipPeer
        self.call: PeerCall
        self.answer = b""
        self.call_id = ""
        self.http = httpx.AsyncClient(
            base_url=f"{gateway.http}/api/public/v1",
            headers={"Authorization": f"Bearer {gateway.demo_key}"},
            timeout=20,
        )

    async def __aenter__(self) -> Self:
        self.phone = await SipPeer.open(host=self._host)
        host, _, port = self._gateway.sip.rpartition(":")
        self.call = await self.phone.call(
            f"sip:{self._number}@{self._gateway.sip}", (host, int(port)), self.offer()
        )
        final = await self.call.until_final(15)
        assert final.status == 200, final.start_line
        self.answer = final.body
        self.peer.connect(final.body)
        self.path.gateway, self.peer.remote = self.peer.remote, self.path.near
        self.call_id = await self._find()
        if self._together is not None:
            # Setting up many calls at once would delay the packets of those that stand already.
            await self._together.wait()
            await asyncio.sleep(self.line.seed / 997)
        self.peer.start()
        await self.peer.until_received(1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.call.ended:
            await self.call.bye()
        self.peer.close()
        self.path.close()
        await self.phone.close()
        await self.http.aclose()

    def offer(self) -> bytes:
        """The peer's session description, with the far end of the path as its address."""
        offer = self.peer.sdp().replace(
            f"m=audio {self.peer.port} ".encode(), b"m=audio %d " % self.path.far[1]
        )
        offered: bytes = self._edit_offer(offer) if self._edit_offer else offer
        return offered

    async def compare_jitter(self) -> None:
        """Note what the gateway reports at this moment, and what really happened to the packets so far."""
        leg = (await self.http.get(f"/calls/{self.call_id}/quality")).json()["data"]["legs"][0]
        self.evidence.jitter_ms.append((leg["network"]["jitter_ms"], self.path.up.jitter_ms))

    async def say(self, samples: Samples) -> None:
        """Play this and remember it as what was said."""
        self.evidence.said = samples
        self.evidence.first_sequence = self.peer.sequence
        await self.peer.play(samples)

    async def conclude(self) -> Evidence:
        """Fall silent, hang up, and gather what everybody knows."""
        evidence = self.evidence
        self.peer.stop()
        await asyncio.sleep(0.3)  # for what is still under way: then all sides have counted the same
        await self.call.bye()
        leg = await self._final_figures()
        evidence.network, evidence.sound = leg["network"], leg["sound"]
        evidence.diagnosis = leg["diagnosis"]
        peer = self.peer
        evidence.heard = peer.heard() if isinstance(peer, WidebandPeer) else peer.audio()
        evidence.sent_at = peer.sent_at
        evidence.packets = list(peer.received)
        async with httpx.AsyncClient(base_url=self._engine_url, timeout=10) as engine:
            answer = await engine.get("/inspect/calls", params={"metadata.call_id": self.call_id})
            known = answer.json()["results"][-1]
            evidence.texts = [each["text"] for each in known["history"] if each["medium"] == "text"]
            where = f"/inspect/calls/{known['callId']}"
            evidence.engine_heard = await self._wav(engine, f"{where}/input.wav")
            evidence.engine_said = await self._wav(engine, f"{where}/output.wav")
        return evidence

    async def _final_figures(self) -> Json:
        async with asyncio.timeout(5):
            while True:
                data = (await self.http.get(f"/calls/{self.call_id}/quality")).json()["data"]
                if data["legs"] and not data["live"]:
                    leg: Json = data["legs"][0]
                    return leg
                await asyncio.sleep(0.05)

    async def _wav(self, engine: httpx.AsyncClient, where: str) -> Samples:
        content = (await engine.get(where)).content
        with wave.open(io.BytesIO(content), "rb") as file:
            assert file.getframerate() == self.line.rate, "the engine runs at another rate than the phone"
            return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)

    async def _find(self) -> str:
        """The gateway's name for this call, by its SIP Call-ID."""
        async with asyncio.timeout(5):
            while True:
                calls = await self.http.get("/calls", params={"status": "in-progress", "limit": 100})
                for call in calls.json()["data"]:
                    if call["sip"]["call_id"] == self.call.call_id:
                        return str(call["id"])
                await asyncio.sleep(0.05)
