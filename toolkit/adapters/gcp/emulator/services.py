"""Cloud Run services: state and control plane. `front` calls them, `revisions` runs them."""

from __future__ import annotations

import copy
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.cloud import run_v2
from google.iam.v1 import policy_pb2

from toolkit.adapters.gcp.emulator import revisions, run_checks
from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.log import Log
from toolkit.adapters.gcp.emulator.operations import Operations
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing
from toolkit.adapters.gcp.emulator.revisions import short
from toolkit.execution.container.instances import Instances, close_all
from toolkit.execution.reaper import Reaper

LATEST, REVISION = run_checks.LATEST, run_checks.REVISION
SUCCEEDED, FAILED = 4, 3
INVOKER = "roles/run.invoker"
SETTABLE = {"description", "labels", "annotations", "ingress", "template", "traffic", "scaling", "launch_stage"}


@dataclass
class Kept:
    """`desired` is what was asked for; `serving` the traffic that is in effect: (revision, percent, tag)."""

    desired: Any
    revisions: dict[str, Any] = field(default_factory=dict)
    serving: list[tuple[str, int, str]] = field(default_factory=list)
    policy: Any = field(default_factory=lambda: policy_pb2.Policy(etag=b"0"))
    instances: dict[str, Instances] = field(default_factory=dict)
    latest_ready: str = ""


