"""What lies in the bucket: datasets, runs, models, releases, reports. One Struct per document, plain values only.

Times are RFC 3339 UTC strings with microseconds (they sort as text); digests are bare SHA-256 hex; sizes are bytes.
"""

# Annotations are values here: msgspec would compile strings one by one when a type is first used, in every start.

from typing import Any, ClassVar, Literal

import msgspec

from toolkit.domain.codec import Record

DType = Literal["float64", "int64", "bool", "string", "datetime", "date"]
Role = Literal["feature", "label", "time", "id", "ignored"]
Task = Literal["binary", "multiclass", "regression"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a dataset's contract: `minimum`/`maximum` for numbers, `categories` for closed text sets."""

    name: str
    dtype: DType
    nullable: bool = True
    role: Role = "feature"
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None
    why: str = ""  # why it is ignored or taken as an id, for people


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The contract of a table: columns in order."""

    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def of_role(self, role: Role) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.role == role)


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file of a dataset, kept as a content-addressed blob."""

    digest: str
    size: int
    rows: int
    name: str = ""


class Dataset(Record, frozen=True, kw_only=True):
    """A dataset version. `version` is the digest of (schema, file digests): the same data has the same version."""

    KIND: ClassVar[str] = "dataset"

    name: str
    version: str
    schema: Schema
    files: tuple[DataFile, ...]
    rows: int
    source: str
    created: str
    until: str = ""  # last event time covered, where there is a time column
    parent: str = ""  # the version this one appended to
    report: dict[str, Any] = {}  # what the checks found


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """How a dataset is cut. `time` needs a time column: everything after the cut is test."""

    kind: Literal["random", "time"] = "random"
    test: float = 0.2
    seed: int = 0


RunStatus = Literal["queued", "running", "succeeded", "failed", "cancelled", "timeout", "out-of-memory", "lost"]
FINAL: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "timeout", "out-of-memory", "lost"})


class RunSpec(Record, frozen=True, kw_only=True):
    """What a run is. Its identity (`run_id`) is the digest of code, data, parameters, environment and `again`."""

    KIND: ClassVar[str] = "run-spec"

    run_id: str
    model: str
    entry: str  # "module:function" inside the code package
    code: str  # digest of the code package (a zip blob)
    environment: str  # digest of the locked requirements, "" for the runtime's own
    dataset: str
    dataset_version: str
    label: str
    split: Split
    params: dict[str, Any] = {}
    reason: str = "by hand"  # or "drift <window>", "schedule", "new data"
    actor: str = ""
    created: str = ""
    timeout_seconds: int = 3600
    memory_mb: int = 2048


class RunEnd(Record, frozen=True, kw_only=True):
    """How a run ended: created once, by whoever ends it."""

    KIND: ClassVar[str] = "run-end"

    run_id: str
    status: RunStatus
    reason: str = ""
    ended: str
    started: str = ""
    metrics: dict[str, float] = {}
    model_digest: str = ""  # digest of the ModelManifest blob, when it succeeded
    seconds: float = 0.0


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a model. Ranges and categories are what training saw: advice for people, bounds for drift."""

    name: str
    dtype: DType
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What goes in and what comes out. `classes` are label values as text, in the order of the probabilities."""

    task: Task
    features: tuple[Feature, ...]
    label: str
    classes: tuple[str, ...] = ()
    label_dtype: DType = "string"


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate that the exported model answers as the native one: largest difference seen, on how many rows."""

    rows: int
    adversarial_rows: int
    max_difference: float
    tolerance: float
    label_mismatches: int


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the model has a compiled form (the file "compiled"), which needs neither numpy nor onnxruntime.

    Where it has: the largest difference to the ONNX model, seen on how many rows (every label was equal), and `work`,
    the elementary steps that one row takes. Where it has not: why, in `reason`.
    """

    reason: str = ""
    rows: int = 0
    adversarial_rows: int = 0
    max_difference: float = 0.0
    tolerance: float = 0.0
    work: int = 0


class SliceMetric(msgspec.Struct, frozen=True, kw_only=True):
    column: str
    value: str
    rows: int
    metrics: dict[str, float]


class ModelManifest(Record, frozen=True, kw_only=True):
    """A model, whole: what its files are and what is known of it. Its digest is the model's digest.

    `files` maps a role to a blob digest: "model.onnx", "compiled" (where there is one), "profile" (baseline), "sample"
    (test rows as JSON, for `invoke --sample`), "card" (Markdown). Holds no time and no actor, so that equal training
    gives an equal digest.
    """

    KIND: ClassVar[str] = "model"

    model: str
    signature: Signature
    files: dict[str, str]
    sizes: dict[str, int]
    metrics: dict[str, float]
    slices: tuple[SliceMetric, ...] = ()
    parity: Parity | None = None
    compiled: Compiled | None = None
    dataset: str
    dataset_version: str
    code: str
    environment: str = ""
    params: dict[str, Any] = {}
    split: Split
    framework: str = ""


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One registered version, as the registry's journal knows it."""

    version: int
    digest: str  # of the ModelManifest
    run_id: str
    metrics: dict[str, float]
    created: str
    actor: str


class Release(Record, frozen=True, kw_only=True):
    """What an endpoint serves: one entry of its release journal. `function_version` is what the provider published."""

    KIND: ClassVar[str] = "release"

    endpoint: str
    target: str
    model: str
    model_version: int
    model_digest: str
    bundle: str
    function: str
    function_version: str
    url: str = ""
    reason: str = "deploy"
    configuration: str = ""  # digest of everything else that was desired
    source: Literal["baked", "bucket"] = "baked"  # bucket: the function reads this journal and serves what it names


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A column as a few bars, for people: shares of the rows in the reference and in the window. A label is a bar's
    upper bound, a category, or one of other, unseen, null."""

    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]


class ColumnDrift(msgspec.Struct, frozen=True, kw_only=True):
    """`effect` is KS (numbers) or total variation distance (categories); `statistics` holds psi, js, w1, p ..."""

    name: str
    effect: float
    statistics: dict[str, float]
    verdict: Literal["ok", "drift", "not enough data"]
    shape: Shape | None = None


class DriftReport(Record, frozen=True, kw_only=True):
    """One check of one window; created once per (endpoint, model digest, window)."""

    KIND: ClassVar[str] = "drift-report"

    endpoint: str
    model: str
    model_version: int
    model_digest: str
    window: str  # "2013-07-01T00:00:00Z/2013-08-01T00:00:00Z"
    rows: int
    verdict: Literal["ok", "drift", "not enough data"]
    columns: tuple[ColumnDrift, ...]
    quality: dict[str, float] = {}
    performance: dict[str, float] = {}
    service: dict[str, float] = {}  # requests, errors, p50_ms, p99_ms of the window, where the endpoint counted them
    created: str = ""
