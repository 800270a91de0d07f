"""One SIP message out of one datagram (RFC 3261 sections 7 and 18.3), tolerant of what the field sends.

Work is linear in the input. The headers stay raw; what every transaction needs (topmost Via, From, To,
Call-ID, CSeq) is parsed here and kept, so that a message that comes out of this module can be handled without
a parse error in them. Everything else is typed, and may turn out malformed, on first access.
"""

from __future__ import annotations

from sip.errors import ParseError
from sip.grammar import is_token, parse_number
from sip.header_names import CANONICAL_BY_SPELLING, canonical_name
from sip.headers import CSeq, NameAddr, Via, split_comma
from sip.message import Message, Request, Response

MAXIMUM_HEAD = 64 * 1024
MAXIMUM_HEADERS = 200
MAXIMUM_LINE = 8 * 1024
MAXIMUM_BODY = 1024 * 1024

_SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type")


def parse_message(data: bytes) -> Request | Response:
    """Read the message in one datagram; leading line ends and bytes beyond Content-Length are passed over.

    Raises ParseError, whose `request` can be answered when it is not None.
    """
    head, body = split_head(data)
    message = parse_head(head)
    length = content_length(message)
    if length is None or length == len(body):
        message.body = body
    elif length > len(body):
        raise _fault(message, "Content-Length Exceeds The Datagram")
    else:
        message.body = body[:length]
    if len(message.body) > MAXIMUM_BODY:
        raise _fault(message, "Message Body Too Large", 513)
    check_mandatory(message)
    return message


def split_head(data: bytes) -> tuple[bytes, bytes]:
    """Start line and headers (without the empty line), and what follows. Raises ParseError."""
    if data.startswith((b"\r", b"\n")):
        data = data.lstrip(b"\r\n")
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        # Some test tools and scripts end lines with LF alone.
        head, _, body = data.partition(b"\n\n")
    return head, body


def parse_head(head: bytes) -> Request | Response:
    """Start line and headers, without looking at any value. Raises ParseError."""
    message, fault = read_head(head)
    if fault is not None:
        raise fault
    return message


