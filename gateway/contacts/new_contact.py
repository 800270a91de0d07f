"""What is asked for when a contact is made or changed, and the checks that hold wherever it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import InvalidRequestError
from routing.numbers import is_e164
from store.columns import to_json

MAX_TEXT = 255
MAX_KEYWORDS = 50
MAX_METADATA_BYTES = 16_384

TEXT_FIELDS = ("first_name", "last_name", "email", "company_name", "industry", "location", "pin_code")

_email = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact as requested. Raises nothing: `check` does."""

    phone_number: str
    folder_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    company_name: str | None = None
    industry: str | None = None
    location: str | None = None
    pin_code: str | None = None
    keywords: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewFolder:
    name: str
    description: str | None = None


def check(new: NewContact) -> None:
    """Raises `InvalidRequestError` that names the first wrong field."""
    if not is_e164(new.phone_number):
        raise InvalidRequestError(
            f"{new.phone_number[:64]!r} is not E.164: + and 2 to 15 digits, the country code first.",
            field="phone_number",
        )
    for name in TEXT_FIELDS:
        value = getattr(new, name)
        if value is not None:
            _check_text(name, value)
    if new.email is not None and _email.fullmatch(new.email) is None:
        raise InvalidRequestError("is not an e-mail address", field="email")
    if len(new.keywords) > MAX_KEYWORDS:
        raise InvalidRequestError(f"has more than {MAX_KEYWORDS} words", field="keywords")
    for keyword in new.keywords:
        _check_text("keywords", keyword)
    if len(to_json(new.metadata)) > MAX_METADATA_BYTES:
        raise InvalidRequestError(f"is more than {MAX_METADATA_BYTES} bytes of JSON", field="metadata")


def _check_text(name: str, value: str) -> None:
    if len(value) > MAX_TEXT:
        raise InvalidRequestError(f"is longer than {MAX_TEXT} characters", field=name)
    if "\0" in value:
        raise InvalidRequestError("holds a character that is no text (NUL)", field=name)
