"""The configuration: its shape, its defaults and its checks.

One TOML file, each section a table; every key can also be given by the environment as
`TRUNKLINE_<SECTION>_<KEY>`, which wins over the file (`gateway.config_sources`). `docs/configuration.md`
explains each key.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gateway.config_defence import DefenceSection
from gateway.config_section import Duration as Duration
from gateway.config_section import Section as Section
from gateway.config_section import parse_duration as parse_duration
from media.worker.port_share import split_ports
from sip.tls_settings import TlsServerSettings

_CERTIFICATE_URL = re.compile(r"https://[^\s<>\"]{1,2000}")
_ORIGIN = re.compile(r"https?://[^/\s]+")
_ICE_URL = re.compile(  # RFC 7064, RFC 7065
    r"(stun|turn)s?:([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(\?transport=(udp|tcp))?"
)
_ENDPOINT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]\s]+)):(?P<port>\d{1,5})")


def parse_endpoint(value: str) -> tuple[str, int]:
    """Host and port from `127.0.0.1:5060` or `[::1]:5060`; port 0 means "any free one". Raises
    `ValueError`.
    """
    match = _ENDPOINT.fullmatch(value.strip())
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"expected HOST:PORT, not {value!r}")
    return match["v6"] or match["host"], int(match["port"])


def parse_public(value: str) -> tuple[str, int | None]:
    """Host and, where it is given, port from `203.0.113.5`, `203.0.113.5:5070`, `[2001:db8::5]:5070` or
    `sip.example.com`. Raises `ValueError`.
    """
    bare = re.fullmatch(r"\[?([^\s\[\]@]+?)\]?", value.strip())
    if bare is not None and (":" not in value or value.count(":") > 1):
        return bare[1], None
    return parse_endpoint(value)


def parse_port_range(value: str) -> tuple[int, int]:
    """Lowest and highest port from `20000-29999`. Raises `ValueError`."""
    low_text, separator, high_text = value.strip().partition("-")
    if not separator or not low_text.isdigit() or not high_text.isdigit():
        raise ValueError(f"expected LOW-HIGH, not {value!r}")
    low, high = int(low_text), int(high_text)
    if not 1024 <= low < high <= 65535:
        raise ValueError("ports go from 1024 to 65535, the low end first")
    if high - low < 1:
        raise ValueError("an RTP leg needs an even port and the odd one above it")
    return low, high


class SipSection(Section):
    listen: tuple[str, ...] = ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060")
    public_host: str | None = None
    tls_certificate: Path | None = None
    tls_private_key: Path | None = None
    tls_client_ca: Path | None = None
    tls_min_version: Literal["1.2", "1.3"] = "1.2"
    digest_algorithms: tuple[Literal["SHA-256", "MD5"], ...] = ("SHA-256", "MD5")  # as they are offered
    websocket: bool = False  # SIP over WebSocket (RFC 7118) at /sip of the HTTP port
    websocket_origins: tuple[str, ...] = ()  # pages of these origins may connect beside our own; * = any

    @field_validator("digest_algorithms")
    @classmethod
    def _some_algorithm(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("name SHA-256, MD5 or both, each once")
        return value

    @field_validator("websocket_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "*" and _ORIGIN.fullmatch(origin) is None:
                raise ValueError(f"expected an origin such as https://example.com, not {origin!r}")
        return tuple(origin.lower() for origin in value)

    @model_validator(mode="after")
    def _certificate_for_tls(self) -> SipSection:
        if any(transport == "tls" for transport, _, _ in self.endpoints()) and (
            self.tls_certificate is None or self.tls_private_key is None
        ):
            raise ValueError("a tls: listener needs tls_certificate and tls_private_key")
        return self

    @field_validator("listen")
    @classmethod
    def _listeners(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("at least one listener is needed, for example udp:0.0.0.0:5060")
        for entry in value:
            transport, _, endpoint = entry.partition(":")
            if transport not in ("udp", "tcp", "tls"):
                raise ValueError(f"{entry!r} must start with udp:, tcp: or tls:")
            endpoint, at, public = endpoint.partition("@")
            parse_endpoint(endpoint)
            if at:
                parse_public(public)
        return value

    def endpoints(self) -> tuple[tuple[str, str, int], ...]:
        """Transport, host and port of each listener."""
        return tuple(
            (transport, *parse_endpoint(endpoint.partition("@")[0]))
            for transport, _, endpoint in (entry.partition(":") for entry in self.listen)
        )

    def publics(self) -> tuple[tuple[str | None, int | None], ...]:
        """What peers are told instead of each listener's address, and of its port."""
        publics = (entry.partition("@")[2] for entry in self.listen)
        return tuple(parse_public(public) if public else (None, None) for public in publics)

    def tls_server(self) -> TlsServerSettings | None:
        """What TLS listeners show; None when there can be none."""
        if self.tls_certificate is None or self.tls_private_key is None:
            return None
        return TlsServerSettings(
            self.tls_certificate, self.tls_private_key, self.tls_client_ca, self.tls_min_version
        )


