"""Headers that only some usages read: Reason (RFC 3326), Retry-After and Warning (RFC 3261), RAck (RFC 3262),
Session-Expires (RFC 4028), Replaces (RFC 3891), Subscription-State (RFC 6665)."""

from __future__ import annotations

import msgspec

from sip.errors import ParseError
from sip.grammar import Parameters, is_token, parse_number, parse_parameters, quote, unquote
from sip.headers import parse_value_with_parameters


class Reason(msgspec.Struct, frozen=True):
    """Why a request was sent: `SIP;cause=200` or `Q.850;cause=16`."""

    protocol: str
    cause: int | None = None
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Reason:
        """Raises ParseError."""
        protocol, parameters = parse_value_with_parameters(text)
        if not is_token(protocol):
            raise ParseError("Malformed Reason")
        cause = parameters.get("cause")
        number = None if cause is None else parse_number(cause, "Reason Cause", 999)
        return cls(protocol, number, parameters.get("text") or "")

    def __str__(self) -> str:
        cause = "" if self.cause is None else f";cause={self.cause}"
        return f"{self.protocol}{cause}{f';text={quote(self.text)}' if self.text else ''}"


class RetryAfter(msgspec.Struct, frozen=True):
    """When to try again, in seconds; `duration` is for how long the peer will be reachable then."""

    seconds: int
    duration: int | None = None

    @classmethod
    def parse(cls, text: str) -> RetryAfter:
        """Read `18000;duration=3600` or `120 (I'm in a meeting)`. Raises ParseError."""
        value, parameters = parse_value_with_parameters(text)
        number = parse_number(value.partition("(")[0], "Retry-After")
        duration = parameters.get("duration")
        return cls(number, None if duration is None else parse_number(duration, "Retry-After Duration"))

    def __str__(self) -> str:
        return str(self.seconds) if self.duration is None else f"{self.seconds};duration={self.duration}"


class RAck(msgspec.Struct, frozen=True):
    """Which reliable provisional response a PRACK acknowledges."""

    response_number: int
    cseq_number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Raises ParseError."""
        parts = text.split()
        if len(parts) != 3 or not is_token(parts[2]):
            raise ParseError("Malformed RAck")
        return cls(parse_number(parts[0], "RAck"), parse_number(parts[1], "RAck"), parts[2])

    def __str__(self) -> str:
        return f"{self.response_number} {self.cseq_number} {self.method}"


class SessionExpires(msgspec.Struct, frozen=True):
    """Session interval in seconds and who refreshes ("uac", "uas" or None)."""

    seconds: int
    refresher: str | None = None

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        """Raises ParseError."""
        value, parameters = parse_value_with_parameters(text)
        refresher = (parameters.get("refresher") or "").lower()
        return cls(parse_number(value, "Session-Expires"), refresher if refresher in ("uac", "uas") else None)

    def __str__(self) -> str:
        return str(self.seconds) if self.refresher is None else f"{self.seconds};refresher={self.refresher}"


class Replaces(msgspec.Struct, frozen=True):
    """The dialog that a new INVITE takes the place of; `to_tag` is the tag of the INVITE's receiver."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """Raises ParseError."""
        call_id, parameters = parse_value_with_parameters(text)
        to_tag, from_tag = parameters.get("to-tag"), parameters.get("from-tag")
        if not call_id or not to_tag or not from_tag:
            raise ParseError("Malformed Replaces")
        if any(character <= " " or character == "\x7f" for character in call_id + to_tag + from_tag):
            raise ParseError("Malformed Replaces")  # in a Refer-To they were escaped
        return cls(call_id, to_tag, from_tag, "early-only" in parameters)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


class Warning(msgspec.Struct, frozen=True):
    """What is wrong, for people: `399 gateway "text"`."""

    code: int
    agent: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Warning:
        """Read one warning value. Raises ParseError."""
        code, _, rest = text.strip().partition(" ")
        agent, _, quoted = rest.lstrip().partition(" ")
        if not agent:
            raise ParseError("Malformed Warning")
        return cls(parse_number(code, "Warning Code", 999), agent, unquote(quoted.strip()))

    def __str__(self) -> str:
        return f"{self.code} {self.agent} {quote(self.text)}"


class SubscriptionState(msgspec.Struct, frozen=True):
    """State of a subscription in a NOTIFY; `expires` and `retry_after` in seconds."""

    state: str
    reason: str | None = None
    expires: int | None = None
    retry_after: int | None = None

    @classmethod
    def parse(cls, text: str) -> SubscriptionState:
        """Raises ParseError."""
        state, parameters = parse_value_with_parameters(text)
        if not is_token(state):
            raise ParseError("Malformed Subscription-State")
        return cls(
            state.lower(),
            parameters.get("reason"),
            _optional_number(parameters, "expires"),
            _optional_number(parameters, "retry-after"),
        )

    def __str__(self) -> str:
        out = self.state
        for name, value in (
            ("expires", self.expires),
            ("reason", self.reason),
            ("retry-after", self.retry_after),
        ):
            if value is not None:
                out += f";{name}={value}"
        return out


def _optional_number(parameters: Parameters, name: str) -> int | None:
    value = parameters.get(name)
    return None if value is None else parse_number(value, name)


def parse_media_type(text: str) -> tuple[str, Parameters]:
    """`Application / SDP ;charset=x` -> ("application/sdp", parameters). Raises ParseError."""
    value, _, tail = text.partition(";")
    kind, slash, subtype = value.partition("/")
    kind, subtype = kind.strip().lower(), subtype.strip().lower()
    if not slash or not is_token(kind) or not is_token(subtype):
        raise ParseError("Malformed Content-Type")
    return f"{kind}/{subtype}", parse_parameters(tail)
