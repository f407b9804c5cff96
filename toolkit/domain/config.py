"""What a person writes in `toolkit.toml` or `[tool.toolkit]`: every key, its type, its default, and why it is there.

Unknown keys are errors (the loader names the nearest known one). All errors of a file are reported at once. Credentials
have no key here: each SDK's own default chain is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from toolkit.domain import names, times
from toolkit.domain.errors import ConfigError


def _read_by(reader: Callable[[str], object]) -> AfterValidator:
    """A text that `reader` can read; its hint is part of the message, as pydantic carries one line."""

    def check(value: str) -> str:
        try:
            reader(value)
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.hint}") from error
        return value

    return AfterValidator(check)


def _reference(value: str) -> str:
    module, separator, function = value.partition(":")
    if value and not (separator and function.isidentifier() and all(p.isidentifier() for p in module.split("."))):
        raise ValueError('write "module:function", as in "train:train"')
    return value


def _sticky(value: str) -> str:
    """What a request is told apart by; header names are compared in lower case."""
    kind, _, name = value.partition(":")
    if value and not (kind in ("header", "field") and name.strip() == name != ""):
        raise ValueError('write "header:NAME" or "field:NAME", as in "header:x-user"')
    return value.lower() if kind == "header" else value


Duration = Annotated[str, _read_by(times.seconds), Field(description="30s, 15m, 12h, 7d")]
Size = Annotated[str, _read_by(times.megabytes), Field(description="512Mi, 2Gi")]


Reference = Annotated[str, AfterValidator(_reference)]


def _name(kind: str) -> AfterValidator:
    return AfterValidator(lambda value: names.check(kind, value))


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class SplitConfig(Table):
    kind: Literal["auto", "random", "time"] = Field("auto", description="auto: by time where there is a time column")
    test: float = Field(0.2, gt=0.0, lt=0.9, description="share of rows held out")
    seed: int = 0


class DataConfig(Table):
    source: str | list[str] = Field("data/*", description="files, globs or store URIs: CSV, Parquet, JSON Lines")
    label: str = Field("", description="the column to predict")
    task: Literal["auto", "classification", "regression"] = Field(
        "auto", description="auto: text, booleans and integers of at most 20 values are classes"
    )
    time: str = Field("", description="the event time column, if any")
    id: list[str] = Field([], description="columns that name a row: never features")
    ignore: list[str] = Field([], description="columns left out (init writes those that give the label away)")
    prepare: Reference = Field(
        "", description='"module:function" called with the frame (pandas or Polars); joins and cleaning'
    )
    tables: dict[str, str] = Field(
        {}, description='more sources, handed to `prepare` by name: prepare(frame, weather=...) for weather = "w.csv"'
    )
    frame: Literal["polars", "pandas"] = Field("polars", description="what `prepare` and `train` are given")
    split: SplitConfig = SplitConfig()
    schema_file: str = Field("", description="the contract written by `toolkit init`, checked at every ingest")
    max_null_share: float = Field(1.0, ge=0, le=1, description="refuse a feature column with more nulls than this")
    strict: bool = Field(False, description="values outside the contract's ranges and categories refuse an ingest")
    trusted: list[str] = Field(
        [],
        description="features that tell the label nearly perfectly and are known beforehand: the gate lets them pass",
    )


class TrainConfig(Table):
    entry: Reference = Field("train:train", description='"module:function": train(data, params) -> fitted estimator')
    params: dict[str, Any] = {}
    requirements: str = Field("", description="requirements.txt or pyproject.toml, locked by uv for the job")
    include: list[str] = Field(["**/*.py"], description="files of the project that make up the code package")
    timeout: Duration = "1h"
    memory: Size = "4Gi"
    cpu: float = Field(1.0, gt=0)


class ModelConfig(Table):
    format: Literal["onnx"] = "onnx"
    tolerance: float = Field(1e-4, gt=0, description="largest allowed difference between native and exported answers")
    slices: list[str] = Field([], description="columns to report metrics by")


class Gate(Table):
    """Refuses a promotion. Absolute: `min`/`max`. Against the champion on the same test rows: `max_drop`."""

    metric: str
    min: float | None = None
    max: float | None = None
    max_drop: float | None = Field(None, ge=0, description="how much worse than the champion is still allowed")

    @model_validator(mode="after")
    def _some_bound(self) -> Gate:
        if self.min is None and self.max is None and self.max_drop is None:
            raise ValueError(f"gate on {self.metric!r} has no bound: give min, max or max_drop")
        return self


class CaptureConfig(Table):
    features: bool = Field(False, description="also keep feature values (they may be personal data)")
    retention: Duration = "30d"
    flush: Duration = Field("1m", description="how often a worker writes what it counted and captured")


class JwtConfig(Table):
    """Signed tokens of one issuer. Its keys: `jwks_url` (fetched, kept, rotated) or `jwks_file` (deployed with it)."""

    issuer: str = ""
    audience: str | list[str] = ""
    algorithms: list[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
    ] = ["RS256", "ES256"]
    jwks_url: str = Field("", description="https address of the issuer's JWKS document")
    jwks_file: str = Field("", description="a JWKS document in the project, instead of jwks_url")
    leeway: Duration = Field("30s", description="by how much clocks may differ")
    claims: dict[str, str | list[str]] = Field({}, description="claim -> what it has to be: says who, of an issuer")


class BudgetConfig(Table):
    """What a bundle may cost. Measured by `deploy` before it ships, where anything is written here; over it: exit 3."""

    cold_start_ratio: float | None = Field(
        None, gt=1, description="CPU of a start, up to the first answer, over that of its runtime alone"
    )
    size_mb: float | None = Field(None, gt=0, description="the zip, in MB")
    imports: int | None = Field(None, ge=1, description="modules imported by the first answer")
    p99_ms: float | None = Field(None, gt=0, description="of warm calls; advice, never a refusal: machines are noisy")


class BatchingConfig(Table):
    """Requests that meet, for a model that takes longer than a millisecond; containers only."""

    max_rows: int = Field(256, ge=0, description="rows of one call of the model; 0: each request by itself")
    max_wait_ms: float = Field(0.0, ge=0, description="how long a call waits for company; 0: never")
    max_queue: int = Field(10_000, ge=1, description="rows that may wait; what comes on top is refused with 503")


class ServeConfig(Table):
    memory: Size = "1Gi"
    timeout: Duration = "30s"
    concurrency: int = Field(2, ge=1, le=1000)
    auth: Literal["default", "token", "jwt", "public"] = Field(
        "default",
        description="default: IAM/OIDC of the cloud, a token locally; token and jwt: checked by the endpoint itself",
    )
    token_secrets: list[str] = Field(["endpoint-token"], min_length=1, description="secrets whose values are tokens")
    jwt: JwtConfig = JwtConfig()
    max_rows: int = Field(10_000, ge=1)
    max_body: Size = "5Mi"
    runtime: Literal["auto", "onnxruntime", "compiled"] = Field(
        "auto",
        description="compiled: tables instead of onnxruntime (a small bundle, a fast start; slower on many rows); "
        "auto: compiled where it is proven equal and the expected requests are small",
    )
    expect_rows: int = Field(1, ge=1, description="rows of a usual request, for runtime = auto")
    budget: BudgetConfig = BudgetConfig()
    python: str = Field("", description='runtime of the function, "3.13"; empty: the target decides')
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    snapstart: bool = Field(False, description="start functions from a snapshot, where the provider takes them (AWS)")
    requirements: list[str] = Field([], description="packages the model needs in the bundle beyond ours")
    model: Literal["", "baked", "bucket"] = Field(
        "",
        description="bucket: read at start by its signature, swapped without a redeploy when it is promoted; "
        "empty: baked, but bucket where the target has one deploy at a time (Azure Functions) and trusts a key",
    )
    swap_seconds: float = Field(30.0, gt=0, description="how often a function with model = bucket looks for another")
    batching: BatchingConfig = BatchingConfig()
    capture: CaptureConfig = CaptureConfig()
    replay: bool = Field(False, description="let requests say when they happened (x-toolkit-time), to replay the past")

    @model_validator(mode="after")
    def _jwt_is_whole(self) -> ServeConfig:
        jwt = self.jwt
        if self.auth == "jwt" and not (jwt.issuer and jwt.audience and bool(jwt.jwks_url) != bool(jwt.jwks_file)):
            raise ValueError('auth = "jwt" needs jwt.issuer, jwt.audience, and one of jwt.jwks_url and jwt.jwks_file')
        return self


class TrustedKey(Table):
    """A public key of the trust root, as `toolkit keys` writes it into `trust/`."""

    id: str
    public: str
    owner: str = ""
    created: str = ""
    not_before: str = ""
    expires: str = ""
    revoked: str = ""
    why: str = ""


class TrustConfig(Table):
    """Whose signature a model and a bundle need. The trust root is in the project, never in the bucket."""

    require: bool | None = Field(None, description="refuse what is not signed; default: as soon as there is a key")
    folder: str = Field("trust", description="public keys (*.pub) that are trusted, committed with the project")
    keys: list[TrustedKey] = Field([], description="more of them, written out here")
    rollback: Literal["allow", "forbid"] = Field("allow", description="forbid: never serve an older version again")
    valid: Annotated[str, _read_by(lambda value: value and times.seconds(value))] = Field(
        "", description="how long a signature holds: 365d; empty: as long as its key"
    )
    private: str = Field("", description="folder of this machine's private keys; default: the user's configuration")


class MonitorConfig(Table):
    schedule: str = Field(
        "rate(1 hour)", description='when the drift check runs: "rate(5 minutes)" or five cron fields'
    )
    window: Duration = "7d"
    min_rows: int = Field(200, ge=1)
    effect: float = Field(0.05, gt=0, lt=1, description="KS or total variation a column must exceed to count as drift")

    min_traffic: int = Field(0, ge=0, description="alert below so many rows in a window; 0: when traffic stops")
    max_null_change: float = Field(0.1, ge=0, le=1, description="alert when a column's share of nulls moves further")
    max_unseen: float = Field(
        0.1, ge=0, le=1, description="alert above this share of categories never seen in training"
    )
    max_out_of_range: float = Field(0.2, ge=0, le=1, description="alert above this share outside the training range")
    max_drop: float = Field(0.05, ge=0, description="alert (and retrain) when a metric on labels falls by more")
    error_rate: float = Field(0.01, ge=0, le=1, description="alert above this share of requests that failed")
    latency: Annotated[str, _read_by(lambda text: text and times.seconds(text))] = Field(
        "", description="alert when 99 % of requests take longer, as in 0.5s; empty: never"
    )


class RolloutConfig(Table):
    """How a challenger goes out beside the champion: what `toolkit deploy --canary` does not say."""

    bake: Duration = Field("10m", description="how long a stage lasts at least")
    timeout: Duration = Field("1d", description="how long a stage may wait for its requests; then it is back")
    requests: int = Field(100, ge=1, description="requests of the challenger that a stage needs")
    retrained: str = Field(
        "", description='stages for a model that a retrain made, as "10%,100%"; empty: it takes over at once'
    )
    alpha: float = Field(0.05, gt=0, lt=0.5, description="chance to send a challenger back that is no worse")
    lag: Duration = Field("2m", description="how long counts may take to arrive before a stretch is judged")
    stretch: Duration = Field("1m", description="both versions are compared stretch by stretch of the same time")
    sticky: Annotated[str, AfterValidator(_sticky)] = Field(
        "", description='"header:NAME" or "field:NAME": equal values are always answered by the same version'
    )


class AlertsConfig(Table):
    """Names of secrets that hold an apprise URL (slack://, mailtos://, pagerduty://, json://...)."""

    channels: list[str] = Field([], description="told everything, beside the target's own channels")
    critical: list[str] = Field([], description="told critical alerts only")


class RetrainConfig(Table):
    on_drift: bool = True
    on_labels: bool = Field(True, description="also when a metric on labels has fallen by more than monitor.max_drop")
    on_new_data: bool = Field(False, description="when an object comes to data.source in the store (store:KEY)")
    cooldown: Duration = "1d"
    max_runs_per_month: int = Field(30, ge=0)
    max_hours_per_month: float | None = Field(
        None, ge=0, description="of compute; a run counts with its whole time limit until it has ended"
    )
    schedule: str = Field("", description='also at these times, whatever the data: "rate(7 days)" or five cron fields')
    promote: bool = Field(True, description="promote a challenger that passes the gates; else it waits for a person")


class TargetConfig(BaseModel):
    """A place to deploy to. Beside the keys here, a table named after a provider holds that provider's settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    provider: str = "local"
    ports: dict[str, str] = Field(
        {}, description='hybrid: port -> provider, or table of this target, e.g. {jobs = "local"}'
    )
    protected: bool = Field(False, description="deploy, promote and destroy ask for the target's name")
    targets: list[str] = Field([], description="the targets that this one stands for; then nothing else is said here")


class Project(Table):
    """A whole configuration. The one target `local` needs no words."""

    name: Annotated[str, _name("project")] = "project"
    model: Annotated[str, AfterValidator(lambda v: v and names.check("model", v))] = Field(
        "", description="name of the model and its endpoint; default: the project's name"
    )
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    export: ModelConfig = ModelConfig()
    gates: list[Gate] = []
    serve: ServeConfig = ServeConfig()
    trust: TrustConfig = TrustConfig()
    monitor: MonitorConfig = MonitorConfig()
    rollout: RolloutConfig = RolloutConfig()
    alerts: AlertsConfig = AlertsConfig()
    retrain: RetrainConfig = RetrainConfig()
    default_target: str = ""
    targets: dict[str, TargetConfig] = {}

    @property
    def model_name(self) -> str:
        return self.model or self.name
