"""The command line: `serve`, `check`, `route-test`, `users`, `call` and more, their options and exit codes.

0 means that all went well, 1 that what was asked for failed, 2 that the command line is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.backup_commands import backup, restore
from gateway.config import Config
from gateway.config_sources import load_config
from gateway.configuration.endpoints import parse_endpoint, parse_port_range
from gateway.configuration.sip import SipSection
from gateway.errors import ConfigurationError, ConflictError, InvalidRequestError, NotFoundError
from gateway.follow_call import follow_call
from gateway.free_port import free_sip_port
from gateway.inventory_commands import add_number, list_numbers, remove_number
from gateway.key_commands import create_key, list_keys, revoke_key
from gateway.logs import configure_logging
from gateway.route_test import route_test
from gateway.serve import OpenHttp, serve
from gateway.user_commands import add_user, list_users, remove_user, set_password
from store.user_records import Role

DEMO_SIP = "127.0.0.1:5060"
DEMO_HTTP = "127.0.0.1:8080"


def run(arguments: Sequence[str], open_http: OpenHttp) -> int:
    """Do what the command line asks for and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        config = load_config(getattr(options, "config", None), os.environ, _overrides(options))
    except ConfigurationError as error:
        for fault in error.details.get("faults", [error.message]):
            print(f"trunkline: {fault}", file=sys.stderr)
        return 1
    command: str = options.command
    if command == "check":
        print("The configuration is good.")
        return 0
    configure_logging(config.logging)
    if command == "serve":
        return _run_loop(serve(config, open_http, demo=options.demo))
    if command in ("backup", "restore", "route-test", "keys", "users", "inventory"):
        try:
            return _run_loop(_on_the_store(config, options))
        except (ConfigurationError, ConflictError, InvalidRequestError, NotFoundError) as error:
            print(f"trunkline: {error.message}", file=sys.stderr)
            return 1
    return _run_loop(
        follow_call(
            options.api, options.key, agent_id=options.agent, to=options.to, from_number=options.from_number
        )
    )


def _on_the_store(config: Config, options: argparse.Namespace) -> Coroutine[Any, Any, int]:
    """The commands that read or change the store directly."""
    if options.command == "backup":
        return backup(config, path=options.file)
    if options.command == "restore":
        return restore(config, path=options.file)
    if options.command == "route-test":
        return route_test(config, to=options.to, from_=options.from_number, source=options.source)
    if options.command == "inventory":
        return _inventory(config, options)
    if options.command == "users":
        return _users(config, options)
    if options.action == "create":
        return create_key(
            config,
            organization=options.organization,
            name=options.name,
            allowed_addresses=options.allow,
            role=options.role,
        )
    if options.action == "list":
        return list_keys(config)
    return revoke_key(config, key_id=options.id)


def _users(config: Config, options: argparse.Namespace) -> Coroutine[Any, Any, int]:
    if options.action == "add":
        return add_user(config, organization=options.organization, username=options.name, role=options.role)
    if options.action == "list":
        return list_users(config)
    if options.action == "passwd":
        return set_password(config, username=options.name)
    return remove_user(config, username=options.name)


def _inventory(config: Config, options: argparse.Namespace) -> Coroutine[Any, Any, int]:
    if options.action == "add":
        return add_number(
            config,
            phone_number=options.number,
            type_=options.type,
            trunk_id=options.trunk,
            monthly_cost_cents=options.monthly_cents,
        )
    if options.action == "list":
        return list_numbers(config)
    return remove_number(config, phone_number=options.number)


def _run_loop(coroutine: Coroutine[Any, Any, int]) -> int:
    try:
        import uvloop
    except ImportError:
        return int(asyncio.run(coroutine))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return int(runner.run(coroutine))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway", description="AI voice agents on the phone.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    configured = argparse.ArgumentParser(add_help=False)
    configured.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file; see docs/configuration.md"
    )
    configured.add_argument("--data", type=Path, metavar="DIR", help="where the database and recordings live")

    serving = commands.add_parser("serve", parents=[configured], help="run the gateway")
    serving.add_argument(
        "--demo", action="store_true", help="loopback only, with a local engine and demo numbers"
    )
    serving.add_argument(
        "--sip", type=_endpoint, metavar="HOST:PORT", help="listen here for SIP over UDP and TCP"
    )
    serving.add_argument(
        "--sip-tls",
        type=_endpoint,
        metavar="HOST:PORT",
        help="listen here for SIP over TLS too, with sip.tls_certificate",
    )
    serving.add_argument("--http", type=_endpoint, metavar="HOST:PORT", help="listen here for HTTP")
    serving.add_argument("--rtp-ports", type=_port_range, metavar="LOW-HIGH", help="ports for audio")

    serving.add_argument(
        "--media-workers",
        type=_whole_number,
        metavar="N",
        help="processes that carry the audio; default: one for each core, 0 = none of their own",
    )

    commands.add_parser("check", parents=[configured], help="check the configuration")

    testing = commands.add_parser(
        "route-test",
        parents=[configured],
        help="tell which trunk, number and agent an INVITE would get, and why",
    )
    testing.add_argument("--to", required=True, metavar="NUMBER")
    testing.add_argument("--from", dest="from_number", metavar="NUMBER")
    testing.add_argument("--source", metavar="IP", help="the address the INVITE would come from")

    _add_keys(commands, configured)
    _add_users(commands, configured)
    _add_backup(commands, configured)
    _add_inventory(commands, configured)

    calling = commands.add_parser("call", help="place a call through a running gateway and follow it")
    calling.add_argument("--agent", required=True, metavar="ID")
    calling.add_argument("--to", required=True, metavar="NUMBER")
    calling.add_argument("--from", dest="from_number", metavar="NUMBER")
    calling.add_argument("--api", default=f"http://{DEMO_HTTP}", metavar="URL")
    calling.add_argument(
        "--key", default=os.environ.get("TRUNKLINE_KEY"), help="API key; default: the variable TRUNKLINE_KEY"
    )
    return parser


