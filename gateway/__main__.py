"""`python -m gateway`: the composition root.

The only module of this package that knows of the packages above it (`control_api`): it puts the HTTP API
and the gateway together and leaves the rest to `gateway.command_line`.
"""

from __future__ import annotations

import sys

from control_api.application import create_app
from control_api.server import HttpServer
from gateway.application import Gateway
from gateway.command_line import run


def open_http(gateway: Gateway, host: str, port: int) -> HttpServer:
    """The HTTP side of a gateway."""
    return HttpServer(create_app(gateway), host, port, trusted_proxies=gateway.config.http.trusted_proxies)


def main() -> None:
    sys.exit(run(sys.argv[1:], open_http))


if __name__ == "__main__":
    main()
