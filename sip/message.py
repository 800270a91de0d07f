"""SIP requests and responses (RFC 3261 section 7).

Headers are kept raw, as they were received, and what is echoed is echoed byte for byte. A typed view of a
header is parsed on first access and kept until the header is changed through the methods here. `headers` may
be read and appended to freely; to replace or delete an entry use the methods, else the typed views do not
notice.

Text that was not UTF-8 is carried as surrogate escapes and written back as the same bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from sip.errors import HeaderInjectionError, ParseError
from sip.grammar import UINT32_MAX, parse_number
from sip.header_names import CANONICAL_BY_SPELLING, canonical_name
from sip.headers import CSeq, NameAddr, Via, split_comma
from sip.reasons import REASONS
from sip.typed_view import forget_views, typed_view
from sip.uri import SipUri

__all__ = ["REASONS", "Header", "Message", "Request", "Response", "response_to"]

Header = tuple[str, str]

_MAXIMUM_FORWARDS = 255


class Message(ABC):
    """What requests and responses share. Header names may be given in any case and in compact form."""

    wire = b""
    """The bytes as they came, of a message received over a connection; for observers."""

    def __init__(self, headers: Iterable[Header] = (), body: bytes = b"") -> None:
        self.headers: list[Header] = [_checked(name, value) for name, value in headers]
        self.body = body
        self._first: dict[str, str] | None = None
        self._indexed = 0

    @abstractmethod
    def start_line(self) -> str:
        """The first line without its line end."""

    def blame(self, error: ParseError) -> None:
        """Note on `error`, the fault of a typed view, the request to answer; a response has none."""

    # Raw access

    def first_values(self) -> dict[str, str]:
        """The first raw value of each header by canonical name; not to be written to."""
        first = self._first
        if first is None or self._indexed != len(self.headers):
            first = self._first = dict(reversed(self.headers))
            self._indexed = len(self.headers)
        return first

    def get(self, name: str) -> str | None:
        """The first raw value of header `name`, None when absent."""
        return self.first_values().get(CANONICAL_BY_SPELLING.get(name) or canonical_name(name))

    def get_all(self, name: str) -> list[str]:
        """All raw values of header `name`, one per header line, in order."""
        name = CANONICAL_BY_SPELLING.get(name) or canonical_name(name)
        if name not in self.first_values():
            return []
        return [value for key, value in self.headers if key == name]

    def values(self, name: str) -> list[str]:
        """All elements of a header that is a comma-separated list, over all its lines."""
        return [element for line in self.get_all(name) for element in split_comma(line)]

    def set(self, name: str, value: str) -> None:
        """Replace all lines of header `name` by one, where the first was. Raises HeaderInjectionError."""
        header = _checked(name, value)
        name = header[0]
        for index, (key, _) in enumerate(self.headers):
            if key == name:
                tail = [entry for entry in self.headers[index + 1 :] if entry[0] != name]
                self.headers[index:] = [header, *tail]
                break
        else:
            self.headers.append(header)
        self._forget(name)

    def add(self, name: str, value: str) -> None:
        """Append a header line. Raises HeaderInjectionError."""
        header = _checked(name, value)
        self.headers.append(header)
        self._forget(header[0])

    def insert_first(self, name: str, value: str) -> None:
        """Put a header line before all others (Via, Record-Route). Raises HeaderInjectionError."""
        header = _checked(name, value)
        self.headers.insert(0, header)
        self._forget(header[0])

    def remove(self, name: str) -> None:
        """Delete all lines of header `name`."""
        name = canonical_name(name)
        self.headers = [entry for entry in self.headers if entry[0] != name]
        self._forget(name)

    def replace_top_via(self, via: Via) -> None:
        """Put `via` in the place of the topmost Via; other values on the same line stay."""
        for index, (key, value) in enumerate(self.headers):
            if key == "Via":
                others = split_comma(value)[1:]
                self.headers[index] = _checked("Via", ", ".join([via.text, *others]))
                self._forget("Via")
                return
        raise ParseError("Missing Via")

    def remove_top_via(self) -> None:
        """Take the topmost Via away; other values on the same line stay."""
        for index, (key, value) in enumerate(self.headers):
            if key == "Via":
                others = split_comma(value)[1:]
                self.headers[index : index + 1] = [("Via", ", ".join(others))] if others else []
                self._forget("Via")
                return

    def _forget(self, name: str) -> None:
        self._first = None
        forget_views(self, name)

    def _required(self, name: str) -> str:
        value = self.get(name)
        if not value:
            raise ParseError(f"Missing {name}")
        return value

    def _number(self, name: str, maximum: int = UINT32_MAX) -> int | None:
        value = self.get(name)
        return None if value is None else parse_number(value, name, maximum)

    # Typed views; each raises ParseError when the header is missing (where it is mandatory) or malformed

    @typed_view("Call-ID")
    def call_id(self) -> str:
        return self._required("Call-ID")

    @typed_view("CSeq")
    def cseq(self) -> CSeq:
        return CSeq.parse(self._required("CSeq"))

    @typed_view("From")
    def from_(self) -> NameAddr:
        return NameAddr.parse(self._required("From"))

    @typed_view("To")
    def to(self) -> NameAddr:
        return NameAddr.parse(self._required("To"))

    @typed_view("From")
    def from_tag(self) -> str | None:
        return self.from_.tag

    @typed_view("To")
    def to_tag(self) -> str | None:
        return self.to.tag

    @typed_view("Via")
    def top_via(self) -> Via:
        return _parse_top_via(self.get("Via"))

    @typed_view("Via")
    def vias(self) -> list[Via]:
        return [Via.parse(value) for value in self.values("Via")]

    @typed_view("Contact")
    def contacts(self) -> list[NameAddr]:
        return [NameAddr.parse(value) for value in self.values("Contact")]

    @typed_view("Contact")
    def contact(self) -> NameAddr | None:
        """The first Contact."""
        return self.contacts[0] if self.contacts else None

    @typed_view("Max-Forwards")
    def max_forwards(self) -> int | None:
        return self._number("Max-Forwards", _MAXIMUM_FORWARDS)

    @typed_view("Route")
    def route(self) -> list[NameAddr]:
        return [NameAddr.parse(value) for value in self.values("Route")]

    @typed_view("Record-Route")
    def record_route(self) -> list[str]:
        """The raw elements, in order, as they go into a route set."""
        return self.values("Record-Route")

    @typed_view("Content-Type")
    def content_type(self) -> str | None:
        """The media type in lower case without parameters."""
        value = self.get("Content-Type")
        return None if value is None else value.partition(";")[0].strip().lower()

    @typed_view("Require")
    def require(self) -> list[str]:
        """Option tags in lower case."""
        return [tag.lower() for tag in self.values("Require")]

    @typed_view("Supported")
    def supported(self) -> list[str]:
        """Option tags in lower case."""
        return [tag.lower() for tag in self.values("Supported")]

    @typed_view("Allow")
    def allow(self) -> list[str]:
        return self.values("Allow")

    @typed_view("Expires")
    def expires(self) -> int | None:
        """Seconds."""
        return self._number("Expires")

    # Writing

    def serialise(self) -> bytes:
        """The message on the wire, with the right Content-Length. Raises HeaderInjectionError."""
        lines = [self.start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        head = "\r\n".join(lines)
        # One line end per line and one for the empty line: whatever way a value came in, it has brought none
        # along.
        ends = len(lines) + 1
        if head.count("\n") != ends or head.count("\r") != ends:
            raise HeaderInjectionError("a header value holds a line end")
        try:
            return head.encode("utf-8", "surrogateescape") + self.body
        except UnicodeEncodeError as error:
            raise HeaderInjectionError("a header value cannot be encoded") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (
            self.start_line() == other.start_line()
            and [entry for entry in self.headers if entry[0] != "Content-Length"]
            == [entry for entry in other.headers if entry[0] != "Content-Length"]
            and self.body == other.body
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self.start_line()!r}, {len(self.headers)} headers, {len(self.body)} bytes of body>"


class Request(Message):
    """A request. `uri` is the Request-URI as text."""

    def __init__(
        self,
        method: str,
        uri: str,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        version: str = "SIP/2.0",
    ) -> None:
        super().__init__(headers, body)
        if " " in method or " " in uri:
            raise HeaderInjectionError("a request line holds a blank in a part of it")
        self.method = method
        self.uri = uri
        self.version = version

    def start_line(self) -> str:
        return f"{self.method} {self.uri} {self.version}"

    @typed_view("")
    def request_uri(self) -> SipUri:
        """The parsed Request-URI. Raises ParseError. Set a new target with `retarget`."""
        return SipUri.parse(self.uri)

    def retarget(self, uri: str) -> None:
        """Change the Request-URI. Raises HeaderInjectionError."""
        if " " in uri or "\r" in uri or "\n" in uri:
            raise HeaderInjectionError("a Request-URI holds white space")
        self.uri = uri
        self.__dict__.pop("request_uri", None)

    @property
    def is_answerable(self) -> bool:
        """Whether a response may be sent: not to an ACK, not without a Via that says where it goes."""
        if self.method == "ACK":
            return False
        try:
            _parse_top_via(self.get("Via"))
        except ParseError:
            return False
        return True

    def blame(self, error: ParseError) -> None:
        """Note on `error`, the fault of a typed view, that this request can be answered, if it can."""
        if error.request is None and self.is_answerable:
            error.request = self

    def stamp_received(self, host: str, port: int) -> None:
        """Note the packet's source in the topmost Via (RFC 3261 18.2.1, RFC 3581): `Via.with_received`."""
        via = self.top_via
        stamped = via.with_received(host, port)
        if stamped is not via:
            self.replace_top_via(stamped)
            self.top_via = stamped


