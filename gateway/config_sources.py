"""Where the configuration comes from: a TOML file, then the environment, then the command line.

Each later source wins over the earlier ones. Faults are collected, so that one run shows all of them, each
with the key and the place it came from.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config import Config
from gateway.errors import ConfigurationError

PREFIX = "TRUNKLINE_"
NOT_SETTINGS = frozenset({"TRUNKLINE_KEY"})  # read by the `call` command

Overrides = Mapping[str, Any]  # dotted key -> value, for example {"sip.listen": ("udp:127.0.0.1:0",)}


def load_config(
    file: Path | None, environment: Mapping[str, str], overrides: Overrides | None = None
) -> Config:
    """Read, merge and check everything. Raises `ConfigurationError` whose `details["faults"]` lists each
    mistake.
    """
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if file is not None:
        for key, value in _flatten(_read_toml(file)).items():
            values[key] = value
            origin[key] = str(file)
    faults: list[str] = []
    known = _known_keys()
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        setting = known.get(name)
        if setting is None:
            faults.append(f"{name}: no such setting")
            continue
        values[setting] = _from_text(setting, text)
        origin[setting] = name
    for key, value in (overrides or {}).items():
        values[key] = value
        origin[key] = "command line"
    config: Config | None = None
    try:
        config = Config.model_validate(_nest(values))
    except ValidationError as error:
        faults += [_describe(fault, origin) for fault in error.errors()]
    if faults or config is None:
        raise ConfigurationError("; ".join(faults), faults=faults)
    return _with_secrets(config)


def environment_names() -> dict[str, str]:
    """Environment variable -> dotted key, for every key there is."""
    return _known_keys()


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        raise ConfigurationError(f"{file}: no such file", faults=[f"{file}: no such file"]) from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}", faults=[f"{file}: {error}"]) from error


def _flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        table = nested
        for step in path:
            child = table.setdefault(step, {})
            if not isinstance(child, dict):
                raise ConfigurationError(
                    f"{step} is a table", faults=[f"{step}: this is a table, not a value"]
                )
            table = child
        table[last] = value
    return nested


def _known_keys() -> dict[str, str]:
    known: dict[str, str] = {}
    for section, info in Config.model_fields.items():
        model = info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for key in model.model_fields:
                known[f"{PREFIX}{section}_{key}".upper()] = f"{section}.{key}"
        else:
            known[f"{PREFIX}{section}".upper()] = section
    return known


_LISTS = frozenset(
    {
        "browser.media_addresses",
        "http.trusted_proxies",
        "sip.digest_algorithms",
        "sip.listen",
        "sip.websocket_origins",
        "sip.dns_servers",
        "turn.stun_urls",
        "turn.urls",
    }
)


def _from_text(key: str, text: str) -> Any:
    """Lists are written with commas in the environment, tables as JSON; numbers and durations stay text for
    the model to read.
    """
    if key in _LISTS:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if key == "rates.carrier":
        with suppress(ValueError):
            return json.loads(text)
    return text


def _describe(fault: Mapping[str, Any], origin: Mapping[str, str]) -> str:
    key = ".".join(str(part) for part in fault["loc"] if not isinstance(part, int))
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = "no such setting"
    place = origin.get(key)
    return f"{key}: {message}" + (f" (from {place})" if place else "") if key else message


def _with_secrets(config: Config) -> Config:
    """Replace file references by what the files hold."""
    engine, store, recordings = config.engine, config.store, config.recordings
    if engine.api_key_file is not None:
        key = _read_secret("engine.api_key_file", engine.api_key_file)
        engine = engine.model_copy(update={"api_key": key})
    if engine.webhook_secret_file is not None:
        secret = _read_secret("engine.webhook_secret_file", engine.webhook_secret_file)
        engine = engine.model_copy(update={"webhook_secret": secret})
    if store.url_file is not None:
        store = store.model_copy(update={"url": _read_secret("store.url_file", store.url_file)})
    for name in ("link_secret", "s3_secret_access_key"):
        file: Path | None = getattr(recordings, f"{name}_file")
        if file is not None:
            secret = _read_secret(f"recordings.{name}_file", file)
            recordings = recordings.model_copy(update={name: secret})
    analysis = config.analysis
    if analysis.api_key_file is not None:
        key = _read_secret("analysis.api_key_file", analysis.api_key_file)
        analysis = analysis.model_copy(update={"api_key": key})
    trace = config.trace
    if trace.hep_password_file is not None:
        secret = _read_secret("trace.hep_password_file", trace.hep_password_file)
        trace = trace.model_copy(update={"hep_password": secret})
    turn = config.turn
    if turn.secret_file is not None:
        turn = turn.model_copy(update={"secret": _read_secret("turn.secret_file", turn.secret_file)})
    return config.model_copy(
        update={
            "analysis": analysis,
            "engine": engine,
            "store": store,
            "recordings": recordings,
            "trace": trace,
            "turn": turn,
        }
    )


def _read_secret(key: str, file: Path) -> str:
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{key}: {error}", faults=[f"{key}: {error}"]) from error
    if not secret:
        raise ConfigurationError(f"{key}: {file} is empty", faults=[f"{key}: {file} is empty"])
    return secret
