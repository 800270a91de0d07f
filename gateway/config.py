"""The configuration: its shape, its defaults and its checks.

One TOML file, each section a table; every key can also be given by the environment as
`TRUNKLINE_<SECTION>_<KEY>`, which wins over the file (`gateway.config_sources`). `docs/configuration.md`
explains each key.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import model_validator

from gateway.configuration.browser import BrowserSection, TurnSection
from gateway.configuration.calls import (
    AnalysisSection,
    BatchSection,
    CallsSection,
    ContactsSection,
    NumbersSection,
    RatesSection,
    WebhooksSection,
)
from gateway.configuration.defence import DefenceSection
from gateway.configuration.engine import EngineSection, ToolsSection
from gateway.configuration.http import ControlSection, DashboardSection, HttpSection
from gateway.configuration.media import AmdSection, MediaSection, RecordingsSection, WatchdogsSection
from gateway.configuration.nodes import ClusterSection, LoggingSection, StoreSection
from gateway.configuration.section import Section
from gateway.configuration.sip import SipSection, StirSection, TraceSection


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
