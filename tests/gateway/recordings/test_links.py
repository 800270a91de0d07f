import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigurationError
from gateway.recordings.links import LinkError, LinkSigner, own_secret

SIGNER = LinkSigner(b"a secret of the tests", 3600)
NAME = "0198c0de-0000-7000-8000-000000000001.mp3"
NOW = 1_700_000_000.5


def parts(link: str) -> tuple[str, str, str]:
    url = urlsplit(link)
    query = parse_qs(url.query)
    return url.path.removeprefix("/recordings/"), query["token"][0], query["expires"][0]


def test_a_link_is_good_until_it_expires() -> None:
    link = SIGNER.link(NAME, NOW)
    name, token, expires = parts(link)
    assert re.fullmatch(r"/recordings/[0-9a-f-]+\.mp3\?token=[\w-]{43}&expires=1700003600", link)
    SIGNER.check(name, token, expires, NOW)
    SIGNER.check(name, token, expires, 1_700_003_599.9)
    with pytest.raises(LinkError, match="expired"):
        SIGNER.check(name, token, expires, 1_700_003_600)


def test_a_later_expiry_needs_another_token() -> None:
    _, token, _ = parts(SIGNER.link(NAME, NOW))
    with pytest.raises(LinkError, match="not ours"):
        SIGNER.check(NAME, token, "1700009999", NOW)


def test_a_link_is_good_for_one_recording_only() -> None:
    _, token, expires = parts(SIGNER.link(NAME, NOW))
    for other in (NAME.replace("1.mp3", "2.mp3"), NAME.replace("mp3", "wav")):
        with pytest.raises(LinkError, match="not ours"):
            SIGNER.check(other, token, expires, NOW)


def test_another_secret_makes_other_links() -> None:
    _, token, expires = parts(LinkSigner(b"another secret of tests", 3600).link(NAME, NOW))
    with pytest.raises(LinkError, match="not ours"):
        SIGNER.check(NAME, token, expires, NOW)


@given(token=st.text() | st.none(), expires=st.text() | st.none())
def test_nothing_that_is_made_up_is_a_link(token: str | None, expires: str | None) -> None:
    with pytest.raises(LinkError):
        SIGNER.check(NAME, token, expires, NOW)


def test_a_changed_token_is_refused() -> None:
    _, token, expires = parts(SIGNER.link(NAME, NOW))
    for changed in (token[:-1], f"{token}A", token.swapcase(), f"{token} "):
        with pytest.raises(LinkError):
            SIGNER.check(NAME, changed, expires, NOW)


def test_the_secret_is_made_once_and_for_the_gateway_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "recording_link.key"
    secret = own_secret(file)
    assert len(secret) >= 40
    assert file.stat().st_mode & 0o777 == 0o600
    assert own_secret(file) == secret
    assert own_secret(tmp_path / "other.key") != secret


def test_a_secret_that_cannot_be_kept_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError):
        own_secret(tmp_path / "file" / "recording_link.key")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="16 characters"):
        LinkSigner(b"guess me", 3600)


def test_a_secret_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that dies while it writes the secret leaves none that the next start would have to refuse."""
    file = tmp_path / "recording_link.key"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.recordings.links.os.link", die)
    with pytest.raises(KeyboardInterrupt):
        own_secret(file)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    assert len(own_secret(file)) >= 16
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
