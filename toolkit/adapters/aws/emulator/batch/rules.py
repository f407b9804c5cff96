"""What AWS Batch refuses, in its words."""

from __future__ import annotations

import re
from typing import Any

from toolkit.adapters.aws.emulator.operations import Refused
from toolkit.adapters.aws.sizes import cells

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
LEAST_TIMEOUT = 60
MOST_OVERRIDES = 8192
MOST_TAGS = 50


def client_error(message: str) -> Refused:
    return Refused(400, "ClientException", message)


def executing(message: str) -> Refused:
    """As the control plane words what it found out while carrying out a request."""
    return client_error(f"Error executing request, Exception : {message}, RequestId: 0")


def check_definition(given: dict[str, Any]) -> None:
    """The input of RegisterJobDefinition."""
    _check_name("jobDefinitionName", given["jobDefinitionName"])
    container = given.get("containerProperties")
    if given["type"] != "container" or not container:
        raise client_error("containerProperties must be provided")
    if not container.get("image"):
        raise client_error("containerProperties must contain image")
    sizes = {one["type"]: one["value"] for one in container.get("resourceRequirements", [])}
    if given.get("platformCapabilities") == ["FARGATE"]:
        _check_fargate(container, sizes)
    elif not {"VCPU", "MEMORY"} <= sizes.keys():
        raise executing("Memory and vCPU resource requirements are required.")
    elif not sizes["VCPU"].isdigit():
        raise executing(f"Value {sizes['VCPU']} for type VCPU in resourceRequirement is not valid. "
                        "Please provide a numeric value.")  # fmt: skip
    check_retry(given.get("retryStrategy"))
    check_timeout(given.get("timeout"))


def _check_fargate(container: dict[str, Any], sizes: dict[str, str]) -> None:
    if "vcpus" in container or "memory" in container:
        raise client_error("vcpus is not applicable for Fargate. Use resource requirements instead.")
    if not container.get("executionRoleArn"):
        raise executing("Fargate jobs require executionRoleArn")
    if "GPU" in sizes:
        raise executing("GPU resource requirement is not applicable for Fargate.")
    try:
        cpu, memory = float(sizes["VCPU"]), int(sizes["MEMORY"])
    except (KeyError, ValueError) as error:
        raise executing("Fargate jobs require numeric VCPU and MEMORY resource requirements") from error
    if memory not in cells(cpu):
        raise executing(f"Fargate resource requirements ({cpu:.2f} vCPU, {memory} MiB) not valid.")


def check_submission(given: dict[str, Any]) -> None:
    """The input of SubmitJob, as far as it can be judged by itself."""
    _check_name("jobName", given["jobName"])
    for one in given.get("containerOverrides", {}).get("environment", []):
        if str(one.get("name", "")).startswith("AWS_BATCH"):
            raise client_error(
                "Environment variables must not start with AWS_BATCH. This naming convention is reserved."
            )
    size = given.get("arrayProperties", {}).get("size")
    if size is not None and not 2 <= size <= 10_000:
        raise client_error("Array size must be between 2 and 10000")
    if len(given.get("tags", {})) > MOST_TAGS:
        raise client_error(f"Tags cannot have more than {MOST_TAGS} entries")
    check_retry(given.get("retryStrategy"))
    check_timeout(given.get("timeout"))


def check_timeout(given: dict[str, Any] | None) -> None:
    if given and given.get("attemptDurationSeconds", LEAST_TIMEOUT) < LEAST_TIMEOUT:
        raise client_error(f"Timeout attemptDurationSeconds must be at least {LEAST_TIMEOUT} seconds.")


def check_retry(given: dict[str, Any] | None) -> None:
    if not given:
        return
    if not 1 <= given.get("attempts", 1) <= 10:
        raise client_error("Retry attempts must be between 1 and 10")
    rules = given.get("evaluateOnExit", [])
    if len(rules) > 5:
        raise client_error("evaluateOnExit can have at most 5 entries")
    if rules and "attempts" not in given:
        raise client_error("attempts is required when evaluateOnExit is specified")


def again(retry: dict[str, Any], *, code: int | None, reason: str, status_reason: str) -> bool:
    """Whether a failed attempt is followed by another, were there one left: the first rule that fits decides."""
    facts = {"onExitCode": "" if code is None else str(code), "onReason": reason, "onStatusReason": status_reason}
    for rule in retry.get("evaluateOnExit", []):
        if all(_fits(rule[condition], fact) for condition, fact in facts.items() if condition in rule):
            return str(rule["action"]).upper() == "RETRY"
    return True


def _fits(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def _check_name(field: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise client_error(
            f"{field} {name!r} is not valid: it can be up to 128 letters long, the first character must be "
            "alphanumeric, and it can contain letters, numbers, hyphens and underscores"
        )
