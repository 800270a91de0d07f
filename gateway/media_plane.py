"""Which media plane a configuration asks for: worker processes, or this one."""

from __future__ import annotations

from gateway.config import Config
from gateway.logs import log_level
from media.config import MediaConfig
from media.in_process import InProcessMediaPlane
from media.worker.load import LoadLimits
from media.worker.supervisor import PoolSettings, WorkerPool


def open_media_plane(config: Config) -> InProcessMediaPlane | WorkerPool:
    """Made, not started."""
    media = _media_config(config)
    workers = config.media.worker_count()
    if workers == 0:
        return InProcessMediaPlane(media)
    settings = PoolSettings(
        load=LoadLimits(cpu_share=config.media.worker_cpu_limit), log_level=log_level(config.logging)
    )
    return WorkerPool(media, workers, settings)


def _media_config(config: Config) -> MediaConfig:
    low, high = config.media.port_range()
    return MediaConfig(
        bind_host=config.media.bind_host,
        port_low=low,
        port_high=high,
        port_rest_s=config.media.port_rest,
        reserved_ports=config.media.reserved_ports,
        agent_gain_db=config.media.agent_gain,
        caller_gain_db=config.media.caller_gain,
        comfort_noise_dbov=config.media.comfort_noise,
    )
