"""What may be set of a serving process, read from `Runtime.values`; every value has a working default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from toolkit.domain.errors import ConfigError


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may cost. `max_body` is in bytes and holds before and after gzip."""

    max_rows: int = 10_000
    max_body: int = 5 * 1024**2
    max_findings: int = 20
    body_seconds: float = 30.0


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When captured predictions are flushed and how long a request may wait for it.

    `rows` and `seconds`: whichever comes first. `wait` is in seconds and bounds what a flush adds to a request: 0 in
    a server that runs on between requests, more in a function that is frozen as soon as it has answered.
    """

    features: bool = False
    rows: int = 5_000
    seconds: float = 60.0
    wait: float = 0.0
    max_buffered: int = 20_000
    max_windows: int = 24
    max_pending: int = 128


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`Runtime.values` of an inference function. `replay` lets a request say when it happened (`x-toolkit-time`)."""

    limits: Limits = Limits()
    capture: CaptureSettings = CaptureSettings()
    replay: bool = False


def read(values: Mapping[str, Any]) -> Settings:
    """ConfigError names the value that cannot be used; unknown names are left to newer versions."""
    try:
        return msgspec.convert(dict(values), Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"TOOLKIT_RUNTIME values: {error}", hint="toolkit deploy") from error