class HttpSection(Section):
    listen: str = "127.0.0.1:8080"
    public_url: str | None = None  # what links to pages begin with; none: the address that was asked
    rate_limit_per_minute: int = Field(default=600, ge=0)
    trusted_proxies: tuple[str, ...] = ()  # whose X-Forwarded-For and X-Forwarded-Proto are believed

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return None if value is None else value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text, strict=False)
        return value

    @field_validator("listen")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        parse_endpoint(value)
        return value


class DashboardSection(Section):
    """Who is signed in to the dashboard, and for how long."""

    session_idle: Duration = Field(default=12 * 3_600.0, ge=60)  # without a request
    session_lifetime: Duration = Field(default=7 * 86_400.0, ge=60)  # in all


class MediaSection(Section):
    bind_host: str = "0.0.0.0"
    public_host: str | None = None
    rtp_ports: str = "20000-29999"
    workers: int | None = Field(default=None, ge=0, le=256)  # processes; 0 = in the gateway's own
    worker_cpu_limit: float = Field(default=0.8, gt=0, le=1)
    reserved_ports: tuple[Annotated[int, Field(ge=1024, le=65535)], ...] = ()
    port_rest: Duration = 30.0
    first_packet_timeout: Duration = 15.0
    silence_timeout: Duration = 60.0
    agent_gain: float = Field(default=0.0, ge=-20, le=12)  # dB
    caller_gain: float = Field(default=0.0, ge=-20, le=12)  # dB
    comfort_noise: int | None = Field(default=None, ge=-90, le=-40)  # dBov; none: digital silence

    @field_validator("rtp_ports")
    @classmethod
    def _ports(cls, value: str) -> str:
        parse_port_range(value)
        return value

    @model_validator(mode="after")
    def _ports_for_all_workers(self) -> MediaSection:
        if (self.workers or 0) > self._port_pairs():
            raise ValueError(f"rtp_ports holds {self._port_pairs()} pairs, fewer than workers")
        return self

    @model_validator(mode="after")
    def _ports_left(self) -> MediaSection:
        reserved = set(self.reserved_ports)
        parts = split_ports(*self.port_range(), max(1, self.worker_count()))
        if not all(
            any(reserved.isdisjoint((port, port + 1)) for port in range(low, high, 2)) for low, high in parts
        ):
            raise ValueError("reserved_ports leaves a worker's part of rtp_ports without a pair")
        return self

    def port_range(self) -> tuple[int, int]:
        return parse_port_range(self.rtp_ports)

    def worker_count(self) -> int:
        """How many media workers to start: what was set, else one for each processor core we may use."""
        if self.workers is not None:
            return self.workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(cores, self._port_pairs()))

    def _port_pairs(self) -> int:
        low, high = self.port_range()
        return (high + 1 - low - low % 2) // 2


class EngineSection(Section):
    base_url: str = "https://api.ultravox.ai"
    api_key: str | None = Field(default=None, repr=False)
    api_key_file: Path | None = None
    create_timeout: Duration = 10.0
    connect_timeout: Duration = 5.0
    recover_attempts: int = Field(default=2, ge=0, le=10)
    recover_timeout: Duration = 8.0
    sync_attempts: int = Field(default=5, ge=1, le=100)
    poll_interval: Duration = 5.0  # between looks at calls that browsers joined
    webhook_url: str | None = None  # where the engine reaches our `/webhooks/ultravox`
    webhook_secret: str | None = Field(default=None, repr=False)
    webhook_secret_file: Path | None = None

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")


class StoreSection(Section):
    url: str | None = None
    url_file: Path | None = None


