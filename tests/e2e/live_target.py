"""Somebody whom calls are transferred to, with SIP and RTP of its own in this process."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tests.support.audio import RATE, Samples
from tests.support.rtp_peer import PTIME_MS, RtpPeer
from tests.support.sip_call import PeerCall
from tests.support.sip_peer import SipPeer


class LiveTarget:
    """Waits to be called, and sends silence once it has answered. Use as an async context."""

    def __init__(self) -> None:
        self.phone: SipPeer
        self.audio: RtpPeer
        self.call: PeerCall

    async def __aenter__(self) -> Self:
        self.audio = RtpPeer.open()
        self.phone = await SipPeer.open(user="desk")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.audio.close()
        await self.phone.close()

    @property
    def uri(self) -> str:
        return f"sip:desk@{self.phone.host}:{self.phone.port}"

    async def rings(self) -> PeerCall:
        """It is called, and says that it rings."""
        self.call = await self.phone.incoming()
        self.call.ring()
        return self.call

    async def answers(self) -> PeerCall:
        """It is called and answers; its audio flows both ways."""
        call = await self.rings()
        assert call.invite is not None
        call.answer(self.audio.sdp())
        self.audio.connect(call.invite.body)
        self.audio.start()
        await self.audio.until_received(1)
        return call

    async def hears(self, milliseconds: int) -> Samples:
        """What arrives in the next so many milliseconds."""
        first = len(self.audio.received)
        await self.audio.until_received(first + milliseconds // PTIME_MS)
        return self.audio.audio()[-(milliseconds * RATE // 1000) :]
