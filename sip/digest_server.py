"""Digest authentication, the server's side (RFC 3261 section 22, RFC 7616, RFC 8760): challenges, and whether
the answer to one is good.

A nonce carries its time and a seal, so that nothing is kept for a challenge; only the nonces that were used
with the right password are remembered, with the counts (`nc`) seen, and these in bounded number. What is
kept of a password is its HA1 for each algorithm, which are only good for our realm.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from sip.digest import parse_authentication
from sip.errors import SipError
from sip.message import Request
from sip.uri import SipUri

REALM = "trunkline"
"""Ours, always: an HA1 that is kept holds it."""

ALGORITHMS = ("SHA-256", "MD5")
_HASHES = {"SHA-256": "sha256", "MD5": "md5"}
_WINDOW = 64  # counts below the highest one that may still come, out of order
_HEX = frozenset("0123456789abcdef")
_MAXIMUM_HEADERS = 8


@dataclass(frozen=True, slots=True)
class DigestAccount:
    """What is kept of a user and his password, in the order of `ALGORITHMS`."""

    username: str
    ha1_sha256: str = field(repr=False)
    ha1_md5: str = field(repr=False)

    @classmethod
    def of(cls, username: str, password: str) -> DigestAccount:
        text = f"{username}:{REALM}:{password}"
        return cls(username, _hash("SHA-256", text), _hash("MD5", text))

    def ha1(self, algorithm: str) -> str:
        return self.ha1_sha256 if algorithm == "SHA-256" else self.ha1_md5


class DigestOutcome(Enum):
    """`ABSENT`: nothing to judge. `WRONG`: with a nonce that was given to this source, so that the source is
    not forged. `STALE`: the nonce is none that we gave it, whatever the password, or no longer good with the
    right one.
    """

    ABSENT = "absent"
    GOOD = "good"
    WRONG = "wrong"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class DigestCheck:
    """What came of looking at a request. `username` is as it was sent, whosoever it is."""

    outcome: DigestOutcome
    username: str | None = None


class DigestServer:
    """Challenges and judges. `clock` gives seconds that only grow; `secret` seals nonces."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        lifetime_s: float = 120.0,
        algorithms: Sequence[str] = ALGORITHMS,
        remembered: int = 10_000,
        secret: bytes | None = None,
    ) -> None:
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._algorithms = tuple(algorithms)
        self._remembered = remembered
        self._secret = secret or secrets.token_bytes(32)
        # Whoever names a user that there is not takes as long as everybody else.
        self._nobody = DigestAccount.of("", secrets.token_hex(16))
        self._uses: OrderedDict[str, _Uses] = OrderedDict()
        self._forgotten_until = -1  # nonces as old as this are no longer believed: their uses are forgotten

    def challenges(self, source_host: str, *, stale: bool = False) -> tuple[tuple[str, str], ...]:
        """The WWW-Authenticate headers, the strongest first (RFC 8760 section 2.3)."""
        nonce = self._nonce(source_host)
        more = ", stale=true" if stale else ""
        return tuple(
            (
                "WWW-Authenticate",
                f'Digest realm="{REALM}", nonce="{nonce}", algorithm={algorithm}, qop="auth"{more}',
            )
            for algorithm in self._algorithms
        )

    def check(
        self, request: Request, source_host: str, account: Callable[[str], DigestAccount | None]
    ) -> DigestCheck:
        """Judge the Authorization of `request`; `account` finds a user by name."""
        given = self._credentials(request)
        if given is None:
            return DigestCheck(DigestOutcome.ABSENT)
        algorithm, fields = given
        username = fields["username"]
        if self._issued(fields["nonce"], source_host) is None:
            # Unjudged: a guesser who makes up his nonces learns nothing from what he hears.
            return DigestCheck(DigestOutcome.STALE, username)
        found = account(username)
        expected = _response(algorithm, (found or self._nobody).ha1(algorithm), request.method, fields)
        right = hmac.compare_digest(expected.encode(), fields["response"].lower().encode("utf-8", "replace"))
        if found is None or not right or not _same_user(fields["uri"], request):
            return DigestCheck(DigestOutcome.WRONG, username)
        fresh = self._use(fields["nonce"], int(fields["nc"], 16), source_host)
        return DigestCheck(DigestOutcome.GOOD if fresh else DigestOutcome.STALE, username)

    def _credentials(self, request: Request) -> tuple[str, dict[str, str]] | None:
        """What answers a challenge of ours: an algorithm and all fields."""
        for value in request.get_all("Authorization")[:_MAXIMUM_HEADERS]:
            for scheme, fields in parse_authentication(value):
                algorithm = (fields.get("algorithm") or "MD5").upper()
                if (
                    scheme == "digest"
                    and fields.get("realm") == REALM
                    and algorithm in self._algorithms
                    and fields.get("qop", "").lower() == "auth"
                    and {"username", "nonce", "uri", "response", "cnonce"} <= fields.keys()
                    and _is_count(fields.get("nc", ""))
                ):
                    return algorithm, fields
        return None

    def _nonce(self, source_host: str) -> str:
        issued = int(self._clock() * 1000)
        open_part = f"{issued:x}-{secrets.token_hex(8)}"
        return f"{open_part}-{self._seal(open_part, source_host)}"

    def _seal(self, open_part: str, source_host: str) -> str:
        text = f"{open_part}|{source_host}".encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:32]

    def _issued(self, nonce: str, source_host: str) -> int | None:
        """When we gave this nonce to this source, in milliseconds; None when we did not."""
        open_part, _, seal = nonce.rpartition("-")
        expected = self._seal(open_part, source_host)
        if not hmac.compare_digest(seal.encode("utf-8", "replace"), expected.encode()):
            return None
        return int(open_part.partition("-")[0], 16)

    def _use(self, nonce: str, count: int, source_host: str) -> bool:
        """Note one use of a nonce; False when it is not ours, too old, or this count was seen before."""
        issued = self._issued(nonce, source_host)
        if issued is None or self._clock() * 1000 - issued > self._lifetime_s * 1000:
            return False
        uses = self._uses.get(nonce)
        if uses is None:
            if issued <= self._forgotten_until:
                return False
            uses = self._uses[nonce] = _Uses(issued)
            if len(self._uses) > self._remembered:
                _, oldest = self._uses.popitem(last=False)
                self._forgotten_until = max(self._forgotten_until, oldest.issued)
        return uses.take(count)


