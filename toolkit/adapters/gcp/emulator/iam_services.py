"""Smaller services that an operator turns to: registries of images, which APIs are enabled, queues, the project."""

from __future__ import annotations

import re
import threading
from typing import Any

from google.cloud.artifactregistry_v1 import types as registry
from google.cloud.resourcemanager_v3 import types as manager
from google.cloud.service_usage_v1 import types as usage
from google.cloud.tasks_v2 import types as tasks
from google.longrunning import operations_pb2

from toolkit.adapters.gcp.emulator.iam_policies import NUMBER
from toolkit.adapters.gcp.emulator.operations import Operations
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing
from toolkit.adapters.gcp.emulator.tasks import Tasks

_REPOSITORY = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_API = re.compile(r"[a-z]+\.googleapis\.com")


class Registries:
    """Artifact Registry's repositories; what is in them is not played: images run from where they were built."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.operations = Operations(self._lock)
        self._kept: dict[str, Any] = {}

    def create(self, request: Any, caller: str) -> Any:
        if not _REPOSITORY.fullmatch(request.repository_id):
            raise invalid(f"repository id {request.repository_id!r} is not valid", "repository_id")
        name = f"{request.parent}/repositories/{request.repository_id}"
        with self._lock:
            self.operations.settle()
            if name in self._kept:
                raise Refused("ALREADY_EXISTS", "the repository already exists")
            made = registry.Repository.pb()()
            made.CopyFrom(request.repository)
            made.name = name

            def finish() -> Any:
                self._kept[name] = made
                return made

            return self.operations.begin(request.parent, finish)

    def get(self, request: Any, caller: str) -> Any:
        with self._lock:
            self.operations.settle()
            if request.name not in self._kept:
                raise Refused("NOT_FOUND", "Requested entity was not found.")
            return self._kept[request.name]

    def update(self, request: Any, caller: str) -> Any:
        if unknown := set(request.update_mask.paths) - {"labels", "description", "docker_config"}:
            raise invalid(f"update_mask: {sorted(unknown)[0]} cannot be set", "update_mask")
        with self._lock:
            kept = self._kept.get(request.repository.name)
            if kept is None:
                raise missing(request.repository.name)
            for path in request.update_mask.paths:
                kept.ClearField(path)
            request.update_mask.MergeMessage(request.repository, kept)
            return kept


class Usage:
    """Service Usage: which APIs a project has enabled. Nothing here asks: all of them answer."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.operations = Operations(self._lock)
        self._enabled: dict[str, set[str]] = {}
        self._names: dict[str, str] = {}  # this service's operations have no parent in their names

    def get(self, request: Any, caller: str) -> Any:
        answer = usage.BatchGetServicesResponse.pb()()
        if len(request.names) > 30:
            raise invalid("At most 30 services at once.", "names")
        with self._lock:
            self.operations.settle()
            for name in request.names:
                if not name.startswith(f"{request.parent}/services/"):
                    raise invalid(f"{name} is not in {request.parent}", "names")
                on = name.rpartition("/")[2] in self._enabled.get(request.parent, ())
                answer.services.add(name=name, parent=request.parent, state=2 if on else 1)
        return answer

    def enable(self, request: Any, caller: str) -> Any:
        if len(request.service_ids) > 20:
            raise invalid("At most 20 services at once.", "service_ids")
        if bad := [one for one in request.service_ids if not _API.fullmatch(one)]:
            raise invalid(f"{bad[0]} is no service", "service_ids")

        def finish() -> Any:
            self._enabled.setdefault(request.parent, set()).update(request.service_ids)
            return usage.BatchEnableServicesResponse.pb()()

        with self._lock:
            begun = self.operations.begin(request.parent, finish)
            plain = f"operations/{begun.name.rpartition('/')[2]}"
            self._names[plain], begun.name = begun.name, plain
            return begun

    def operation(self, request: Any, caller: str) -> Any:
        full = self._names.get(request.name, request.name)
        answer = self.operations.get(operations_pb2.GetOperationRequest(name=full), caller)
        answer.name = request.name
        return answer


class Queues:
    def __init__(self, kept: Tasks) -> None:
        self._kept = kept

    def get(self, request: Any, caller: str) -> Any:
        if request.name not in self._kept._queues:
            raise Refused("NOT_FOUND", "Queue does not exist.")
        return tasks.Queue.pb()(name=request.name, state=tasks.Queue.State.RUNNING)


def project(request: Any, caller: str) -> Any:
    found = manager.Project.pb()(project_id=request.name.rpartition("/")[2], state=manager.Project.State.ACTIVE)
    found.name = f"projects/{NUMBER}"
    return found
