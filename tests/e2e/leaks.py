"""Is everything given back? Asked of `/metrics`, as an operator would."""

from __future__ import annotations

import time

from tests.e2e.gateway_process import Gateway

CALLS = (
    "trunkline_calls_live",
    "trunkline_calls_inbound_active",
    "trunkline_calls_outbound_active",
    "trunkline_calls_queued",
    "trunkline_media_legs",
    "trunkline_sip_calls",
    "trunkline_store_calls_waiting",
)
SIGNALLING = (
    "trunkline_sip_dialogs",
    "trunkline_sip_client_transactions",
    "trunkline_sip_server_transactions",
)
LONGEST_TRANSACTION_S = (
    40  # 64 * T1 is 32 s (RFC 3261, timers B, D, F, H, J; RFC 6026, L and M), and something over
)


def remaining(gateway: Gateway, names: tuple[str, ...] = CALLS + SIGNALLING) -> dict[str, float]:
    """The gauges among `names` that are not zero. A gauge that is not there at all is an error."""
    metrics = gateway.metrics()
    return {name: metrics[name] for name in names if metrics[name] != 0}


def assert_calls_gone(gateway: Gateway, seconds: float = 10) -> None:
    """No call, no leg and no dialog is left; transactions may still wait for retransmissions."""
    _assert_none(gateway, (*CALLS, "trunkline_sip_dialogs"), seconds)


def assert_nothing_left(gateway: Gateway) -> None:
    """Nothing at all is left, once the last transaction had its time."""
    _assert_none(gateway, CALLS + SIGNALLING, LONGEST_TRANSACTION_S)


def _assert_none(gateway: Gateway, names: tuple[str, ...], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while left := remaining(gateway, names):
        assert time.monotonic() < limit, f"still there after {seconds} s: {left}"
        time.sleep(0.1)