class Services:
    def __init__(self, address: str, home: Path, reaper: Reaper, identity: Identity, log: Log) -> None:
        self._address, self._home, self._reaper, self._identity, self._log = address, home, reaper, identity, log
        self.lock = threading.RLock()
        self.operations = Operations(self.lock)
        self.kept: dict[str, Kept] = {}

    # The control plane

    def create(self, request: Any, caller: str) -> Any:
        if not run_checks.NAME.fullmatch(request.service_id):
            raise invalid(
                "service_id must begin with a letter, be lower case and have fewer than 50 characters", "service_id"
            )
        if request.service.name:
            raise invalid("service.name must be empty in a CreateServiceRequest", "service.name")
        name = f"{request.parent}/services/{request.service_id}"
        with self.lock:
            self.operations.settle()
            self._check(request.service_id, request.service, set())
            if name in self.kept:
                raise Refused("ALREADY_EXISTS", f"Resource '{request.service_id}' already exists.")
            desired = self._new(name, request.service)
            self._revise(name, Kept(desired), remember=True)
            return self._operation(name)

    def get(self, request: Any, caller: str) -> Any:
        with self.lock:
            return self._shown(request.name)

    def list(self, request: Any, caller: str) -> Any:
        answer = run_v2.ListServicesResponse.pb()()
        with self.lock:
            names = sorted(name for name in self.kept if name.startswith(f"{request.parent}/services/"))
            size, start = min(request.page_size or 500, 500), int(request.page_token or 0)
            answer.services.extend(self._shown(name) for name in names[start : start + size])
            answer.next_page_token = str(start + size) if start + size < len(names) else ""
        return answer

    def update(self, request: Any, caller: str) -> Any:
        name, given = request.service.name, request.service
        with self.lock:
            self.operations.settle()
            kept = self._find(name)
            if given.etag and given.etag != kept.desired.etag:
                seen = f"version '{given.etag}' was specified but current version is '{kept.desired.etag}'"
                raise Refused("ABORTED", f"Conflict for resource '{name}': {seen}.")
            paths = set(request.update_mask.paths) or SETTABLE
            if unknown := paths - SETTABLE:
                raise invalid(f"update_mask: {sorted(unknown)[0]} cannot be set", "update_mask")
            wanted = copy.deepcopy(kept.desired)
            for path in paths:
                wanted.ClearField(path)
                kept_field = given.DESCRIPTOR.fields_by_name[path]
                if kept_field.is_repeated or not kept_field.message_type:
                    value = getattr(given, path)
                    if kept_field.message_type and kept_field.message_type.GetOptions().map_entry:
                        getattr(wanted, path).update(value)
                    elif kept_field.is_repeated:
                        getattr(wanted, path).extend(value)
                    else:
                        setattr(wanted, path, value)
                else:
                    getattr(wanted, path).CopyFrom(getattr(given, path))
            self._check(name.rpartition("/")[2], wanted, {short(one) for one in kept.revisions}, "template" in paths)
            wanted.etag, wanted.generation = uuid.uuid4().hex, wanted.generation + 1
            wanted.update_time.GetCurrentTime()
            kept.desired = wanted
            if "template" in paths:
                self._revise(name, kept)
            return self._operation(name)

    def delete(self, request: Any, caller: str) -> Any:
        with self.lock:
            self.operations.settle()
            kept = self._find(request.name)
            parent = request.name.partition("/services/")[0]

            def finish() -> Any:
                self.kept.pop(request.name, None)
                for instances in kept.instances.values():
                    threading.Thread(target=instances.close, args=("the service is deleted",), daemon=True).start()
                return kept.desired

            return self.operations.begin(parent, finish)

    def get_policy(self, request: Any, caller: str) -> Any:
        with self.lock:
            return self._find(request.resource).policy

    def set_policy(self, request: Any, caller: str) -> Any:
        with self.lock:
            kept = self._find(request.resource)
            if request.policy.etag and request.policy.etag != kept.policy.etag:
                raise Refused(
                    "ABORTED", "There were concurrent policy changes. Please retry the whole read-modify-write."
                )
            for binding in request.policy.bindings:
                if not binding.role.startswith("roles/") or not binding.members:
                    raise invalid(f"Role {binding.role!r} needs members.", "policy.bindings")
                for member in binding.members:
                    if member not in {"allUsers", "allAuthenticatedUsers"} and ":" not in member:
                        raise invalid(f"Invalid member {member!r}", "policy.bindings.members")
            kept.policy.CopyFrom(request.policy)
            kept.policy.etag = uuid.uuid4().hex[:12].encode()
            return kept.policy

    def revision(self, request: Any, caller: str) -> Any:
        with self.lock:
            self.operations.settle()
            kept = self._find(request.name.partition("/revisions/")[0])
            if request.name not in kept.revisions:
                raise missing(request.name)
            return kept.revisions[request.name]

    def revisions(self, request: Any, caller: str) -> Any:
        answer = run_v2.ListRevisionsResponse.pb()()
        with self.lock:
            self.operations.settle()
            answer.revisions.extend(reversed(self._find(request.parent).revisions.values()))
        return answer

    def delete_revision(self, request: Any, caller: str) -> Any:
        with self.lock:
            self.operations.settle()
            name = request.name.partition("/revisions/")[0]
            kept = self._find(name)
            if request.name not in kept.revisions:
                raise missing(request.name)
            used = {target.revision for target in kept.desired.traffic if target.percent or target.tag}
            if short(request.name) in used or request.name == list(kept.revisions)[-1]:
                raise Refused(
                    "FAILED_PRECONDITION", f"Revision '{short(request.name)}' is serving, tagged or the latest."
                )

            def finish() -> Any:
                gone = kept.revisions.pop(request.name, None)
                if instances := kept.instances.pop(short(request.name), None):
                    threading.Thread(target=instances.close, args=("the revision is deleted",), daemon=True).start()
                return gone or run_v2.Revision.pb()()

            return self.operations.begin(name.partition("/services/")[0], finish)

    def close(self) -> None:
        with self.lock:
            running = [instances for kept in self.kept.values() for instances in kept.instances.values()]
        close_all(running, "the emulator ends")

    # What a change comes to

    def _check(self, short_name: str, service: Any, revisions: set[str], template: bool = True) -> None:
        run_checks.marks(service, "service")
        run_checks.scaling(service.scaling)
        if template:
            if not service.HasField("template"):
                raise invalid("service.template is required", "service.template")
            run_checks.template(short_name, service.template)
            if service.template.revision in revisions:
                raise Refused("ALREADY_EXISTS", f"Revision named '{service.template.revision}' already exists.")
        new = {service.template.revision} if template and service.template.revision else set()
        run_checks.traffic(short_name, service.traffic, revisions | new)

    def _new(self, name: str, given: Any) -> Any:
        service = run_v2.Service.pb()()
        service.CopyFrom(given)
        service.name, service.uid = name, str(uuid.uuid4())
        service.generation, service.etag = 1, uuid.uuid4().hex
        service.uri = self.uri(name)
        service.create_time.GetCurrentTime()
        service.update_time.CopyFrom(service.create_time)
        if not service.traffic:
            service.traffic.add(type_=LATEST, percent=100)
        return service

    def _revise(self, name: str, kept: Kept, *, remember: bool = False) -> None:
        """A revision of the template; it is not ready before the operation is through."""
        template = kept.desired.template
        template.revision = template.revision or f"{short(name)}-{kept.desired.generation:05d}-{uuid.uuid4().hex[:3]}"
        revision = run_v2.Revision.pb()(name=f"{name}/revisions/{template.revision}", service=name)
        revision.uid, revision.generation = str(uuid.uuid4()), 1
        revision.labels.update(template.labels)
        revision.annotations.update(template.annotations)
        revision.containers.extend(template.containers)
        revision.scaling.CopyFrom(template.scaling)
        revision.timeout.CopyFrom(template.timeout)
        revision.service_account = template.service_account
        revision.max_instance_request_concurrency = template.max_instance_request_concurrency or 80
        revision.create_time.GetCurrentTime()
        revision.reconciling = True
        kept.revisions[revision.name] = revision
        kept.desired.latest_created_revision = revision.name
        if remember:
            self.kept[name] = kept

    def _operation(self, name: str) -> Any:
        kept = self.kept[name]
        kept.desired.reconciling = True

        def finish() -> Any:
            if self.kept.get(name) is not kept:
                raise Refused("NOT_FOUND", f"Resource '{short(name)}' was deleted.")
            return self._through(name, kept)

        return self.operations.begin(name.partition("/services/")[0], finish)

    def _through(self, name: str, kept: Kept) -> Any:
        service = kept.desired
        newest = kept.revisions[service.latest_created_revision]
        service.reconciling = newest.reconciling = False
        service.observed_generation = service.generation
        condition = service.terminal_condition
        condition.type_, condition.state, condition.message = "Ready", SUCCEEDED, ""
        try:
            run_checks.image(newest.containers[0].image)
        except Refused as refused:
            condition.state = FAILED
            condition.message = (
                f"Revision '{short(newest.name)}' is not ready and cannot serve traffic. {refused.message}"
            )
            raise Refused("INVALID_ARGUMENT", condition.message) from refused
        kept.latest_ready = service.latest_ready_revision = newest.name
        del service.traffic_statuses[:]
        kept.serving = []
        for target in service.traffic:
            revision = target.revision or short(kept.latest_ready)
            kept.serving.append((revision, target.percent, target.tag))
            status = service.traffic_statuses.add(
                type_=target.type_, revision=revision, percent=target.percent, tag=target.tag
            )
            if target.tag:
                status.uri = self.uri(name, target.tag)
        self._warm(name, kept)
        return copy.deepcopy(service)

    def _warm(self, name: str, kept: Kept) -> None:
        """The instances that are always there, of the revision with the most traffic."""
        if least := kept.desired.scaling.min_instance_count:
            busiest = max(kept.serving, key=lambda one: one[1])[0]
            instances = self.instances(name, busiest)
            if instances:
                instances.warm(least)

    def uri(self, name: str, tag: str = "") -> str:
        _, project, _, location, _, service = name.split("/")
        return f"{self._address}/run/{project}/{location}/{f'{tag}---' if tag else ''}{service}"

    def _shown(self, name: str) -> Any:
        self.operations.settle()
        return copy.deepcopy(self._find(name).desired)

    def _find(self, name: str) -> Kept:
        if name not in self.kept:
            raise missing(name)
        return self.kept[name]

    # What runs

    def instances(self, name: str, revision: str) -> Instances | None:
        """Of a revision; None where it is gone. The lock is taken here."""
        with self.lock:
            kept = self.kept.get(name)
            about = kept.revisions.get(f"{name}/revisions/{revision}") if kept else None
            if kept is None or about is None:
                return None
            if revision not in kept.instances:
                kept.instances[revision] = revisions.instances(
                    name, about, self._home, self._reaper, self._identity, self._log
                )
            return kept.instances[revision]
