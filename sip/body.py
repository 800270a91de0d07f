"""Finding the session description in a message's body (RFC 3261 section 7.4, RFC 2046 section 5.1).

Most bodies are one session description. Carriers that interwork with ISUP send `multipart/mixed` with the
session description as one of the parts (RFC 3204).
"""

from __future__ import annotations

from sip.headers import parse_value_with_parameters
from sip.message import Request, Response

SDP_CONTENT_TYPE = "application/sdp"

_MAXIMUM_PARTS = 16


def session_description(message: Request | Response) -> bytes | None:
    """The session description in `message`, or None when there is none."""
    if not message.body:
        return None
    content_type = message.content_type
    if content_type is None or content_type == SDP_CONTENT_TYPE:
        return message.body
    if content_type.startswith("multipart/"):
        return _part_of_multipart(message.get("Content-Type") or "", message.body)
    return None


def _part_of_multipart(content_type: str, body: bytes) -> bytes | None:
    boundary = (parse_value_with_parameters(content_type)[1].get("boundary") or "").strip('"')
    if not boundary:
        return None
    delimiter = b"--" + boundary.encode("utf-8", "surrogateescape")
    for part in body.split(delimiter, _MAXIMUM_PARTS)[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        if part.startswith(b"--"):
            return None
        for line in head.decode("utf-8", "surrogateescape").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() in ("content-type", "c"):
                media_type = value.partition(";")[0].strip().lower()
                if media_type == SDP_CONTENT_TYPE:
                    return content.removesuffix(b"\r\n")
    return None
