"""Signing requests to S3 and what speaks like it: AWS Signature Version 4, header form.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. Written out here because it is
one page, while the libraries that hold it are larger than the whole gateway.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class S3Credentials:
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = "us-east-1"


def encoded_path(*segments: str) -> str:
    """A path of a bucket and a key as it is sent and signed: everything but `/` and unreserved characters is
    escaped, once.
    """
    return "/" + "/".join(quote(segment, safe="/-_.~") for segment in segments)


def sign(
    method: str,
    path: str,
    headers: Mapping[str, str],
    credentials: S3Credentials,
    payload_sha256: str,
    now: datetime,
    query: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """`headers` with those that S3 wants besides. `path` is encoded; `headers` must hold `Host`; the others
    in it are signed too.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {
        **headers,
        "x-amz-content-sha256": payload_sha256,
        "x-amz-date": stamp,
    }
    lowered = sorted((name.lower(), " ".join(value.split())) for name, value in signed.items())
    names = ";".join(name for name, _ in lowered)
    canonical_query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted((query or {}).items())
    )
    canonical = "\n".join(
        (method, path, canonical_query, *(f"{name}:{value}" for name, value in lowered), "", names)
    )
    canonical += "\n" + payload_sha256
    scope = f"{stamp[:8]}/{credentials.region}/s3/aws4_request"
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    signed["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope},SignedHeaders={names},"
        f"Signature={signature}"
    )
    return signed
