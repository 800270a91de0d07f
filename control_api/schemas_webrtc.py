"""What a browser is told beside session descriptions."""

from __future__ import annotations

from pydantic import Field

from control_api.schemas_shared import ResponseModel


class IceServerOut(ResponseModel):
    """One entry of `RTCConfiguration.iceServers`."""

    urls: list[str] = Field(examples=[["turn:turn.example.com:3478?transport=udp"]])
    username: str | None = None
    credential: str | None = None


class IceServersOut(ResponseModel):
    """For `RTCPeerConnection`'s configuration."""

    agent_name: str = Field(description="Whom the call is with.")
    ice_servers: list[IceServerOut]
