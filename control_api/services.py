"""What the API needs from the gateway, as protocols: the real objects match them by their shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from control_api.idempotency import IdempotencyStore
from gateway.call_quality import CallQuality
from gateway.directory import Directory
from gateway.health import Health
from gateway.new_call import NewCall
from gateway.recordings.service import RecordingService
from store.records import CallFilter, CallRecord, Page, TimelineEvent


class CallService(Protocol):
    """Calls of an organisation: placing, reading, stopping. Raises `gateway.errors`."""

    async def create(self, organization_id: str, request: NewCall, /) -> CallRecord: ...

    async def get(self, organization_id: str, call_id: str, /) -> CallRecord: ...

    async def list(
        self, organization_id: str, wanted: CallFilter, limit: int, offset: int, /
    ) -> Page[CallRecord]: ...

    async def hang_up(self, organization_id: str, call_id: str, /) -> CallRecord: ...

    async def cancel(self, organization_id: str, call_id: str, /) -> CallRecord: ...

    async def quality(self, organization_id: str, call_id: str, /) -> CallQuality: ...

    async def timeline(self, organization_id: str, call_id: str, /) -> Sequence[TimelineEvent]: ...


class HttpSettings(Protocol):
    @property
    def rate_limit_per_minute(self) -> int: ...


class Settings(Protocol):
    @property
    def http(self) -> HttpSettings: ...


class Storage(Protocol):
    @property
    def idempotency(self) -> IdempotencyStore: ...


class GatewayServices(Protocol):
    """The gateway as the API sees it."""

    @property
    def config(self) -> Settings: ...

    @property
    def store(self) -> Storage: ...

    @property
    def directory(self) -> Directory: ...

    @property
    def calls(self) -> CallService: ...

    @property
    def recordings(self) -> RecordingService: ...

    @property
    def registry(self) -> CollectorRegistry: ...

    def health(self) -> Health: ...

    def explain_inbound(
        self, organization_id: str, *, to: str, from_: str | None, source: str | None
    ) -> Mapping[str, Any]: ...

    def explain_outbound(
        self, organization_id: str, *, agent_id: str, to: str, from_number: str | None
    ) -> Mapping[str, Any]: ...
