"""How a webhook request is signed, so that its receiver can tell it from anybody else's.

`X-Truedy-Signature` is the HMAC-SHA256 of `{timestamp}.{raw body}` in hexadecimal, and while a secret is
being rotated two of them with a comma in between: of the new secret and of the old one.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence

TIMESTAMP_HEADER = "X-Truedy-Timestamp"
SIGNATURE_HEADER = "X-Truedy-Signature"
EVENT_ID_HEADER = "X-Truedy-Event-Id"

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A secret that nobody can guess."""
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The digest of one secret."""
    return hmac.digest(secret.encode(), b"%d.%b" % (timestamp, body), "sha256").hex()


def signed_headers(keys: Sequence[str], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a request, signed with each of the endpoint's secrets. One that is empty, as only an
    agent's can be, does not sign.
    """
    headers = {TIMESTAMP_HEADER: str(timestamp), EVENT_ID_HEADER: event_id}
    digests = [signature(secret, timestamp, body) for secret in keys if secret]
    if digests:
        headers[SIGNATURE_HEADER] = ",".join(digests)
    return headers