class CallsSection(Section):
    max_inbound: int = Field(default=500, ge=0)
    max_outbound: int = Field(default=500, ge=0)
    max_in_cluster: int = Field(default=0, ge=0)  # all nodes together; 0 = no limit
    max_per_organization: int = Field(default=0, ge=0)  # all nodes together; 0 = no limit
    retry_after: Duration = 10.0
    ring_timeout: Duration = 60.0
    max_duration: Duration = 3600.0
    queue_limit: int = Field(default=10_000, ge=1)
    queue_timeout: Duration = 60.0
    farewell_timeout: Duration = 10.0
    drain_timeout: Duration = 30.0
    transfer_timeout: Duration = 60.0
    show_digits: bool = False  # whether event streams and transcripts tell which keys were pressed


class BrowserSection(Section):
    """Calls of browsers that our own media stack carries."""

    max_calls: int = Field(default=200, ge=0)  # joined ones at once, on this node
    max_waiting: int = Field(default=1_000, ge=1)  # that nobody has joined yet
    join_timeout: Duration = Field(default=120.0, gt=0)
    media_timeout: Annotated[Duration, Field(gt=0)] = 15.0
    closed_timeout: Annotated[Duration, Field(ge=1)] = 6.0  # instead, when the page's socket is gone too
    media_addresses: tuple[str, ...] = ()  # the candidates; none: as for calls over SIP

    @field_validator("media_addresses")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_address(text)) for text in value)


class ControlSection(Section):
    """What can be done to live calls over the API."""

    play_dir: Path | None = None
    play_urls: bool = True
    play_private_urls: bool = False
    play_max_bytes: int = Field(default=20 * 1024 * 1024, ge=1024)
    play_timeout: Duration = 15.0
    hold_music: Path | None = None


class ToolsSection(Section):
    """Client tools: requests of ours to addresses that come from clients."""

    private_urls: bool = False
    max_response_bytes: int = Field(default=65_536, ge=1_024, le=1_048_576)


class AmdSection(Section):
    """Answering machine detection on outbound calls."""

    decide_timeout: Duration = 8.0
    beep_timeout: Duration = 30.0
    message_timeout: Duration = 60.0
    voicemail_prompt: str = (
        "You have reached an answering machine, and it is recording now. Leave a short message: who is "
        "calling, why, and how to call back. Nobody will answer; say goodbye when you are done."
    )


class WatchdogsSection(Section):
    """What happens when one side of a conversation falls silent; a time of 0 switches it off."""

    agent_prompt_after: Duration = 15.0
    agent_prompt: str = "One moment, please."
    agent_end_after: Duration = 30.0
    caller_prompt_after: Duration = 0.0
    caller_prompt: str = "Are you still there?"
    caller_end_after: Duration = 0.0
    caller_farewell: str = "I cannot hear you, so I will hang up now. Goodbye."


class RecordingsSection(Section):
    """What becomes of a recording when its call is over."""

    format: Literal["mp3", "opus", "wav"] = "mp3"
    channels: Literal["stereo", "mono"] = "stereo"
    bitrate: int | None = Field(default=None, ge=8, le=320)  # kbit/s of all channels; none: by the rate
    retention_days: float = Field(default=0, ge=0)  # 0 = for ever
    storage: Literal["disk", "s3"] = "disk"
    directory: Path | None = None  # none: `recordings` in `data_dir`
    public_url: str | None = None  # what links begin with; none: the address the API was asked at
    link_ttl: Duration = 86_400.0
    link_secret: str | None = Field(default=None, repr=False)  # none: one of our own, kept in `data_dir`
    link_secret_file: Path | None = None
    s3_endpoint: str | None = None  # none: AWS
    s3_bucket: str | None = None
    s3_region: str = "us-east-1"
    s3_prefix: str = ""
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = Field(default=None, repr=False)
    s3_secret_access_key_file: Path | None = None

    @field_validator("public_url", "s3_endpoint")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return None if value is None else value.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> RecordingsSection:
        for secret in ("link_secret", "s3_secret_access_key"):
            if getattr(self, secret) is not None and getattr(self, f"{secret}_file") is not None:
                raise ValueError(f"{secret} and {secret}_file: give one of the two")
        if self.storage == "s3":
            if self.s3_bucket is None or self.s3_access_key_id is None:
                raise ValueError("storage s3 needs s3_bucket and s3_access_key_id")
            if self.s3_secret_access_key is None and self.s3_secret_access_key_file is None:
                raise ValueError("storage s3 needs s3_secret_access_key or s3_secret_access_key_file")
        return self


class BatchSection(Section):
    """Campaigns."""

    max_contacts: int = Field(default=100_000, ge=1)
    outbound_share: float = Field(default=0.8, gt=0, le=1)  # of `calls.max_outbound`
    inbound_reserve: float = Field(default=0.2, ge=0, le=1)  # of `calls.max_inbound`
    breaker_calls: int = Field(default=20, ge=0, le=1000)  # 0: none
    breaker_share: float = Field(default=0.8, gt=0, le=1)


