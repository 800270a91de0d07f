"""Golden vectors: the examples of AWS's own page on Signature Version 4 for S3."""

import hashlib
from datetime import UTC, datetime

import pytest

from gateway.recordings.s3_signature import EMPTY_SHA256, S3Credentials, encoded_path, sign

CREDENTIALS = S3Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOST = {"Host": "examplebucket.s3.amazonaws.com"}
NOW = datetime(2013, 5, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "headers", "query", "body", "signature"),
    [
        (
            "GET",
            encoded_path("test.txt"),
            {"Range": "bytes=0-9"},
            {},
            b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            encoded_path("test$file.text"),
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            {},
            b"Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/",
            {},
            {"lifecycle": ""},
            b"",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/",
            {},
            {"max-keys": "2", "prefix": "J"},
            b"",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_examples_of_the_specification(
    method: str, path: str, headers: dict[str, str], query: dict[str, str], body: bytes, signature: str
) -> None:
    digest = hashlib.sha256(body).hexdigest()
    signed = sign(method, path, HOST | headers, CREDENTIALS, digest, NOW, query)
    assert signed["Authorization"].endswith(f"Signature={signature}")
    assert signed["x-amz-date"] == "20130524T000000Z"
    assert signed["x-amz-content-sha256"] == digest


def test_what_stands_in_a_path_is_escaped_once() -> None:
    assert encoded_path("bucket", "a b/ü+%.mp3") == "/bucket/a%20b/%C3%BC%2B%25.mp3"


def test_the_secret_key_is_not_shown() -> None:
    assert "wJalr" not in repr(CREDENTIALS)
    assert "wJalr" not in str(sign("GET", "/", HOST, CREDENTIALS, EMPTY_SHA256, NOW))
