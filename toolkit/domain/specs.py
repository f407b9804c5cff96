"""What is asked of a provider: jobs, functions, schedules, alerts, and how a deployed thing finds its ports again."""

# Annotations are values here: msgspec would compile strings one by one when a type is first used, in every start.

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

PORTS = ("store", "jobs", "functions", "schedules", "secrets", "alerts", "metrics")


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider offers a port, and its settings as plain JSON values (already validated, no secrets)."""

    provider: str
    settings: dict[str, Any] = {}


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a deployed function or job is told, as JSON in the variable TOOLKIT_RUNTIME (at most 3,500 bytes).

    `values` holds what that entry needs beyond the ports (the run id of a job, limits and capture of an inference
    function); the model's digest is pinned here and checked before load.
    """

    project: str
    target: str
    endpoint: str = ""
    model: str = ""
    model_version: int = 0
    model_digest: str = ""
    config: str = ""  # digest of the project's configuration (a JSON blob), for steps that need it
    ports: dict[str, Binding] = {}
    values: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = {}  # on the wire: of a provider that offers several ports, said once

    def __post_init__(self) -> None:
        """Whoever reads it finds every port with its settings."""
        for port, binding in self.ports.items():
            if not binding.settings and binding.provider in self.settings:
                self.ports[port] = msgspec.structs.replace(binding, settings=self.settings[binding.provider])

    def encode(self) -> str:
        """As JSON, for the variable: what several ports share is there once."""
        shared: dict[str, dict[str, Any]] = {}
        for provider in {binding.provider for binding in self.ports.values()}:
            found = [binding.settings for binding in self.ports.values() if binding.provider == provider]
            most = max(found, key=found.count)  # a target may have two tables of one provider
            if found.count(most) > 1 and {} not in found:
                shared[provider] = most
        fields = msgspec.to_builtins(self)
        for binding in fields["ports"].values():
            if binding["settings"] == shared.get(binding["provider"]):
                binding["settings"] = {}
        return msgspec.json.encode({**fields, "settings": shared}, order="sorted").decode()


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One batch job. `name` is the idempotency key: two submissions of one name are one job.

    Runs `python -m <module>` with `environment` (which carries TOOLKIT_RUNTIME). `requirements` is the locked text to
    install first ("" for the runtime's own packages). A job gets no other file: it fetches what it needs by digest;
    `packages` is the digest of that same text as a blob of the project's store, for providers that hand over no text.

    `array` above 0 runs that many processes of it, each told its number (`domain.jobs.index`); it succeeds when all do.
    `gpus` are of whatever kind the provider has; `spot` takes machines that may be taken back, which costs less.
    """

    name: str
    module: str = "toolkit.entry.job"
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    requirements: str = ""
    packages: str = ""
    cpu: float = 1.0
    memory_mb: int = 2048
    timeout_seconds: int = 3600
    retries: int = 0
    array: int = 0
    gpus: int = 0
    spot: bool = False
    tags: dict[str, str] = {}


JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "timeout", "out-of-memory"]
JOB_FINAL: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "timeout", "out-of-memory"})


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    state: JobState
    reason: str = ""
    exit_code: int | None = None
    submitted: str = ""
    started: str = ""
    ended: str = ""
    tags: dict[str, str] = {}


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One function, as it should be. `bundle` is the digest of a zip that the store holds at `bundle_key`."""

    name: str
    bundle: str
    bundle_key: str
    handler: str = "app.handler"
    runtime: str = "python3.13"
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    memory_mb: int = 512
    timeout_seconds: int = 30
    environment: dict[str, str] = {}
    auth: Literal["iam", "token", "public"] = "iam"
    concurrency: int = 2  # workers at most; local and reserved concurrency
    snapstart: bool = False  # start from a snapshot, where the provider takes them (AWS)
    tags: dict[str, str] = {}

    def configuration(self) -> Mapping[str, Any]:
        """Everything but the name and the tags: what makes a new version necessary when it changes."""
        fields = msgspec.to_builtins(self)
        return {k: v for k, v in fields.items() if k not in {"name", "tags"}}


class FunctionState(msgspec.Struct, frozen=True, kw_only=True):
    """One function, as it is. `weights` maps published versions to their share of traffic (sum 1.0, or empty)."""

    name: str
    versions: tuple[str, ...]
    weights: dict[str, float]
    url: str
    state: Literal["ready", "pending", "failed", "stopped"]
    spec_digests: dict[str, str] = {}  # version -> digest of its FunctionSpec.configuration()
    reason: str = ""
    tags: dict[str, str] = {}


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: dict[str, str] = {}
    body: bytes = b""


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: dict[str, str]
    body: bytes


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """`time` is RFC 3339 UTC; `source` names the job or the function version; `cursor` resumes after this line."""

    time: str
    text: str
    source: str = ""
    cursor: str = ""


class ScheduleSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Calls a function with an event. `expression` is "rate(5 minutes)" or five cron fields, in UTC."""

    name: str
    expression: str
    function: str
    event: dict[str, Any] = {}
    enabled: bool = True
    tags: dict[str, str] = {}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One message about one incident. `incident` is its key: the same incident is not opened twice."""

    incident: str
    state: Literal["open", "still open", "resolved"]
    severity: Literal["info", "warning", "critical"] = "warning"
    title: str
    text: str = ""
    labels: dict[str, str] = {}
    time: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    channel: str
    ok: bool
    error: str = ""


class MetricPoint(msgspec.Struct, frozen=True, kw_only=True):
    """`unit`: "count", "ms", "bytes" or "ratio"."""

    name: str
    value: float
    time: str
    unit: str = "count"
    labels: dict[str, str] = {}
