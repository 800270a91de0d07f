"""What the engine is given to tell us what becomes of a call."""

from __future__ import annotations

from gateway.configuration.engine import EngineSection
from media.ultravox.call_request import EngineCallback


def engine_callback(config: EngineSection) -> EngineCallback | None:
    """None when the engine cannot reach us."""
    if config.webhook_url is None or config.webhook_secret is None:
        return None
    return EngineCallback(config.webhook_url, config.webhook_secret)
