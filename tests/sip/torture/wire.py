"""Writes torture messages down legibly."""

from __future__ import annotations


def wire(head: str, body: bytes = b"") -> bytes:
    """`head` with CRLF line ends, `{length}` replaced by the length of `body`, an empty line, and `body`.

    Each character of `head` is one byte (Latin-1), so that bytes that are not UTF-8 can be written.
    """
    text = head.strip("\n").replace("{length}", str(len(body))).replace("\n", "\r\n")
    return text.encode("latin-1") + b"\r\n\r\n" + body


SDP = (
    b"v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n"
    b"m=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n"
)
