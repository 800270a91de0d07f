"""Identifiers in paths: opaque to the client, so one that cannot be ours is simply not found."""

from __future__ import annotations

from gateway.errors import NotFoundError
from store.identifiers import parse_identifier


def path_id(text: str, kind: str) -> str:
    """The bare identifier of a `kind` (`call`, `agent`, ...) in a path. Raises `NotFoundError`."""
    parsed = parse_identifier(text)
    if parsed is None:
        raise NotFoundError(f"There is no {kind} with this id.")
    return parsed
