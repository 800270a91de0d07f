"""File, environment and command line, merged and checked."""

from pathlib import Path

import pytest

from gateway.config_sources import environment_names, load_config
from gateway.errors import ConfigurationError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = write(tmp_path / "t.toml", '[http]\nlisten = "127.0.0.1:1111"\n[calls]\nmax_inbound = 7\n')
    environment = {"TRUNKLINE_HTTP_LISTEN": "127.0.0.1:2222", "TRUNKLINE_CALLS_RING_TIMEOUT": "5s"}
    config = load_config(file, environment, {"calls.max_inbound": 9})
    assert config.http.listen == "127.0.0.1:2222"
    assert config.calls.ring_timeout == 5.0
    assert config.calls.max_inbound == 9


def test_listeners_in_the_environment_are_separated_by_commas() -> None:
    config = load_config(None, {"TRUNKLINE_SIP_LISTEN": "udp:127.0.0.1:0, tcp:127.0.0.1:0"})
    assert config.sip.listen == ("udp:127.0.0.1:0", "tcp:127.0.0.1:0")


def test_every_fault_is_told_with_its_key_and_its_place(tmp_path: Path) -> None:
    file = write(tmp_path / "t.toml", '[sip]\nlisten = ["udp:nowhere"]\ncolour = "red"\n')
    with pytest.raises(ConfigurationError) as caught:
        load_config(file, {"TRUNKLINE_CALLS_MAX_INBOUND": "many", "TRUNKLINE_NO_SUCH": "1"})
    faults = caught.value.details["faults"]
    assert any(fault.startswith("sip.listen:") and str(file) in fault for fault in faults)
    assert any(fault.startswith("sip.colour: no such setting") for fault in faults)
    assert any("calls.max_inbound" in fault and "TRUNKLINE_CALLS_MAX_INBOUND" in fault for fault in faults)
    assert "TRUNKLINE_NO_SUCH: no such setting" in faults


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path / "t.toml", "[sip\n")
    with pytest.raises(ConfigurationError, match="line 1"):
        load_config(file, {})


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load_config(tmp_path / "absent.toml", {})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = write(tmp_path / "key", "abc.def\n")
    config = load_config(None, {"TRUNKLINE_ENGINE_API_KEY_FILE": str(secret)})
    assert config.engine.api_key == "abc.def"


def test_the_secrets_of_recordings_may_come_from_files(tmp_path: Path) -> None:
    config = load_config(
        None,
        {
            "TRUNKLINE_RECORDINGS_LINK_SECRET_FILE": str(write(tmp_path / "link", "a long enough secret\n")),
            "TRUNKLINE_RECORDINGS_STORAGE": "s3",
            "TRUNKLINE_RECORDINGS_S3_BUCKET": "calls",
            "TRUNKLINE_RECORDINGS_S3_ACCESS_KEY_ID": "id",
            "TRUNKLINE_RECORDINGS_S3_SECRET_ACCESS_KEY_FILE": str(write(tmp_path / "s3", "s3-secret\n")),
        },
    )
    assert config.recordings.link_secret == "a long enough secret"
    assert config.recordings.s3_secret_access_key == "s3-secret"
    assert "long enough" not in repr(config)
    assert "s3-secret" not in repr(config)


def test_turn_servers_may_come_from_the_environment_with_their_secret_in_a_file(tmp_path: Path) -> None:
    config = load_config(
        None,
        {
            "TRUNKLINE_TURN_URLS": "turn:relay.example.com:3478?transport=udp, turns:relay.example.com:443",
            "TRUNKLINE_TURN_SECRET_FILE": str(write(tmp_path / "turn", "relay-secret\n")),
        },
    )
    assert config.turn.urls == ("turn:relay.example.com:3478?transport=udp", "turns:relay.example.com:443")
    assert config.turn.secret == "relay-secret"
    assert "relay-secret" not in repr(config)


def test_a_secret_given_twice_is_a_fault(tmp_path: Path) -> None:
    secret = write(tmp_path / "key", "abc")
    with pytest.raises(ConfigurationError, match="one of the two"):
        load_config(None, {"TRUNKLINE_ENGINE_API_KEY_FILE": str(secret), "TRUNKLINE_ENGINE_API_KEY": "x"})


def test_an_empty_secret_file_is_a_fault(tmp_path: Path) -> None:
    secret = write(tmp_path / "key", "\n")
    with pytest.raises(ConfigurationError, match="empty"):
        load_config(None, {"TRUNKLINE_ENGINE_API_KEY_FILE": str(secret)})


def test_a_value_where_a_table_belongs_is_a_fault() -> None:
    with pytest.raises(ConfigurationError):
        load_config(None, {}, {"sip": 5})


def test_every_key_of_every_section_has_an_environment_name() -> None:
    names = environment_names()
    assert names["TRUNKLINE_ENGINE_API_KEY"] == "engine.api_key"
    assert names["TRUNKLINE_DATA_DIR"] == "data_dir"
    assert len(names) == len(set(names.values()))


def test_the_key_of_the_call_command_is_no_setting() -> None:
    assert load_config(None, {"TRUNKLINE_KEY": "truedy_x"}) == load_config(None, {})
