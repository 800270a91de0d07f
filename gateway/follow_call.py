"""`call`: place a call through a running gateway's API and tell what happens until it is over."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp

POLL_S = 0.5
TERMINAL = ("ended", "failed", "cancelled")


class _ApiError(Exception):
    """The API said no; the text is for the user."""


async def follow_call(api: str, key: str | None, *, agent_id: str, to: str, from_number: str | None) -> int:
    """0 when the call was answered and ended, 1 otherwise."""
    if not key:
        print("trunkline: no API key: give --key or set TRUNKLINE_KEY", file=sys.stderr)
        return 1
    body = {"agent_id": agent_id, "phone_number": to} | ({"from_number": from_number} if from_number else {})
    base = f"{api.rstrip('/')}/api/public/v1"
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
            created = await _data(session.post(f"{base}/calls", json=body))
            return await _follow(session, base, created["id"])
    except _ApiError as error:
        print(f"trunkline: {error}", file=sys.stderr)
        return 1
    except (aiohttp.ClientError, TimeoutError) as error:
        print(f"trunkline: {api}: {error}", file=sys.stderr)
        return 1


async def _follow(session: aiohttp.ClientSession, base: str, call_id: str) -> int:
    print(f"call {call_id}")
    told = 0
    while True:
        call = await _data(session.get(f"{base}/calls/{call_id}"))
        timeline = await _data(session.get(f"{base}/calls/{call_id}/timeline"))
        for event in timeline[told:]:
            detail = " ".join(f"{name}={value}" for name, value in event["detail"].items())
            print(f"{event['t_ms'] / 1000:8.3f}  {event['kind']:<20} {detail}")
        told = len(timeline)
        if call["status"] in TERMINAL:
            why = call["failure_reason"] or call["end_reason"]
            print(f"{call['status']} ({why}), {call['duration_seconds'] or 0} s")
            return 0 if call["status"] == "ended" else 1
        await asyncio.sleep(POLL_S)


async def _data(request: Any) -> Any:
    """What the API answers under `data`. Raises `_ApiError` for an error, or for what is no answer of it."""
    async with request as response:
        try:
            answer = await response.json(content_type=None)
        except ValueError:
            answer = None
    if isinstance(answer, dict):
        if "data" in answer:
            return answer["data"]
        error = answer.get("error")
        if isinstance(error, dict):
            raise _ApiError(f"{error.get('code')}: {error.get('message')}")
    raise _ApiError(f"HTTP status {response.status} with an answer that is not the API's")