class _Uses:
    """The counts seen with one nonce: the highest, and a bit for each of those right below it."""

    __slots__ = ("_highest", "_seen", "issued")

    def __init__(self, issued: int) -> None:
        self.issued = issued
        self._highest = 0
        self._seen = 0

    def take(self, count: int) -> bool:
        if count > self._highest:
            self._seen = (self._seen << min(count - self._highest, _WINDOW)) & ((1 << _WINDOW) - 1) | 1
            self._highest = count
            return True
        behind = self._highest - count
        if behind >= _WINDOW or self._seen >> behind & 1:
            return False
        self._seen |= 1 << behind
        return True


def _response(algorithm: str, ha1: str, method: str, fields: dict[str, str]) -> str:
    hashed_request = _hash(algorithm, f"{method}:{fields['uri']}")
    return _hash(
        algorithm,
        f"{ha1}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:{fields['qop']}:{hashed_request}",
    )


def _same_user(uri: str, request: Request) -> bool:
    """Whether the credentials are for whom the request is for. Proxies rewrite the host, never the user;
    some clients name the host alone.
    """
    try:
        named = SipUri.parse(uri).user_decoded
    except SipError:
        return uri == request.uri
    return not named or named == request.request_uri.user_decoded


def _is_count(text: str) -> bool:
    """Eight hexadecimal digits, of which the first use has 1."""
    return len(text) == 8 and set(text.lower()) <= _HEX and int(text, 16) > 0


def _hash(algorithm: str, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.new(_HASHES[algorithm], data, usedforsecurity=False).hexdigest()