class NumbersSection(Section):
    """Where numbers come from."""

    provider: Literal["inventory", "none"] = "inventory"  # what customers can buy from
    telnyx_url: str = "https://api.telnyx.com"
    twilio_url: str = "https://api.twilio.com"


class ContactsSection(Section):
    """Bringing contacts in from files."""

    import_max_bytes: int = Field(default=10 * 1024 * 1024, ge=1024)
    import_max_rows: int = Field(default=100_000, ge=1)


class CarrierRate(Section):
    """What a carrier takes. `trunk` is an id or a name; none: any managed number; the longest prefix wins."""

    trunk: str | None = None
    prefix: str = Field(default="", pattern=r"^(\+\d{0,15})?$")
    cents_per_minute: float = Field(ge=0)
    increment: Annotated[Duration, Field(gt=0)] = 60.0


class RatesSection(Section):
    """What calls cost, in US cents."""

    engine_cents_per_minute: float = Field(default=5.0, ge=0)
    engine_increment: Annotated[Duration, Field(gt=0)] = 6.0
    carrier: tuple[CarrierRate, ...] = ()


class AnalysisSection(Section):
    """The language model that reads transcripts when calls are over; without a `base_url` none does."""

    base_url: str | None = None  # of a server that speaks OpenAI's chat completions
    model: str | None = None
    api_key: str | None = Field(default=None, repr=False)
    api_key_file: Path | None = None
    timeout: Duration = Field(default=30.0, gt=0)
    max_wait: Duration = 120.0
    concurrency: int = Field(default=4, ge=1, le=100)

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    @model_validator(mode="after")
    def _whole(self) -> AnalysisSection:
        if (self.base_url is None) != (self.model is None):
            raise ValueError("base_url and model go together")
        if self.api_key is not None and self.api_key_file is not None:
            raise ValueError("api_key and api_key_file: give one of the two")
        return self


class WebhooksSection(Section):
    """How events are delivered to the endpoints that organisations and agents name."""

    timeout: Duration = Field(default=10.0, gt=0)
    concurrency: int = Field(default=64, ge=1, le=1000)  # requests at a time
    endpoint_concurrency: int = Field(default=8, ge=1, le=100)  # of these to one endpoint
    allow_private: bool = False
    keep_delivered: Duration = 7 * 86_400.0  # 0 = for ever
    keep_dead: Duration = 30 * 86_400.0  # 0 = for ever


