"""What many jobs have in common, as a Batch job definition whose name says what is in it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.adapters.aws.sizes import Size
from toolkit.domain import digest

_ARCHITECTURES = {"x86_64": "X86_64", "arm64": "ARM64"}


@dataclass(frozen=True)
class Place:
    """Roles are ARNs: `job_role` is what the job may do, `start_role` pulls the image and writes the log."""

    image: str
    job_role: str
    start_role: str
    group: str
    architecture: str = "x86_64"
    public_ip: bool = True


def definition(prefix: str, place: Place, size: Size) -> dict[str, Any]:
    """The arguments of RegisterJobDefinition: equal content has an equal name."""
    content = {
        "type": "container",
        "platformCapabilities": [size.platform],
        "propagateTags": True,
        "containerProperties": {
            "image": place.image,
            "command": ["toolkit.entry.job"],  # after the entry point of the image, `python -m`
            "jobRoleArn": place.job_role,
            "executionRoleArn": place.start_role,
            "resourceRequirements": size.requirements(),
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": place.group}},
            **(_fargate(place) if size.platform == "FARGATE" else {}),
        },
    }
    return {"jobDefinitionName": f"{prefix}{digest.of_value(content)[:16]}", **content}


def _fargate(place: Place) -> dict[str, Any]:
    return {
        "networkConfiguration": {"assignPublicIp": "ENABLED" if place.public_ip else "DISABLED"},
        "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
        "runtimePlatform": {
            "operatingSystemFamily": "LINUX", "cpuArchitecture": _ARCHITECTURES[place.architecture],
        },
    }  # fmt: skip