def _add_backup(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], configured: argparse.ArgumentParser
) -> None:
    for name, purpose in (
        ("backup", "write the whole database into a file, also while a gateway runs"),
        ("restore", "fill an empty database, of either kind, from such a file"),
    ):
        commands.add_parser(name, parents=[configured], help=purpose).add_argument(
            "file", type=Path, metavar="FILE"
        )


def _add_keys(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], configured: argparse.ArgumentParser
) -> None:
    keys = commands.add_parser("keys", help="make, list and revoke API keys")
    actions = keys.add_subparsers(dest="action", required=True, metavar="ACTION")
    creating = actions.add_parser("create", parents=[configured], help="make a key and show it, this once")
    creating.add_argument("--name", default="default", help="what the key is for")
    creating.add_argument(
        "--organization", default="Default", metavar="NAME", help="whose it is; made when there is none"
    )
    creating.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NETWORK",
        help="an address or network in CIDR form that the key is good from; may be given several times",
    )
    creating.add_argument(
        "--role", type=Role, choices=list(Role), default=Role.ADMIN, help="read: may change nothing"
    )
    actions.add_parser("list", parents=[configured], help="show the keys there are, without their secrets")
    revoking = actions.add_parser("revoke", parents=[configured], help="make a key good for nothing")
    revoking.add_argument("--id", required=True, metavar="ID")


def _add_users(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], configured: argparse.ArgumentParser
) -> None:
    users = commands.add_parser("users", help="who may sign in to the dashboard")
    actions = users.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser(
        "add", parents=[configured], help="make a user; asks for the password, or reads it from a pipe"
    )
    adding.add_argument("name", metavar="NAME")
    adding.add_argument(
        "--role", type=Role, choices=list(Role), default=Role.ADMIN, help="read: may change nothing"
    )
    adding.add_argument(
        "--organization", default="Default", metavar="NAME", help="whose user; made when there is none"
    )
    actions.add_parser("list", parents=[configured], help="show the users there are")
    for action, purpose in (("passwd", "give a user another password"), ("remove", "remove a user")):
        actions.add_parser(action, parents=[configured], help=purpose).add_argument("name", metavar="NAME")


def _add_inventory(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], configured: argparse.ArgumentParser
) -> None:
    inventory = commands.add_parser("inventory", help="the stock of numbers that customers can buy from")
    actions = inventory.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser("add", parents=[configured], help="put a number up for sale")
    adding.add_argument("--number", required=True, metavar="NUMBER", help="E.164")
    adding.add_argument("--trunk", metavar="ID", help="the trunk that carries it")
    adding.add_argument("--type", choices=("local", "toll-free", "mobile"), default="local")
    adding.add_argument("--monthly-cents", type=_whole_number, default=0, metavar="CENTS")
    actions.add_parser("list", parents=[configured], help="show the stock")
    removing = actions.add_parser("remove", parents=[configured], help="sell a number no longer")
    removing.add_argument("--number", required=True, metavar="NUMBER")


def _endpoint(text: str) -> str:
    try:
        parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _with_port(endpoint: str) -> str:
    """The endpoint with a port number of its own when it has 0, so that UDP and TCP get the same one."""
    host, port = parse_endpoint(endpoint)
    if port:
        return endpoint
    with suppress(OSError):  # an address that is not ours is told when it is bound
        port = free_sip_port(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _port_range(text: str) -> str:
    try:
        parse_port_range(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _whole_number(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}")
    return int(text)


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the configuration. The demonstration listens on loopback only."""
    overrides: dict[str, Any] = {}
    if getattr(options, "data", None) is not None:
        overrides["data_dir"] = options.data
    if options.command != "serve":
        return overrides
    demo: bool = options.demo
    sip = options.sip or (DEMO_SIP if demo else None)
    http = options.http or (DEMO_HTTP if demo else None)
    if sip is not None:
        sip = _with_port(sip)
        overrides["sip.listen"] = (f"udp:{sip}", f"tcp:{sip}")
    if options.sip_tls is not None:
        plain = overrides.get("sip.listen", SipSection().listen)
        overrides["sip.listen"] = (*plain, f"tls:{options.sip_tls}")
    if http is not None:
        overrides["http.listen"] = http
    if options.rtp_ports is not None:
        overrides["media.rtp_ports"] = options.rtp_ports
    if options.media_workers is not None:
        overrides["media.workers"] = options.media_workers
    if demo:
        overrides["media.bind_host"] = "::1" if sip is not None and sip.startswith("[") else "127.0.0.1"
    return overrides
