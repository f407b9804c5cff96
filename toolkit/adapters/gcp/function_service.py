"""A function as a Cloud Run service, and back. Pure.

A version is a revision `<service>-v<number>`; its annotations hold the digest of its configuration, so equal
configuration finds the revision that is there. The service's annotations hold what Cloud Run has no field for: the
function's own name and tags (labels are lower case and short), the last number given out, and revisions that are
removed but cannot be deleted yet, since Cloud Run keeps the newest.
"""

from __future__ import annotations

import json
from typing import Any

from toolkit.adapters.gcp import PROVIDER, sizes
from toolkit.adapters.gcp.names import labels, service, tag
from toolkit.domain import digest
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import FunctionSpec
from toolkit.ports import Settings

NAME, TAGS, LAST, HIDDEN = "toolkit/function", "toolkit/tags", "toolkit/last-version", "toolkit/removed"
DIGEST, NUMBER, AUTH = "toolkit/digest", "toolkit/version", "toolkit/auth"
CONTAINER = "toolkit.adapters.gcp.container"
OWN = "TOOLKIT_CONTAINER"
AT_ONCE = 8  # calls of one instance
MOST_INSTANCES = 100
INGRESS = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-load-balancer": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}
OPEN = frozenset({"public", "token"})  # whom the platform lets in: the function itself looks at tokens
STORAGE = "https://storage.googleapis.com"


def check(spec: FunctionSpec) -> None:
    """Raises Unsupported for what Cloud Run does not have."""
    what = f"function {spec.name!r}"
    sizes.limits(what, spec.memory_mb, least=sizes.LEAST_SERVICE)
    limit = PROVIDER.limits["function_timeout_seconds"]
    if not 0 < spec.timeout_seconds <= limit:
        raise Unsupported(f"{what}: a time of {spec.timeout_seconds} s; Cloud Run takes 1 to {limit}")
    if not 0 < spec.concurrency <= AT_ONCE * MOST_INSTANCES:
        raise Unsupported(f"{what}: {spec.concurrency} calls at once; 1 to {AT_ONCE * MOST_INSTANCES} are offered")
    if spec.architecture != "x86_64":
        raise Unsupported(f"{what}: Cloud Run has no {spec.architecture}", hint='architecture = "x86_64" under [serve]')
    longest = max((len(value.encode()) for value in spec.environment.values()), default=0)
    if longest > PROVIDER.limits["environment_bytes"]:
        raise Unsupported(f"{what}: a variable has {longest:,} bytes; Cloud Run takes 32 KiB")


def reach(settings: Settings, spec: FunctionSpec) -> dict[str, Any]:
    """What holds for all of a service's revisions: from where it is reached, how many instances are always there."""
    warm = 0 if spec.tags.get("role") == "drift-check" else settings["min_instances"]
    return {"ingress": INGRESS[settings["ingress"]], "scaling": {"minInstanceCount": warm}}


def template(spec: FunctionSpec, number: int, *, image: str, account: str, where: dict[str, str]) -> dict[str, Any]:
    """The revision's template. `where`: "storage" (its address), "bucket" and "object" of the bundle."""
    instances = -(-spec.concurrency // AT_ONCE)
    at_once = min(spec.concurrency, AT_ONCE)
    told = {
        **where, "digest": spec.bundle, "handler": spec.handler, "name": spec.name, "concurrency": at_once,
        "seconds": spec.timeout_seconds, "events": spec.auth not in OPEN,
    }  # fmt: skip
    variables = {**spec.environment, OWN: json.dumps(told)}
    return {
        "revision": revision(service(spec.name), number),
        "labels": labels(spec.tags),
        "annotations": {
            DIGEST: digest.of_value(spec.configuration()), NUMBER: str(number), AUTH: spec.auth,
        },
        "scaling": {"maxInstanceCount": instances},
        "timeout": f"{spec.timeout_seconds}s",
        "serviceAccount": account,
        "executionEnvironment": sizes.environment(spec.memory_mb),
        # One instance tells callers itself that it is busy: then the front has to let them come to it.
        "maxInstanceRequestConcurrency": at_once if instances > 1 else 1000,
        "containers": [
            {
                "image": image,
                "args": [CONTAINER],
                "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
                "resources": {
                    "limits": dict(sizes.limits(spec.name, spec.memory_mb, least=sizes.LEAST_SERVICE)),
                    "cpuIdle": True,
                    "startupCpuBoost": True,
                },
                "ports": [{"containerPort": 8080}],
            }
        ],
    }  # fmt: skip


def revision(service_name: str, number: int) -> str:
    return f"{service_name}-{tag(number)}"


def number_of(revision_name: str) -> str:
    """The version that a revision's name ends with."""
    return revision_name.rpartition("-v")[2]


def noted(spec: FunctionSpec, number: int, hidden: set[str]) -> dict[str, str]:
    kept = {NAME: spec.name, TAGS: json.dumps(spec.tags, sort_keys=True), LAST: str(number)}
    return {**kept, **({HIDDEN: ",".join(sorted(hidden))} if hidden else {})}


def hidden_in(service_body: dict[str, Any]) -> set[str]:
    """Versions that were removed and are still there."""
    return set(filter(None, service_body.get("annotations", {}).get(HIDDEN, "").split(",")))


def weights(service_body: dict[str, Any]) -> dict[str, float]:
    """Version -> share. What goes to the latest revision was never routed: Cloud Run does so by itself."""
    found: dict[str, float] = {}
    for target in service_body.get("traffic", ()):
        if target.get("revision") and target.get("percent"):
            version = number_of(target["revision"])
            found[version] = found.get(version, 0.0) + target["percent"] / 100
    return found


def traffic(service_name: str, shares: dict[str, float], versions: set[str]) -> list[dict[str, Any]]:
    """Where calls go: `shares` by version (empty: nowhere was chosen yet), and every version under its own tag.
    Unsupported for shares that are not whole percents."""
    percents = {version: round(share * 100) for version, share in shares.items()}
    uneven = [share for version, share in shares.items() if abs(share * 100 - percents[version]) > 1e-6]
    if uneven or sum(percents.values()) not in {0, 100}:
        raise Unsupported(f"Cloud Run splits traffic by whole percents, not {shares}")
    found: list[dict[str, Any]] = []
    if not percents:
        found.append({"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100})
    for version in sorted(versions | {v for v, percent in percents.items() if percent}, key=int):
        target: dict[str, Any] = {
            "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
            "revision": revision(service_name, int(version)),
            "tag": tag(int(version)),
        }
        found.append({**target, "percent": percents[version]} if percents.get(version) else target)
    return found
