"""What Batch refuses of jobs beyond what their types say, and which of its methods there are."""

from __future__ import annotations

import re
from typing import Any

from toolkit.adapters.gcp.emulator.containers import own_python, python_of, seconds
from toolkit.adapters.gcp.emulator.refused import invalid

NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_ACCOUNT = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_IMAGE = re.compile(r"[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]{64})?")
_MACHINE = re.compile(r"[a-z][a-z0-9]*-[a-z0-9-]+")
_LONGEST = 14 * 86_400
_TASKS = 10_000
_NETWORK = re.compile(r"(projects/[a-z0-9-]+/)?global/networks/[a-z0-9-]+")
_SUBNETWORK = re.compile(r"(projects/[a-z0-9-]+/)?regions/[a-z0-9-]+/subnetworks/[a-z0-9-]+")
STANDARD, SPOT = 1, 2
CLOUD_LOGGING = 1


def job(given: Any) -> None:
    """Raises Refused."""
    _labels(given.labels, "job.labels")
    _labels(given.allocation_policy.labels, "job.allocation_policy.labels")
    if given.name or given.uid or given.HasField("status") or given.HasField("create_time"):
        raise invalid("job: name, uid, status and times are output only", "job")
    if len(given.task_groups) != 1:
        raise invalid("job.task_groups: exactly one task group is supported", "job.task_groups")
    if given.logs_policy.destination != CLOUD_LOGGING:
        raise invalid("job.logs_policy: only CLOUD_LOGGING is played here", "job.logs_policy.destination")
    group = given.task_groups[0]
    if not 0 <= group.task_count <= _TASKS:
        raise invalid(f"task_count {group.task_count}: 1 to {_TASKS}", "job.task_groups.task_count")
    _task(group.task_spec)
    _machine(given.allocation_policy)


def pulled(image: str) -> bool:
    """Whether docker finds it when the task starts."""
    said = python_of(image)
    return not said or said == own_python()


def _task(task: Any) -> None:
    where = "job.task_groups.task_spec"
    if len(task.runnables) != 1 or task.runnables[0].WhichOneof("executable") != "container":
        raise invalid(f"{where}.runnables: exactly one, a container, is played here", f"{where}.runnables")
    if not _IMAGE.fullmatch(task.runnables[0].container.image_uri):
        raise invalid(f"{where}: {task.runnables[0].container.image_uri!r} is no image", f"{where}.runnables")
    if not 0 <= task.max_retry_count <= 10:
        raise invalid(f"{where}.max_retry_count: 0 to 10", f"{where}.max_retry_count")
    if not 0 < seconds(task.max_run_duration) <= _LONGEST:
        raise invalid(f"{where}.max_run_duration: more than 0 and at most {_LONGEST}s", f"{where}.max_run_duration")
    if task.compute_resource.cpu_milli < 1 or task.compute_resource.memory_mib < 1:
        raise invalid(f"{where}.compute_resource: CPU and memory are positive", f"{where}.compute_resource")
    if len(task.lifecycle_policies) > 1:
        raise invalid(f"{where}.lifecycle_policies: at most one", f"{where}.lifecycle_policies")
    for rule in task.lifecycle_policies:
        if not rule.action or not rule.action_condition.exit_codes:
            raise invalid(f"{where}.lifecycle_policies: an action and its exit codes", f"{where}.lifecycle_policies")
    for name in task.environment.variables:
        if not _VARIABLE.fullmatch(name) or name.startswith("BATCH_"):
            raise invalid(f"{where}.environment: the name {name!r} is reserved or not valid", f"{where}.environment")


def _machine(policy: Any) -> None:
    where = "job.allocation_policy"
    if not _ACCOUNT.fullmatch(policy.service_account.email):
        raise invalid(f"service account {policy.service_account.email!r} does not exist", f"{where}.service_account")
    if len(policy.instances) != 1:
        raise invalid(f"{where}.instances: exactly one is supported", f"{where}.instances")
    for one in policy.network.network_interfaces:
        if not _NETWORK.fullmatch(one.network) or (one.subnetwork and not _SUBNETWORK.fullmatch(one.subnetwork)):
            raise invalid(f"{where}.network: not a URL of a network and its subnetwork", f"{where}.network")
    machine = policy.instances[0].policy
    if machine.provisioning_model not in {STANDARD, SPOT}:
        raise invalid(f"{where}: provisioning model STANDARD or SPOT", f"{where}.instances.policy.provisioning_model")
    if machine.machine_type and not _MACHINE.fullmatch(machine.machine_type):
        raise invalid(f"{where}: {machine.machine_type!r} is no machine type", f"{where}.instances.policy.machine_type")
    for one in machine.accelerators:
        if not one.type_ or one.count < 1:
            raise invalid(f"{where}: an accelerator has a type and a count", f"{where}.instances.policy.accelerators")
    if policy.instances[0].install_gpu_drivers and not machine.accelerators and not machine.machine_type:
        raise invalid(f"{where}: GPU drivers without a GPU", f"{where}.instances.install_gpu_drivers")


def _labels(labels: Any, where: str) -> None:
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value) or key.startswith(("goog-", "google-")):
            raise invalid(f"{where}: {key}={value} is not a valid label", where)
    if len(labels) > 64:
        raise invalid(f"{where}: at most 64", where)
