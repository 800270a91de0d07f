"""The two carriers that most numbers come from: checking an account over the carrier's API, and the trunk
that its numbers need.

The account's keys serve the check alone and are not kept. Addresses are those that the carriers publish for
their signalling; media comes from elsewhere and needs no list here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gateway.errors import CarrierError, InvalidRequestError

TIMEOUT_S = 8.0

TELNYX_SIP = "sip.telnyx.com"
# https://developers.telnyx.com/docs/voice/sip-trunking/routing/failover-and-retries (United States)
TELNYX_SIGNALLING = ("192.76.120.10", "64.16.250.10")
# https://www.twilio.com/docs/sip-trunking/ip-addresses
TWILIO_SIGNALLING = (
    "54.172.60.0/30",  # Virginia
    "54.244.51.0/30",  # Oregon
    "54.171.127.192/30",  # Ireland
    "35.156.191.128/30",  # Frankfurt
    "54.65.63.192/30",  # Tokyo
    "54.169.127.128/30",  # Singapore
    "54.252.254.64/30",  # Sydney
    "177.71.206.192/30",  # Sao Paulo
)


@dataclass(frozen=True, slots=True)
class TelnyxAccount:
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    account_sid: str
    auth_token: str = field(repr=False)


CarrierAccount = TelnyxAccount | TwilioAccount


class Carriers:
    """Asks the carriers' APIs, at their own addresses unless told otherwise."""

    def __init__(self, *, telnyx_url: str, twilio_url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._telnyx_url = telnyx_url.rstrip("/")
        self._twilio_url = twilio_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def check(self, account: CarrierAccount, phone_number: str) -> None:
        """See that the account is good and holds the number.

        Raises `InvalidRequestError` that names the field at fault, `CarrierError` when the carrier cannot
        say.
        """
        if isinstance(account, TelnyxAccount):
            body = await self._get(
                f"{self._telnyx_url}/v2/phone_numbers",
                {"filter[phone_number]": phone_number},
                "Telnyx",
                "api_key",
                headers={"Authorization": f"Bearer {account.api_key}"},
            )
            held = [entry.get("phone_number") for entry in _entries(body, "data")]
        else:
            body = await self._get(
                f"{self._twilio_url}/2010-04-01/Accounts/{account.account_sid}/IncomingPhoneNumbers.json",
                {"PhoneNumber": phone_number},
                "Twilio",
                "auth_token",
                headers={"Authorization": aiohttp.encode_basic_auth(account.account_sid, account.auth_token)},
            )
            held = [entry.get("phone_number") for entry in _entries(body, "incoming_phone_numbers")]
        if phone_number not in held:
            raise InvalidRequestError(
                f"This account does not hold the number {phone_number}.",
                code="number_not_in_account",
                field="phone_number",
            )

    async def _get(
        self, url: str, query: dict[str, str], carrier: str, secret_field: str, **options: Any
    ) -> Any:
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.get(url, params=query, allow_redirects=False, **options) as response,
            ):
                if response.status in (401, 403, 404):
                    raise InvalidRequestError(
                        f"{carrier} refused the account ({response.status}).",
                        code="carrier_credentials_refused",
                        field=secret_field,
                    )
                if response.status != 200:
                    raise CarrierError(f"{carrier} answered {response.status}; try again later.")
                return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise CarrierError(f"{carrier} could not be asked ({type(error).__name__}).") from error


def _entries(body: Any, key: str) -> list[dict[str, Any]]:
    entries = body.get(key) if isinstance(body, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
