"""Digest authentication, the client's side (RFC 3261 section 22, RFC 7616, RFC 8760).

Several challenges in one answer are all looked at and the strongest supported one is used. Headers are read
by hand in linear time: whoever answers us decides what is in them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from sip.errors import DigestError
from sip.grammar import end_of_quoted, is_token, quote, split_unquoted
from sip.message import Response

# Strongest first. SHA-512/256 is there only when the system's OpenSSL has it.
_HASH_NAMES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
_SUPPORTED = [name for name, known_as in _HASH_NAMES.items() if known_as in hashlib.algorithms_available]
_MAXIMUM_CHALLENGES = 16
_MAXIMUM_PARAMETERS = 64
_REMEMBERED_NONCES = 64


class Challenge(msgspec.Struct, frozen=True):
    """One challenge of a WWW-Authenticate or Proxy-Authenticate header.

    `realm`, `nonce` and `opaque` stand between quotes exactly as they came, so that they go back unchanged.
    `algorithm` is in upper case, MD5 when none was named. `qop` holds the offered values in lower case.
    """

    scheme: str
    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Read the first challenge in `text`. Raises DigestError when there is none."""
        challenges = parse_challenges([text])
        if not challenges:
            raise DigestError("no challenge in the header")
        return challenges[0]

    @property
    def strength(self) -> int:
        """0 for the strongest algorithm, counting up; -1 when the challenge cannot be answered."""
        name = self.algorithm.removesuffix("-SESS")
        if self.scheme != "digest" or not self.nonce or name not in _SUPPORTED:
            return -1
        if self.qop and not {"auth", "auth-int"} & set(self.qop):
            return -1
        return _SUPPORTED.index(name)


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """The challenges in the header lines `values`, in order; what is no challenge is passed over."""
    challenges: list[Challenge] = []
    for value in values:
        for scheme, parameters in parse_authentication(value):
            if len(challenges) == _MAXIMUM_CHALLENGES:
                return challenges
            offered = [option.strip().lower() for option in parameters.get("qop", "").split(",")]
            challenges.append(
                Challenge(
                    scheme=scheme,
                    realm=parameters.get("realm", ""),
                    nonce=parameters.get("nonce", ""),
                    algorithm=(parameters.get("algorithm") or "MD5").upper(),
                    qop=tuple(option for option in offered if option),
                    opaque=parameters.get("opaque"),
                    stale=parameters.get("stale", "").lower() == "true",
                )
            )
    return challenges


def parse_authentication(text: str) -> list[tuple[str, dict[str, str]]]:
    """`Digest a="x", b=y, Basic c=z` -> [(scheme in lower case, parameters), ...].

    Names are lower-case; quoted values lose their quotes and keep their escapes. Of a repeated parameter the
    first counts. Malformed parts are passed over: an authentication header is never a reason to fail.
    """
    found: list[tuple[str, dict[str, str]]] = []
    for part in split_unquoted(text, ","):
        name, equals, value = part.partition("=")
        words = name.split()
        if (len(words) == 2 or (len(words) == 1 and not equals)) and is_token(words[0]):
            found.append((words[0].lower(), {}))
            name = words[-1]
        else:
            name = name.strip()
        if not equals or not found or not is_token(name):
            continue
        parameters = found[-1][1]
        value = value.strip()
        if value[:1] == '"':
            end = end_of_quoted(value, 0)
            value = value[1 : end - 1] if end > 0 else value[1:]
        if len(parameters) < _MAXIMUM_PARAMETERS:
            parameters.setdefault(name.lower(), value)
    return found


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """The strongest challenge that can be answered, the first of equals; None when there is none."""
    usable = [challenge for challenge in challenges if challenge.strength >= 0]
    return min(usable, key=lambda challenge: challenge.strength, default=None)


