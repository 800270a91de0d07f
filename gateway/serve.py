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
from contextlib import AsyncExitStack
from typing import Any, Protocol

import structlog

from gateway.application import Addresses, Gateway
from gateway.config import Config
from gateway.configuration.endpoints import parse_endpoint
from gateway.demo import DemoSetup, LocalEngine, open_receptionist, seed_demo
from gateway.errors import ConfigurationError
from media.plane import MediaStartError
from sip.tls_settings import TlsSettingsError
from store.errors import StoreError

SETTLE_TIMEOUT_S = 5.0  # how long an engine that does not answer may hold up the ready line

# A call makes some hundred containers that reference counting frees by itself: look for cycles less often.
COLLECT_AFTER = (20_000, 20, 20)

log = structlog.get_logger(__name__)


class HttpSide(Protocol):
    """The HTTP server as far as `serve` is concerned."""

    async def start(self) -> tuple[str, int]:
        """Bind and serve; the address bound. Raises `OSError`."""

    async def stop(self) -> None: ...


OpenHttp = Callable[[Gateway, str, int], HttpSide]


async def serve(config: Config, open_http: OpenHttp, *, demo: bool) -> int:
    """Run a gateway until it is told to stop; the exit code."""
    signals = _Signals()
    try:
        async with AsyncExitStack() as running:
            # A task, so that a signal can end a start that takes its time; what was started is then stopped.
            starting = asyncio.create_task(_start(running, config, open_http, demo=demo))
            if not await _ended_before(starting, signals.first):
                return 0
            gateway = starting.result()
            gc.collect()
            gc.freeze()  # what lives from the start on need not be looked at again in every collection
            gc.set_threshold(*COLLECT_AFTER)
            await signals.first.wait()
            await _ended_before(
                asyncio.create_task(gateway.drain(config.calls.drain_timeout)), signals.second
            )
        return 0
    except ConfigurationError as error:
        print(f"trunkline: {error.message}", file=sys.stderr)
        return 1
    finally:
        signals.close()


async def _start(running: AsyncExitStack, config: Config, open_http: OpenHttp, *, demo: bool) -> Gateway:
    """Start everything; `running` gets what has to be stopped, in the end or after a failure.

    Raises `ConfigurationError`.
    """
    if demo:
        _require_loopback(config)
        engine = LocalEngine()
        running.push_async_callback(engine.stop)
        await engine.start()
        own_engine = {"base_url": engine.base_url, "api_key": engine.api_key}
        config = config.model_copy(update={"engine": config.engine.model_copy(update=own_engine)})
    gateway = await Gateway.open(config)
    running.push_async_callback(gateway.close)
    setup = await seed_demo(gateway.directory) if demo else None
    try:
        addresses = await gateway.start()
    except MediaStartError as error:
        raise ConfigurationError(str(error)) from error
    except StoreError as error:
        raise ConfigurationError(f"the database cannot be used: {error}") from error
    except TlsSettingsError as error:
        raise ConfigurationError(f"sip.tls_{error.field} cannot be used: {error}") from error
    except OSError as error:
        raise _cannot_listen("SIP", ", ".join(config.sip.listen), error) from error
    http = open_http(gateway, *parse_endpoint(config.http.listen))
    running.push_async_callback(http.stop)
    running.callback(gateway.events.close)  # streams have no end of their own
    try:
        http_host, http_port = await http.start()
    except OSError as error:
        raise _cannot_listen("HTTP", config.http.listen, error) from error
    if demo:
        await open_receptionist(gateway.widgets, gateway.directory, http_host, http_port)
    await gateway.wait_settled(SETTLE_TIMEOUT_S)
    link = None if setup is None else gateway.sign_in.make_link(setup.api_key)
    _announce(addresses, http_host, http_port, setup, link)
    return gateway


def _cannot_listen(what: str, where: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"cannot listen for {what} on {where}: {error.strerror or error}")


async def _ended_before(task: asyncio.Task[Any], event: asyncio.Event) -> bool:
    """Wait for the task's end, or cancel it when the event comes first. What the task raises is raised."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if task.cancelled():
        return False
    task.result()
    return True


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


def _announce(
    addresses: Addresses, http_host: str, http_port: int, setup: DemoSetup | None, link: str | None
) -> None:
    listen = addresses.sip[0]
    sip = _endpoint(listen.host, listen.port)
    http = _endpoint(http_host, http_port)
    if setup is not None:
        print(_banner(sip, http, setup, link), flush=True)
    key = f" demo_key={setup.api_key}" if setup is not None else ""
    print(f"ready sip={sip} http={http}{key}", flush=True)


def _banner(sip: str, http: str, setup: DemoSetup, link: str | None) -> str:
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
        f"    open http://{http}/dashboard/#/sign-in/{link} (signs you in, once)",
        f"    dial sip:{number}@{sip} with any SIP phone, no account needed",
        f"    talk to it in a browser: http://{http}/widget/demo.html",
        f"    curl -H 'Authorization: Bearer {setup.api_key}' http://{http}/api/public/v1/calls",
        "",
    ]
    return "\n".join(lines)


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