def read_head(head: bytes) -> tuple[Request | Response, ParseError | None]:
    """Start line and headers as far as they can be read, and what is wrong with the headers if anything is.

    Raises ParseError when there is not even a start line.
    """
    if len(head) > MAXIMUM_HEAD:
        raise ParseError("Message Header Too Large", status=513)
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    ends = len(lines) - 1
    if text.count("\n") != ends or text.count("\r") != ends:
        # A lone CR or LF ends a line too: left inside a value it would be echoed as a line end.
        lines = _unfold(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    elif "\n " in text or "\n\t" in text:
        lines = _unfold(lines)
    message = _parse_start_line(lines[0])
    append = message.headers.append
    canonical = CANONICAL_BY_SPELLING.get
    malformed = False
    del lines[0]
    for line in lines:
        name, colon, value = line.partition(":")
        known = canonical(name)
        if known is None:
            try:
                known = canonical_name(name.rstrip())
            except ValueError:
                malformed = malformed or bool(line.strip())
                continue
        if colon:
            append((known, value.strip()))
        else:
            malformed = True
    if malformed:
        return message, _fault(message, "Malformed Header Line")
    if len(lines) > MAXIMUM_HEADERS:
        return message, _fault(message, "Too Many Headers", 513)
    if len(head) > MAXIMUM_LINE and max(map(len, lines)) > MAXIMUM_LINE:
        return message, _fault(message, "Header Line Too Long", 513)
    if "\0" in text and text.count("\0") != text.count("\\\0"):
        # Legal as a quoted pair (RFC 4475 3.1.1.2) and nowhere else.
        return message, _fault(message, "NUL In Header")
    return message, None


def _unfold(lines: list[str]) -> list[str]:
    """Join continuation lines to the header they belong to (RFC 3261 7.3.1)."""
    out: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and out:
            out[-1].append(line.strip())
        else:
            out.append([line])
    return [" ".join(parts) if len(parts) > 1 else parts[0] for parts in out]


def _parse_start_line(line: str) -> Request | Response:
    first, _, rest = line.partition(" ")
    if "/" in first:
        return _parse_status_line(first, rest)
    uri, blank, version = rest.rpartition(" ")
    if version != "SIP/2.0" or " " in uri:
        # Blanks around the parts are a slip that can be read; blanks inside the URI are not (RFC 4475
        # 3.1.2.9).
        uri, blank, version = rest.strip().rpartition(" ")
        uri = uri.strip()
    if not blank or not uri or version[:4].upper() != "SIP/" or not is_token(first):
        raise ParseError("Malformed Request Line")
    request = Request.__new__(Request)
    request.method = first
    request.uri = uri
    request.version = version
    _initialise(request)
    return request


def _parse_status_line(version: str, rest: str) -> Response:
    code, _, reason = rest.lstrip().partition(" ")
    if version.upper() != "SIP/2.0":
        raise ParseError("Malformed Status Line")
    if len(code) != 3 or not (code.isascii() and code.isdigit()) or not 100 <= int(code) <= 699:
        raise ParseError("Malformed Status Line")
    response = Response.__new__(Response)
    response.status = int(code)
    response.reason = reason.strip()
    _initialise(response)
    return response


def _initialise(message: Message) -> None:
    message.headers = []
    message.body = b""
    message._first = None
    message._indexed = 0


def content_length(message: Message) -> int | None:
    """The declared length of the body, None when there is none. Raises ParseError."""
    first = message.first_values()
    value = first.get("Content-Length")
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) < 8:
        length = int(value)
    else:
        try:
            length = parse_number(value, "Content-Length")
        except ParseError as error:
            raise _fault(message, error.reason) from error
    if length > MAXIMUM_BODY:
        raise _fault(message, "Message Body Too Large", 513)
    if len(first) != len(message.headers) and len(set(message.get_all("Content-Length"))) > 1:
        raise _fault(message, "Conflicting Content-Length")
    return length


def check_mandatory(message: Request | Response) -> None:
    """Parse what every message must have. Raises ParseError."""
    first = message.first_values()
    if len(first) != len(message.headers):
        for name in _SINGLE:
            if len(message.get_all(name)) > 1:
                raise _fault(message, f"More Than One {name}")
    try:
        # What the typed views would do on first access, without the way through them.
        via = first["Via"]
        message.top_via = Via.parse(via) if "," not in via else _first_of_several(via)
        sender = NameAddr.parse(first["From"])
        target = NameAddr.parse(first["To"])
        cseq = CSeq.parse(first["CSeq"])
        message.call_id = first["Call-ID"]
    except KeyError as error:
        raise _fault(message, f"Missing {error.args[0]}") from None
    except ParseError as error:
        raise _fault(message, error.reason, error.status) from error
    message.from_ = sender
    message.from_tag = sender.parameters.get("tag") or None
    message.to = target
    message.to_tag = target.parameters.get("tag") or None
    message.cseq = cseq
    if not message.call_id:
        raise _fault(message, "Empty Call-ID")
    if isinstance(message, Request):
        if message.version != "SIP/2.0" and message.version.upper() != "SIP/2.0":
            raise _fault(message, "Version Not Supported", 505)
        if cseq.method != message.method:
            raise _fault(message, "CSeq Method Does Not Match")
        uri = message.uri
        if "<" in uri or ">" in uri or " " in uri or "\t" in uri:
            raise _fault(message, "Malformed Request-URI")


def _first_of_several(vias: str) -> Via:
    """The topmost of the Vias on one line. A list of parameters that belong to nothing is no Via (RFC 4475
    3.1.2.1)."""
    values = split_comma(vias)
    if not values or any(value[0] == ";" for value in values):
        raise ParseError("Malformed Via")
    return Via.parse(values[0])


def _fault(message: Message, reason: str, status: int = 400) -> ParseError:
    request = message if isinstance(message, Request) and message.is_answerable else None
    return ParseError(reason, status=status, request=request)
