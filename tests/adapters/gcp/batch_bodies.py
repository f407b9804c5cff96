"""Settings of a target that may have GPUs, and what Batch is told of a job under them."""

from __future__ import annotations

from typing import Any

from toolkit.adapters.gcp import batch_request
from toolkit.adapters.gcp.settings import GcpSettings
from toolkit.domain.specs import JobSpec
from toolkit.ports import Settings

ACCOUNT = "a-job@emulated-project.iam.gserviceaccount.com"
WAYS: dict[str, Any] = {"image": "a.b/c:1", "account": ACCOUNT, "token": "abc123"}
DAY = 86_400


def settings(**more: Any) -> Settings:
    context = {"project": "proj", "target": "dev"}
    return GcpSettings.model_validate({"accelerator": "nvidia-l4", **more}, context=context).model_dump(mode="json")


def body(given: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return batch_request.body(JobSpec(**{"name": "one", **fields}), settings(**(given or {})), **WAYS)