class ClusterSection(Section):
    """Several gateways on one database."""

    node_id: str | None = Field(default=None, min_length=1, max_length=64)  # none: the host's name
    node_url: str | None = None  # where other nodes reach our HTTP API; none: they do not
    node_timeout: Duration = Field(default=20.0, ge=1)
    redis_url: str | None = Field(default=None, repr=False)

    @field_validator("node_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return None if value is None else value.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    def own_node_id(self) -> str:
        return self.node_id or socket.gethostname()[:64]


class TraceSection(Section):
    """SIP messages that are kept to be looked at."""

    memory_bytes: int = Field(default=32 * 1024 * 1024, ge=0)  # 0 = none are kept
    max_messages: int = Field(default=50_000, ge=1)
    save: Literal["all", "failed", "none"] = "failed"  # calls whose messages go into the database
    keep_saved: Duration = 7 * 86_400.0  # 0 = for ever
    hep_collector: str | None = None  # udp:HOST:PORT or tcp:HOST:PORT
    hep_capture_id: int = Field(default=1, ge=0, le=2**32 - 1)
    hep_password: str | None = Field(default=None, repr=False, min_length=1, max_length=200)
    hep_password_file: Path | None = None

    @field_validator("hep_collector")
    @classmethod
    def _collector(cls, value: str | None) -> str | None:
        if value is not None:
            transport, _, endpoint = value.partition(":")
            if transport not in ("udp", "tcp"):
                raise ValueError(f"{value!r} must start with udp: or tcp:")
            parse_endpoint(endpoint)
        return value

    @model_validator(mode="after")
    def _password_once(self) -> TraceSection:
        if self.hep_password is not None and self.hep_password_file is not None:
            raise ValueError("hep_password and hep_password_file: give one of the two")
        return self

    def collector(self) -> tuple[str, str, int] | None:
        """Transport, host and port of the collector."""
        if self.hep_collector is None:
            return None
        transport, _, endpoint = self.hep_collector.partition(":")
        return (transport, *parse_endpoint(endpoint))


class StirSection(Section):
    """STIR/SHAKEN: signed caller identity (RFC 8224); trunks say what they want of it."""

    trust_anchors: Path | None = None  # PEM file with authorities; none: nothing is checked
    max_age: Duration = 60.0
    timeout: Annotated[Duration, Field(gt=0, le=10)] = 2.0  # for one call's certificate
    private_urls: bool = False
    private_key: Path | None = None  # PEM, P-256; none: nothing is signed
    certificate_url: str | None = None
    attestation: Literal["A", "B", "C"] = "B"

    @model_validator(mode="after")
    def _whole(self) -> StirSection:
        if (self.private_key is None) != (self.certificate_url is None):
            raise ValueError("private_key and certificate_url go together")
        if self.certificate_url is not None and not _CERTIFICATE_URL.fullmatch(self.certificate_url):
            raise ValueError("certificate_url must begin with https://")
        return self


class TurnSection(Section):
    """Which servers browsers are told to find a way by."""

    stun_urls: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    secret: str | None = Field(default=None, repr=False)  # shared with the TURN servers
    secret_file: Path | None = None
    credential_life: Duration = Field(default=43_200.0, ge=60)

    @field_validator("stun_urls")
    @classmethod
    def _stun(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _ice_urls(value, "stun", "stuns")

    @field_validator("urls")
    @classmethod
    def _turn(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _ice_urls(value, "turn", "turns")

    @model_validator(mode="after")
    def _whole(self) -> TurnSection:
        if self.secret is not None and self.secret_file is not None:
            raise ValueError("secret and secret_file: give one of the two")
        if self.urls and self.secret is None and self.secret_file is None:
            raise ValueError("urls need the secret that the TURN servers know, or its secret_file")
        return self


def _ice_urls(urls: tuple[str, ...], *schemes: str) -> tuple[str, ...]:
    for url in urls:
        if _ICE_URL.fullmatch(url) is None or url.partition(":")[0] not in schemes:
            raise ValueError(f"{url!r} is not like {schemes[0]}:host.example:3478")
    return urls


class LoggingSection(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(Section):
    """The whole configuration, checked. `data_dir` holds the database and what calls leave behind."""

    data_dir: Path = Path("data")
    sip: SipSection = SipSection()
    http: HttpSection = HttpSection()
    dashboard: DashboardSection = DashboardSection()
    media: MediaSection = MediaSection()
    engine: EngineSection = EngineSection()
    store: StoreSection = StoreSection()
    calls: CallsSection = CallsSection()
    browser: BrowserSection = BrowserSection()
    control: ControlSection = ControlSection()
    tools: ToolsSection = ToolsSection()
    amd: AmdSection = AmdSection()
    watchdogs: WatchdogsSection = WatchdogsSection()
    recordings: RecordingsSection = RecordingsSection()
    batch: BatchSection = BatchSection()
    defence: DefenceSection = DefenceSection()
    numbers: NumbersSection = NumbersSection()
    contacts: ContactsSection = ContactsSection()
    rates: RatesSection = RatesSection()
    analysis: AnalysisSection = AnalysisSection()
    webhooks: WebhooksSection = WebhooksSection()
    cluster: ClusterSection = ClusterSection()
    trace: TraceSection = TraceSection()
    stir: StirSection = StirSection()
    turn: TurnSection = TurnSection()
    logging: LoggingSection = LoggingSection()

    @model_validator(mode="after")
    def _engine_key_once(self) -> Config:
        if self.engine.api_key is not None and self.engine.api_key_file is not None:
            raise ValueError("engine.api_key and engine.api_key_file: give one of the two")
        if self.engine.webhook_secret is not None and self.engine.webhook_secret_file is not None:
            raise ValueError("engine.webhook_secret and engine.webhook_secret_file: give one of the two")
        if self.engine.webhook_url is not None and not (
            self.engine.webhook_secret or self.engine.webhook_secret_file
        ):
            raise ValueError("engine.webhook_url needs engine.webhook_secret")
        if self.store.url is not None and self.store.url_file is not None:
            raise ValueError("store.url and store.url_file: give one of the two")
        return self

    def database_url(self) -> str:
        """The store's URL; by default an SQLite file in `data_dir`."""
        return self.store.url or f"sqlite:///{self.data_dir / 'trunkline.db'}"
