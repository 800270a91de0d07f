"""Links to recordings: whoever has one may listen until it expires, without a key.

The token is an HMAC-SHA256 of the file's name and the expiry, so that neither can be changed.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import secrets
from pathlib import Path

from gateway.errors import ConfigurationError

SECRET_BYTES = 32
SHORTEST_SECRET = 16
_EXPIRES = re.compile(r"[0-9]{1,12}")


class LinkError(Exception):
    """The link was not made by us, was changed, or has expired: the text says which."""


class LinkSigner:
    """Makes and checks links. Times are seconds since 1970."""

    def __init__(self, secret: bytes, ttl_s: float) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ConfigurationError(f"recordings.link_secret is shorter than {SHORTEST_SECRET} characters")
        self._secret = secret
        self._ttl_s = ttl_s

    def link(self, name: str, now: float) -> str:
        """The path and query of a file's link, good from now on for as long as is configured."""
        expires = int(now + self._ttl_s)
        return f"/recordings/{name}?token={self._token(name, str(expires))}&expires={expires}"

    def check(self, name: str, token: str | None, expires: str | None, now: float) -> None:
        """Raises `LinkError` unless the link to `name` is good."""
        if not token or not expires or not _EXPIRES.fullmatch(expires):
            raise LinkError("The link is not complete.")
        # Compared as bytes: text with other characters than ASCII would make it raise.
        if not hmac.compare_digest(self._token(name, expires).encode(), token.encode("utf-8", "replace")):
            raise LinkError("The link is not ours, or was changed.")
        if int(expires) <= now:
            raise LinkError("The link has expired; read the call again for a fresh one.")

    def _token(self, name: str, expires: str) -> str:
        digest = hmac.digest(self._secret, f"recording\n{name}\n{expires}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def own_secret(file: Path) -> bytes:
    """The secret in `file`, which is made with a new one when there is none yet. Raises
    `ConfigurationError`.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        made = secrets.token_urlsafe(SECRET_BYTES).encode()
        # Whole or not at all: it appears under its name only once it is written.
        draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as new:
                new.write(made)
            os.link(draft, file)
        except FileExistsError:
            return file.read_bytes().strip()
        finally:
            draft.unlink()
        return made
    except OSError as error:
        raise ConfigurationError(f"the secret of recording links: {error}") from error