class Response(Message):
    """A response. `reason` may be empty."""

    def __init__(self, status: int, reason: str, headers: Iterable[Header] = (), body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason

    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


def _parse_top_via(value: str | None) -> Via:
    if not value:
        raise ParseError("Missing Via")
    if "," in value:
        value = (split_comma(value) or [""])[0]
    return Via.parse(value)


def _checked(name: str, value: str) -> Header:
    if "\r" in value or "\n" in value:
        raise HeaderInjectionError(f"the value for {name!r} holds a line end")
    canonical = CANONICAL_BY_SPELLING.get(name)
    if canonical is None:
        try:
            canonical = canonical_name(name)
        except ValueError as error:
            raise HeaderInjectionError(f"{name!r} is not a header name") from error
    return canonical, value


_ECHOED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
_ECHOED_WITH_ROUTE = _ECHOED | {"Record-Route"}
_ECHOED_BY_TRYING = _ECHOED | {"Timestamp"}
_DIALOG_FORMING = frozenset(("INVITE", "SUBSCRIBE", "REFER"))


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[Header] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """The response to `request` with everything that RFC 3261 8.2.6 has echoed, as raw lines.

    `to_tag` is added to To when the request has none there (and never to a 100). Record-Route is echoed in
    the provisional and 2xx responses that form a dialog. A request that lacks a mandatory header is answered
    without it. Raises HeaderInjectionError.
    """
    if status == 100:
        echoed = _ECHOED_BY_TRYING
        to_tag = None
    elif status < 300 and request.method in _DIALOG_FORMING:
        echoed = _ECHOED_WITH_ROUTE
    else:
        echoed = _ECHOED
    lines = [header for header in request.headers if header[0] in echoed]
    if to_tag is not None and not _has_to_tag(request):
        lines = [
            _checked("To", f"{value};tag={to_tag}") if name == "To" else (name, value)
            for name, value in lines
        ]
    if content_type is not None:
        lines.append(_checked("Content-Type", content_type))
    for name, value in headers:
        lines.append(_checked(name, value))
    response = Response.__new__(Response)
    response.headers = lines
    response.body = body
    response._first = None
    response._indexed = 0
    response.status = status
    response.reason = REASONS.get(status, "") if reason is None else reason
    return response


def _has_to_tag(request: Request) -> bool:
    try:
        return request.to_tag is not None
    except ParseError:
        # A To that cannot be read is echoed as it is; there is no telling whether a tag would be its
        # parameter.
        return True
