"""Takes out of a SIP message what must be kept nowhere: credentials, media keys and the keys that a caller
presses.

The message is taken as bytes, since what cannot be parsed is kept too. Looking for marks in the text costs a
few microseconds, and only what has one is changed. Whatever stands in a body keeps its length, so that
Content-Length stays true.
"""

from __future__ import annotations

import re

_HEADER = re.compile(
    rb"(^(?:proxy-)?(?:authorization|authentication-info)[ \t]*:[ \t]*)"
    rb"((?:[^\r\n]|\r?\n[ \t])*)",
    re.IGNORECASE | re.MULTILINE,
)
# The signature of a PASSporT (RFC 8224): what is signed may be read, but used again by nobody.
_IDENTITY = re.compile(
    rb"(^(?:identity|y)[ \t]*:\s*[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]*\.)([A-Za-z0-9_\-]+)",
    re.IGNORECASE | re.MULTILINE,
)
_IDENTITY_MARK = re.compile(rb"\n(?:identity|y)[ \t]*:")
# Of a digest response only these are shown: enough to see which user and challenge it was for.
_SHOWN = re.compile(
    rb"\b(username|realm|uri|algorithm|qop|nc|nonce)[ \t]*=[ \t]*(\"[^\"\r\n]*\"|[^\s,\"]+)",
    re.IGNORECASE,
)
_KEYS = (
    re.compile(rb"(^a=crypto:[^\r\n]*?inline:)([^\r\n|]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(^a=ice-pwd:)([^\r\n]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(^a=key-mgmt:\w*[ \t]*)([^\r\n]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(^k=)([^\r\n]+)", re.MULTILINE),
)
# A second key of the same line stands behind a semicolon.
_MORE_KEYS = re.compile(rb"(;inline:)([^\r\n|;]+)", re.IGNORECASE)
# Of `sip:user:password@`, what stands before the password; the rest is found from the @ backwards, since a
# pattern that looks for it from here takes seconds for a text with thousands of `sip:` and no @.
_BEFORE_PASSWORD = re.compile(rb"sips?:[^\s<>@:;,?\"]*:")
_ENDS_OF_URI = (b" ", b"<", b">", b"\n", b"\r", b"\t")
_SIGNAL = re.compile(rb"(^signal[ \t]*[=:][ \t]*)(\S+)", re.IGNORECASE | re.MULTILINE)
_KPML_DIGITS = re.compile(rb"(\bdigits[ \t]*=[ \t]*[\"'])([^\"']*)", re.IGNORECASE)
_BODY = re.compile(rb"\r?\n\r?\n")
_KEY_MARKS = (b"crypto:", b"ice-pwd:", b"key-mgmt:", b"\nk=")


def redact(data: bytes, *, show_digits: bool = False) -> bytes:
    """The message without secrets; the same object where it has none."""
    low = data.lower()
    if b"authorization" in low or b"authentication-info" in low:
        data = _HEADER.sub(_credentials, data)
    if _IDENTITY_MARK.search(low) is not None:
        data = _IDENTITY.sub(_covered, data)
    if any(mark in low for mark in _KEY_MARKS):
        for pattern in _KEYS:
            data = pattern.sub(_covered, data)
        data = _MORE_KEYS.sub(_covered, data)
    if _BEFORE_PASSWORD.search(low) is not None:
        data = _without_passwords(data, data.lower())
    if not show_digits and (b"application/dtmf" in low or b"kpml-response" in low):
        data = _without_digits(data, low)
    return data


def _covered(match: re.Match[bytes]) -> bytes:
    return match[1] + b"x" * len(match[2])


def _credentials(match: re.Match[bytes]) -> bytes:
    scheme = match[2].split(None, 1)[0] if match[2].strip() else b""
    shown = [name + b"=" + value for name, value in _SHOWN.findall(match[2])]
    if scheme.lower() != b"digest":
        # Of another scheme nothing is known; of Authentication-Info nothing is worth showing.
        return match[1] + b"redacted"
    return match[1] + b"Digest " + b", ".join([*shown, b"response=redacted"])


def _without_passwords(data: bytes, low: bytes) -> bytes:
    covered: bytearray | None = None
    begin = 0
    while (at := low.find(b"@", begin)) >= 0:
        uri = max(begin - 1, *(low.rfind(end, begin, at) for end in _ENDS_OF_URI)) + 1
        found = _BEFORE_PASSWORD.search(low, uri, at)
        if found is not None and found.end() < at:
            covered = covered or bytearray(data)
            covered[found.end() : at] = b"x" * (at - found.end())
        begin = at + 1
    return data if covered is None else bytes(covered)


def _without_digits(data: bytes, low: bytes) -> bytes:
    begin = _BODY.search(data)
    if begin is None:
        return data
    head, body = data[: begin.end()], data[begin.end() :]
    if b"kpml-response" in low:
        body = _KPML_DIGITS.sub(_covered, body)
    elif b"application/dtmf-relay" in low:
        body = _SIGNAL.sub(_covered, body)
    else:
        body = re.sub(rb"\S", b"x", body)
    return head + body
