"""What may be set of a serving process, read from `Runtime.values`; every value has a working default."""

# Annotations are values here: msgspec would compile strings one by one when a type is first used, in every start.

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from toolkit.domain.errors import ConfigError


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may cost. `max_body` is in bytes and holds before and after gzip."""

    max_rows: int = 10_000
    max_body: int = 5 * 1024**2
    max_findings: int = 20
    body_seconds: float = 30.0
    explain_rows: int = 100
    explain_seconds: float = 5.0


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When captured predictions are flushed and how long a request may wait for it. `stretch` is the seconds of an
    interval of the service's counts.

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
    stretch: int = 60


class Batching(msgspec.Struct, frozen=True, kw_only=True):
    """How a server gathers requests for a model that is slow (`batching`). Rows; a wait in milliseconds (0: never wait
    for company); `queue_seconds` is how long one may wait before it is refused. `max_rows` 0 switches it off."""

    max_rows: int = 256
    max_wait_ms: float = 0.0
    max_queue: int = 10_000
    queue_seconds: float = 10.0


# Asymmetric ones alone: a key that verifies cannot sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may ask (`auth` says what each mode does). `tokens` are hex SHA-256 digests, never tokens; the rest belongs
    to JWTs: keys written here (public JWKs) or fetched from `jwks_url`, `leeway` in seconds, `claims` a name and the
    values of which the token has to have one. An unknown field is refused: it may be a lock that this version lacks."""

    mode: Literal["", "platform", "token", "jwt", "public", "closed"] = ""
    tokens: tuple[str, ...] = ()
    issuer: str = ""
    audience: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    keys: tuple[dict[str, Any], ...] = ()
    jwks_url: str = ""
    leeway: float = 30.0
    claims: dict[str, tuple[str, ...]] = {}


class Bucket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model is not in the bundle (`source`): whose signature it needs, and how often another one is looked for, in
    seconds. `trust` is a `domain.trust.TrustRoot`, read where it is used: a baked model needs none of it. None:
    nobody's signature, as the project's configuration says in so many words."""

    trust: dict[str, Any] | None
    seconds: float = 30.0


class Split(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A challenger beside the model (`model/challenger/`), and how requests are told apart (`router`): `by` is
    "header:NAME", "field:NAME" or "" for at random, `share` is the challenger's, `key` the rollout's."""

    by: str = ""
    share: float
    key: str
    version: int
    digest: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`Runtime.values` of an inference function. `replay` lets a request say when it happened (`x-toolkit-time`)."""

    limits: Limits = Limits()
    capture: CaptureSettings = CaptureSettings()
    batching: Batching = Batching()
    replay: bool = False
    auth: Auth = Auth()
    bucket: Bucket | None = None
    split: Split | None = None


def read(values: Mapping[str, Any]) -> Settings:
    """ConfigError names the value that cannot be used; unknown names are left to newer versions."""
    try:
        return msgspec.convert(dict(values), Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"TOOLKIT_RUNTIME values: {error}", hint="toolkit deploy") from error


def auth(text: str) -> Auth:
    """The variable TOOLKIT_AUTH: a mode that needs nothing else, or the JSON of an Auth. ConfigError otherwise."""
    try:
        if text.lstrip().startswith("{"):
            return msgspec.json.decode(text, type=Auth)
        return msgspec.convert({"mode": text.strip()}, Auth)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"TOOLKIT_AUTH: {error}", hint='TOOLKIT_AUTH=platform, or {"mode": "token", ...}') from error
