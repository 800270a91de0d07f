"""`serve`: start everything, say where it is, run until a signal, drain, stop.

The first SIGTERM or SIGINT drains, the second ends at once. When everything listens, one line that starts
with `ready` goes to standard output; whoever started us may wait for it.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import signal
import sys
from collections.abc import Callable
from typing import Protocol

import structlog

from gateway.application import Addresses, Gateway
from gateway.config import Config, parse_endpoint
from gateway.demo import DemoSetup, LocalEngine, seed_demo
from gateway.errors import ConfigurationError
from media.plane import MediaStartError

log = structlog.get_logger(__name__)


class HttpSide(Protocol):
    """The HTTP server as far as `serve` is concerned."""

    async def start(self) -> tuple[str, int]:
        """Bind and serve; the address bound. Raises `OSError`."""

    async def stop(self) -> None: ...


OpenHttp = Callable[[Gateway, str, int], HttpSide]


async def serve(config: Config, open_http: OpenHttp, *, demo: bool) -> int:
    """Run a gateway until it is told to stop; the exit code."""
    engine: LocalEngine | None = None
    try:
        if demo:
            _require_loopback(config)
            engine = LocalEngine()
            await engine.start()
            config = config.model_copy(
                update={
                    "engine": config.engine.model_copy(
                        update={"base_url": engine.base_url, "api_key": engine.api_key}
                    )
                }
            )
        gateway = await Gateway.open(config)
        setup = await seed_demo(gateway.directory) if demo else None
        return await _run(gateway, config, open_http, setup)
    except ConfigurationError as error:
        print(f"trunkline: {error.message}", file=sys.stderr)
        return 1
    finally:
        if engine is not None:
            await engine.stop()


async def _run(gateway: Gateway, config: Config, open_http: OpenHttp, setup: DemoSetup | None) -> int:
    signals = _Signals()
    http = open_http(gateway, *parse_endpoint(config.http.listen))
    try:
        try:
            addresses = await gateway.start()
            http_host, http_port = await http.start()
        except MediaStartError as error:
            print(f"trunkline: {error}", file=sys.stderr)
            return 1
        except OSError as error:
            print(f"trunkline: cannot listen: {error}", file=sys.stderr)
            return 1
        gc.collect()
        gc.freeze()  # what lives from the start on need not be looked at again in every collection
        _announce(addresses, http_host, http_port, setup)
        await signals.first.wait()
        drain = asyncio.create_task(gateway.drain(config.calls.drain_timeout))
        second = asyncio.create_task(signals.second.wait())
        await asyncio.wait({drain, second}, return_when=asyncio.FIRST_COMPLETED)
        for task in (drain, second):
            task.cancel()
        return 0
    finally:
        gateway.events.close()  # streams have no end of their own
        await http.stop()
        await gateway.close()
        signals.close()


class _Signals:
    """SIGTERM and SIGINT, counted."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._received)

    def close(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.remove_signal_handler(number)

    def _received(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


def _require_loopback(config: Config) -> None:
    """The demonstration has a known trunk without a password: nobody else may reach it."""
    hosts = [host for _, host, _ in config.sip.endpoints()]
    hosts += [parse_endpoint(config.http.listen)[0], config.media.bind_host]
    for host in hosts:
        try:
            loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ConfigurationError(f"--demo listens on loopback only, not on {host}")


def _announce(addresses: Addresses, http_host: str, http_port: int, setup: DemoSetup | None) -> None:
    listen = addresses.sip[0]
    sip = _endpoint(listen.host, listen.port)
    http = _endpoint(http_host, http_port)
    if setup is not None:
        print(_banner(sip, http, setup), flush=True)
    key = f" demo_key={setup.api_key}" if setup is not None else ""
    print(f"ready sip={sip} http={http}{key}", flush=True)


def _banner(sip: str, http: str, setup: DemoSetup) -> str:
    rows = [
        ("SIP", f"{sip} (UDP and TCP)"),
        ("HTTP", f"http://{http}"),
        *((number.phone_number, number.agent_name) for number in setup.numbers),
        ("API key", setup.api_key),
    ]
    width = max(len(name) for name, _ in rows)
    number = setup.numbers[0].phone_number
    lines = [
        "",
        "  Trunkline demo",
        "",
        *(f"  {name:<{width}}  {value}" for name, value in rows),
        "",
        "  Try next:",
        f"    dial sip:{number}@{sip} with any SIP phone, no account needed",
        f"    curl -H 'Authorization: Bearer {setup.api_key}' http://{http}/api/public/v1/calls",
        "",
    ]
    return "\n".join(lines)


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
