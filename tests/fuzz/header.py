"""One header value or URI, given to everything that reads one: nothing but a SipError may come out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sip import extension_headers as extensions
from sip.digest import DigestClient, choose, parse_challenges
from sip.errors import SipError
from sip.grammar import split_comma, split_unquoted
from sip.headers import CSeq, NameAddr, Via, parse_value_with_parameters
from sip.uri import SipUri

_CLIENT = DigestClient("user", "password", create_cnonce=lambda: "c")


def uri(text: str) -> None:
    parsed = SipUri.parse(text)
    assert SipUri.parse(str(parsed)) == parsed, "a URI changes by being written and read again"
    parsed.header("Replaces")
    assert parsed.telephone_number is None or parsed.telephone_number.lstrip("+").isdigit()
    SipUri.parse(str(parsed.as_request_uri()))


def address(text: str) -> None:
    parsed = NameAddr.parse(text)
    written = NameAddr.parse(str(parsed))
    assert (written.uri_text, written.tag) == (parsed.uri_text, parsed.tag)
    str(parsed.uri)


def via(text: str) -> None:
    for value in split_comma(text):
        parsed = Via.parse(value)
        stamped = parsed.with_received("192.0.2.9", 5062)
        again = Via.parse(stamped.text)
        assert (again.branch, again.host, again.port) == (parsed.branch, parsed.host, parsed.port)
        assert again.received in ("192.0.2.9", None)
        str(parsed.rport), parsed.maddr


def digest(text: str) -> None:
    chosen = choose(parse_challenges([text]))
    if chosen is not None:
        _CLIENT.authorization(chosen, "INVITE", "sip:a@b")


def lists(text: str) -> None:
    for separator in ",;":
        assert separator.join(split_unquoted(text, separator)) == text
    parse_value_with_parameters(text)


def again(read: Callable[[str], object]) -> Callable[[str], None]:
    """What is written of a value that was read is read as the same value."""

    def check(text: str) -> None:
        parsed = read(text)
        assert read(str(parsed)) == parsed, "a value changes by being written and read again"

    return check


READERS: tuple[Callable[[str], None], ...] = (
    uri,
    address,
    via,
    digest,
    lists,
    again(CSeq.parse),
    again(extensions.Reason.parse),
    again(extensions.RetryAfter.parse),
    again(extensions.RAck.parse),
    again(extensions.SessionExpires.parse),
    again(extensions.Replaces.parse),
    again(extensions.Warning.parse),
    again(extensions.SubscriptionState.parse),
)


def fuzz(data: bytes) -> None:
    # As in a message: whatever bytes, but no line end and no NUL.
    text = data.decode("utf-8", "surrogateescape")
    text = text.replace("\r", " ").replace("\n", " ").replace("\0", " ").strip()
    for reader in READERS:
        with suppress(SipError):
            reader(text)
