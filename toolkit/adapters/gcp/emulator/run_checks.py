"""What Cloud Run refuses of services, revisions and jobs beyond what their types say."""

from __future__ import annotations

import re
from typing import Any

from toolkit.adapters.gcp.emulator.containers import megabytes, own_python, python_of, seconds
from toolkit.adapters.gcp.emulator.refused import Refused, invalid

NAME = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")
_REVISION = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_TAG = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_MEMORY = re.compile(r"[1-9]\d*(Mi|Gi)")
_ACCOUNT = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_ANNOTATION = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]{64})?")
_RESERVED_PREFIX = ("run.googleapis.com/", "cloud.googleapis.com/", "serving.knative.dev/", "autoscaling.knative.dev/")
_RESERVED = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
_CPU_MEMORY = {"1": 4096, "2": 8192, "4": 16384, "6": 24576, "8": 32768}
_CPU_LEAST = {"4": 2048, "6": 4096, "8": 4096}
_TAG_AND_SERVICE = 46
LATEST = 1
REVISION = 2


def marks(resource: Any, where: str) -> None:
    for key, value in resource.labels.items():
        if not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"{where}.labels: {key}={value} is not a valid label", f"{where}.labels")
    for key in resource.annotations:
        if not _ANNOTATION.fullmatch(key) or key.startswith(_RESERVED_PREFIX):
            raise invalid(f"{where}.annotations: {key} is not a valid or a reserved key", f"{where}.annotations")
    if sum(len(key) + len(value) for key, value in resource.annotations.items()) > 256 * 1024:
        raise invalid(f"{where}.annotations: Too long: must have at most 262144 bytes", f"{where}.annotations")


def container(template: Any, *, job: bool) -> None:
    if len(template.containers) != 1:
        raise invalid("template.containers: exactly one container is needed here", "template.containers")
    found = template.containers[0]
    if not _IMAGE.fullmatch(found.image):
        raise invalid(f"template.containers[0].image: {found.image!r} is no image", "template.containers.image")
    _environment(found, job=job)
    memory, cpu = found.resources.limits.get("memory", "512Mi"), found.resources.limits.get("cpu", "1")
    if set(found.resources.limits) - {"memory", "cpu"}:
        raise invalid("template.containers[0].resources.limits: only cpu and memory", "template.containers.resources")
    if not _MEMORY.fullmatch(memory) or cpu not in _CPU_MEMORY:
        raise invalid(f"Invalid value specified for container limits: cpu={cpu}, memory={memory}", "resources.limits")
    size, least = megabytes(memory), 512 if job or template.execution_environment == 2 else 128
    least = max(least, _CPU_LEAST.get(cpu, 0))
    if not least <= size <= _CPU_MEMORY[cpu]:
        raise invalid(
            f"Invalid value specified for memory: {memory}, {least}Mi to {_CPU_MEMORY[cpu]}Mi go with {cpu} CPU.",
            "resources.limits.memory",
        )
    if not _ACCOUNT.fullmatch(template.service_account):
        raise invalid(f"service account {template.service_account!r} does not exist", "template.service_account")
    longest = 7 * 86_400 if job else 3600
    if template.HasField("timeout") and not 0 < seconds(template.timeout) <= longest:
        raise invalid(f"template.timeout: at least 1 second and at most {longest}", "template.timeout")


def image(name: str) -> None:
    """Raised when the revision or execution is to start: what is not in the registry cannot be pulled."""
    if (said := python_of(name)) and said != own_python():
        raise Refused("NOT_FOUND", f"Image '{name}' not found.")


def scaling(given: Any) -> None:
    """Of a service."""
    if given.min_instance_count < 0 or given.min_instance_count > 100 or given.manual_instance_count:
        raise invalid("scaling: min_instance_count is 0 to 100, manual scaling is not emulated", "service.scaling")


def template(service: str, given: Any) -> None:
    marks(given, "template")
    container(given, job=False)
    if given.revision and (not given.revision.startswith(f"{service}-") or not _REVISION.fullmatch(given.revision)):
        raise invalid(f"template.revision: {given.revision!r} must begin with {service}-", "template.revision")
    if not 0 <= given.max_instance_request_concurrency <= 1000:
        raise invalid("max_instance_request_concurrency: at most 1000", "template.max_instance_request_concurrency")
    if given.scaling.max_instance_count > 100 or given.scaling.min_instance_count > (
        given.scaling.max_instance_count or 100
    ):
        raise Refused("RESOURCE_EXHAUSTED", "Quota violated: MaxInstancesLimitPerRegion requested, at most 100")


def job(job_id: str, given: Any) -> None:
    """Of a job that is to be made and started."""
    marks(given, "job")
    marks(given.template, "job.template")
    task = given.template.template
    container(task, job=True)
    if not 0 <= given.template.task_count <= 10_000:
        raise invalid("template.task_count: 1 to 10000", "job.template.task_count")
    if not 0 <= task.max_retries <= 10:
        raise invalid("template.template.max_retries: 0 to 10", "job.template.template.max_retries")
    token = given.start_execution_token
    if token and (not _LABEL_VALUE.fullmatch(token) or len(token) + len(job_id) >= 63):
        raise invalid("start_execution_token: with the job's name fewer than 63 characters", "start_execution_token")


def traffic(service: str, targets: Any, revisions: set[str]) -> None:
    """Percents make 100, every revision is there, every tag is one and fits into a host name."""
    tags: set[str] = set()
    for target in targets:
        if target.type_ == REVISION and target.revision not in revisions:
            raise invalid(f"Revision {target.revision!r} is not found.", "traffic.revision")
        if target.type_ not in {LATEST, REVISION} or (target.type_ == LATEST) == bool(target.revision):
            raise invalid("traffic: a type of LATEST without, or of REVISION with a revision", "traffic.type")
        if target.tag:
            if not _TAG.fullmatch(target.tag) or target.tag in tags:
                raise invalid(f"traffic.tag: {target.tag!r} is not valid or is there twice", "traffic.tag")
            if len(target.tag) + len(service) > _TAG_AND_SERVICE:
                raise invalid(
                    f"traffic.tag: {target.tag!r} and the service's name have over {_TAG_AND_SERVICE} characters",
                    "traffic.tag",
                )
            tags.add(target.tag)
    if targets and sum(target.percent for target in targets) != 100:
        raise invalid("Traffic targets must sum to 100 percent.", "traffic.percent")


def _environment(found: Any, *, job: bool) -> None:
    names = [variable.name for variable in found.env]
    taken = {"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION"} if job else _RESERVED
    for name in names:
        if not _VARIABLE.fullmatch(name) or name in taken:
            raise invalid(f"template.containers[0].env: the name {name!r} is reserved or not valid", "containers.env")
    if len(set(names)) != len(names) or len(names) > 1000:
        raise invalid("template.containers[0].env: a name is there twice, or there are over 1000", "containers.env")
    if any(len(variable.value.encode()) > 32 * 1024 for variable in found.env):
        raise invalid("template.containers[0].env: a value has over 32 KiB", "containers.env")
