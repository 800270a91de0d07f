"""The demonstration: a local engine beside the gateway, two agents, two numbers and a key, so that a phone
can dial at once.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass

import structlog

from gateway.directory import Directory
from gateway.errors import ConfigurationError, ConflictError
from gateway.new_agent import NewAgent
from gateway.new_number import NewNumber
from gateway.new_trunk import NewTrunk
from gateway.widgets.new_widget import MAX_ORIGINS, AccessSettings
from gateway.widgets.widget_book import WidgetBook
from store.records import TrunkInbound, TrunkOutbound

log = structlog.get_logger(__name__)

RECEPTIONIST_NUMBER = "+15550100"
RECEPTIONIST = "receptionist"  # to pages
ECHO_NUMBER = "+15550199"
ORGANIZATION = "Demo"
TRUNK = "demo phones on this machine"
PHONE_ADDRESS = "127.0.0.1:5062"  # where outbound demo calls go: a softphone on this machine
VOICE_ID = "7b6f2e0c-2f0a-4c53-9d7e-0c6a1b0f6a11"
ENGINE_START_TIMEOUT_S = 20.0
ENGINE_STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class DemoNumber:
    phone_number: str
    agent_name: str
    system_prompt: str
    greeting: str | None


NUMBERS = (
    DemoNumber(
        RECEPTIONIST_NUMBER,
        "Receptionist",
        "[scenario:receptionist] You are the receptionist of a demonstration. Repeat what the caller says.",
        "Hello, this is Trunkline. Say something and I will repeat it, or press a key."
        " Press hash to hang up.",
    ),
    DemoNumber(ECHO_NUMBER, "Echo", "[scenario:echo] Return the caller's audio.", None),
)


class LocalEngine:
    """The local engine as a child process of the gateway: `python -m local_engine` on a port of its own."""

    def __init__(self) -> None:
        self.api_key = f"{secrets.token_hex(4)}.{secrets.token_hex(16)}"
        self.base_url = ""
        self._process: Process | None = None
        self._output: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and wait until it listens. Raises `ConfigurationError` when it does not come up."""
        environment = {**os.environ, "LOCAL_ENGINE_API_KEY": self.api_key}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "local_engine", "--host", "127.0.0.1", "--port", "0", "--exit-with-parent"),
            stdin=PIPE,
            stdout=PIPE,
            env=environment,
            start_new_session=True,  # a Ctrl-C at the terminal is for the gateway, which drains first
        )
        try:
            async with asyncio.timeout(ENGINE_START_TIMEOUT_S):
                self.base_url = await self._wait_ready(self._process)
        except TimeoutError:
            await self.stop()
            raise ConfigurationError("the local engine did not start in time") from None
        self._output = asyncio.create_task(self._drain_output(self._process))

    async def stop(self) -> None:
        if self._output is not None:
            self._output.cancel()
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), ENGINE_STOP_TIMEOUT_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    @staticmethod
    async def _wait_ready(process: Process) -> str:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            word, _, address = line.decode(errors="replace").strip().partition(" ")
            if word == "ready":
                return address.split()[0]
        raise ConfigurationError(f"the local engine ended at its start with status {await process.wait()}")

    @staticmethod
    async def _drain_output(process: Process) -> None:
        assert process.stdout is not None
        while await process.stdout.readline():
            pass
        log.error("local_engine_ended", status=await process.wait())


@dataclass(frozen=True, slots=True)
class DemoSetup:
    """What the demonstration tells its user."""

    api_key: str
    numbers: tuple[DemoNumber, ...]


async def seed_demo(directory: Directory) -> DemoSetup:
    """Make the organisation, trunk, agents and numbers of the demonstration where they are missing, and a
    fresh key.

    The trunk takes calls from loopback and sends calls to a phone on this machine.
    """
    organization = await directory.ensure_organization(ORGANIZATION)
    secret = await directory.replace_key(organization.id, "demo")
    trunk_id = await _ensure_trunk(directory, organization.id)
    numbers = await directory.list_numbers(organization.id, limit=100)
    known = {number.phone_number for number in numbers.items}
    for demo in NUMBERS:
        if demo.phone_number in known:
            continue
        agent = await directory.create_agent(
            organization.id,
            NewAgent(
                name=demo.agent_name,
                voice_id=VOICE_ID,
                system_prompt=demo.system_prompt,
                greeting_settings=None if demo.greeting is None else {"text": demo.greeting},
            ),
        )
        number = await directory.import_number(
            organization.id,
            NewNumber(phone_number=demo.phone_number, friendly_name=demo.agent_name, trunk_id=trunk_id),
        )
        await directory.assign(organization.id, number.id, agent.id)
    return DemoSetup(api_key=secret, numbers=NUMBERS)


async def open_receptionist(book: WidgetBook, directory: Directory, http_host: str, http_port: int) -> None:
    """Let pages of the gateway itself call the receptionist, unless its owner has decided otherwise: the
    dashboard, and the widget's own page.
    """
    number = directory.number_on(RECEPTIONIST_NUMBER)
    agent = directory.agent(number.inbound_agent_id or "") if number is not None else None
    if agent is None:
        return
    decided = await book.decided_access(agent.id)
    if decided is not None and not decided.enabled:
        return
    allowed = (await book.origins(agent.organization_id)).origins
    host = f"[{http_host}]" if ":" in http_host else http_host
    own = (f"http://{host}:{http_port}", f"http://localhost:{http_port}")
    others = [origin for origin in allowed if origin not in own]
    await book.set_origins(agent.organization_id, [*own, *others][:MAX_ORIGINS])
    if decided is None:
        settings = AccessSettings(enabled=True, public_name=RECEPTIONIST)
        with suppress(ConflictError):  # another agent has the name already
            await book.open_agent(agent.organization_id, agent.id, settings)


async def _ensure_trunk(directory: Directory, organization_id: str) -> str:
    for trunk in (await directory.list_trunks(organization_id, limit=100)).items:
        if trunk.name == TRUNK:
            return trunk.id
    new = NewTrunk(
        name=TRUNK,
        inbound=TrunkInbound(allowed_addresses=("127.0.0.0/8", "::1/128")),
        outbound=TrunkOutbound(address=PHONE_ADDRESS),
    )
    return (await directory.create_trunk(organization_id, new)).id