class DigestClient:
    """Answers challenges for one user. It counts the uses of each nonce; a nonce not used lately is
    forgotten.

    `create_cnonce` is the source of client nonces, for tests.
    """

    def __init__(
        self, username: str, password: str, *, create_cnonce: Callable[[], str] = lambda: secrets.token_hex(8)
    ) -> None:
        self.username = username
        self._password = password
        self._create_cnonce = create_cnonce
        self._uses: OrderedDict[tuple[str, str], int] = OrderedDict()

    def authorization(self, challenge: Challenge, method: str, uri: str, body: bytes = b"") -> str:
        """The value of the Authorization or Proxy-Authorization header for one request.

        `uri` is the Request-URI as it is sent. Raises DigestError when the challenge is not one we support.
        """
        if challenge.strength < 0:
            raise DigestError(f"unsupported challenge: {challenge.scheme} {challenge.algorithm}")
        count = self._count_use(challenge)
        cnonce = self._create_cnonce()
        qop = ""
        if challenge.qop:
            qop = "auth" if "auth" in challenge.qop else "auth-int"
        session = challenge.algorithm.endswith("-SESS")
        digest = self._digest(challenge, f"{method}:{uri}", body, qop, count, cnonce)
        fields = [
            f"username={quote(self.username)}",
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
            f'response="{digest}"',
            # An unquoted token, spelled as RFC 7616 spells it: some registrars compare it letter by letter.
            f"algorithm={challenge.algorithm.replace('-SESS', '-sess')}",
        ]
        if qop:
            fields += [f"qop={qop}", f"nc={count:08x}"]
        if qop or session:
            fields.append(f'cnonce="{cnonce}"')
        if challenge.opaque is not None:
            fields.append(f'opaque="{challenge.opaque}"')
        return "Digest " + ", ".join(fields)

    def credentials(self, response: Response, method: str, uri: str, body: bytes = b"") -> tuple[str, str]:
        """The header (name, value) that answers a 401 or 407. Raises DigestError when it supports nothing."""
        if response.status == 407:
            asked, answered = "Proxy-Authenticate", "Proxy-Authorization"
        else:
            asked, answered = "WWW-Authenticate", "Authorization"
        challenge = choose(parse_challenges(response.get_all(asked)))
        if challenge is None:
            raise DigestError(f"no supported challenge in {asked}")
        return answered, self.authorization(challenge, method, uri, body)

    def _count_use(self, challenge: Challenge) -> int:
        key = (challenge.realm, challenge.nonce)
        count = self._uses.pop(key, 0) + 1
        self._uses[key] = count
        if len(self._uses) > _REMEMBERED_NONCES:
            self._uses.popitem(last=False)
        return count

    def _digest(
        self, challenge: Challenge, request: str, body: bytes, qop: str, count: int, cnonce: str
    ) -> str:
        name = _HASH_NAMES[challenge.algorithm.removesuffix("-SESS")]
        secret = _hash(name, f"{self.username}:{challenge.realm}:{self._password}")
        if challenge.algorithm.endswith("-SESS"):
            secret = _hash(name, f"{secret}:{challenge.nonce}:{cnonce}")
        if qop == "auth-int":
            request = f"{request}:{hashlib.new(name, body, usedforsecurity=False).hexdigest()}"
        hashed_request = _hash(name, request)
        if not qop:
            return _hash(name, f"{secret}:{challenge.nonce}:{hashed_request}")
        return _hash(name, f"{secret}:{challenge.nonce}:{count:08x}:{cnonce}:{qop}:{hashed_request}")


def is_refusal(challenge: Challenge, sent: str | None) -> bool:
    """Whether `challenge`, received after the credentials `sent` (a header value), means that they are wrong.

    It does when they were for its realm and it is not marked stale: trying again would only lock the account.
    """
    if sent is None or challenge.stale:
        return False
    return any(parameters.get("realm") == challenge.realm for _, parameters in parse_authentication(sent))


def _hash(name: str, text: str) -> str:
    return hashlib.new(name, text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
