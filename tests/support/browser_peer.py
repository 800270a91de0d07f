"""A browser of sorts for tests: aiortc, which has its own ICE, DTLS-SRTP, Opus and RTP, with a microphone
that says what a test wants and ears that keep everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from tests.support.audio import Samples

RATE = 48_000  # of what goes in and out
FRAME = RATE // 50
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


class Microphone(MediaStreamTrack):
    """Silence, and what it is given to say, a frame every 20 ms."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._waiting = np.zeros(0, np.int16)
        self._begun: float | None = None
        self._frames = 0

    def say(self, samples: Samples, rate: int) -> None:
        self._waiting = np.concatenate((self._waiting, resampled(samples, rate, RATE)))

    @property
    def left_ms(self) -> float:
        """How much is still to be said."""
        return len(self._waiting) * 1000 / RATE

    async def recv(self) -> av.AudioFrame:
        now = asyncio.get_running_loop().time()
        if self._begun is None:
            self._begun = now
        await asyncio.sleep(max(0.0, self._begun + self._frames * 0.02 - now))
        part, self._waiting = self._waiting[:FRAME], self._waiting[FRAME:]
        samples = np.zeros(FRAME, np.int16)
        samples[: len(part)] = part
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._frames * FRAME
        frame.time_base = fractions.Fraction(1, RATE)
        self._frames += 1
        return frame


@dataclass
class Joined:
    """The answer to the offer, as it came."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass
class BrowserPeer:
    """One page's call. `base` is the gateway's HTTP address."""

    base: str
    microphone: Microphone = field(default_factory=Microphone)
    connection: RTCPeerConnection = field(init=False)
    http: aiohttp.ClientSession = field(init=False)
    session_url: str = ""
    etag: str = ""

    def __post_init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(self.microphone)
        self._heard: list[Samples] = []
        self._ears: asyncio.Task[None] | None = None
        self.connection.on("track", self._listen)

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ears is not None:
            self._ears.cancel()
        await self.connection.close()
        await self.http.close()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._ears = asyncio.create_task(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
                self._heard.append(samples[:, 0].astype(np.int16))

    def heard(self, rate: int) -> Samples:
        """Everything that was played so far."""
        whole = np.concatenate(self._heard) if self._heard else np.zeros(0, np.int16)
        return resampled(whole, RATE, rate)

    @property
    def heard_ms(self) -> float:
        return sum(map(len, self._heard)) * 1000 / RATE

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def post(self, token: str, offer: str, **headers: str) -> Joined:
        url = f"{self.base}/api/public/v1/webrtc/sessions"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": SDP} | headers
        async with self.http.post(url, data=offer.encode(), headers=headers) as answer:
            return Joined(answer.status, answer.headers, await answer.text())

    async def join(self, token: str, **headers: str) -> Joined:
        """Offer, and take the answer."""
        joined = await self.post(token, await self.offer(), **headers)
        assert joined.status == 201, joined
        self.session_url = f"{self.base}{joined.headers['Location']}"
        self.etag = joined.headers["ETag"]
        await self.connection.setRemoteDescription(RTCSessionDescription(joined.body, "answer"))
        return joined

    async def until_connected(self, seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while self.connection.connectionState != "connected":
                await asyncio.sleep(0.02)

    async def request(self, method: str, **options: Any) -> tuple[int, Mapping[str, str], str]:
        """One request to the session's address."""
        async with self.http.request(method, self.session_url, **options) as answer:
            return answer.status, answer.headers, await answer.text()

    @property
    def socket_url(self) -> str:
        return f"ws{self.session_url.removeprefix('http')}/socket"

    async def until_said(self) -> None:
        while self.microphone.left_ms > 0:
            await asyncio.sleep(0.02)


def resampled(samples: Samples, rate: int, to: int) -> Samples:
    """By linear phase; good enough to recognise what was said."""
    if rate == to or not len(samples):
        return samples
    resampler = av.AudioResampler(format="s16", layout="mono", rate=to)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([each.to_ndarray().reshape(-1) for each in frames]).astype(np.int16)
