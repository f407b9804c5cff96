"""Container Apps: environments, apps with their revisions, and who may call them. `containerapps_front` calls them,
`execution.container` runs them."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from toolkit.adapters.azure.emulator import containerapps_checks as checks
from toolkit.adapters.azure.emulator.arm_console import ConsoleLogs
from toolkit.adapters.azure.emulator.arm_room import id_of, listed, merged, stamp
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.operations import Operations
from toolkit.adapters.azure.emulator.refused import Refused, conflict, missing
from toolkit.adapters.azure.emulator.rest import Call, Reply
from toolkit.execution.container.instances import Instances, Shape, close_all
from toolkit.execution.container.running import Container
from toolkit.execution.reaper import Reaper

VERSION = "2026-07-01"
PROVIDER = "Microsoft.App"
ENVIRONMENTS, APPS = f"{PROVIDER}/managedEnvironments", f"{PROVIDER}/containerApps"
DOMAIN = "azurecontainerapps.io"
SECONDS = 240.0  # that the ingress waits for an answer
NO_LIMIT = 1000


@dataclass
class Kept:
    """`desired` is what was asked for; `serving` is the traffic in effect: (revision, weight)."""

    desired: dict[str, Any]
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    serving: list[tuple[str, int]] = field(default_factory=list)
    guard: dict[str, Any] = field(default_factory=dict)
    instances: dict[str, Instances] = field(default_factory=dict)


class ContainerApps:
    def __init__(self, address: str, home: Path, reaper: Reaper, identity: Identity, log: ConsoleLogs) -> None:
        self._address, self._home, self._reaper, self._identity, self._log = address, home, reaper, identity, log
        self.lock = threading.RLock()
        self.operations = Operations(PROVIDER, VERSION, self.lock)  # of jobs, too
        self.environments: dict[str, dict[str, Any]] = {}
        self.pulls: Callable[[str, str], bool] = lambda identity, registry: True
        self.kept: dict[str, Kept] = {}  # by the short name: an environment's host names are its own

    # Environments

    def put_environment(self, call: Call) -> Reply:
        name = call.path["environment"]
        checks.tags(call.body.get("tags") or {})
        made = {**copy.deepcopy(call.body), "id": id_of(call, ENVIRONMENTS, name), "name": name, "type": ENVIRONMENTS}
        made.setdefault("properties", {})
        made["properties"] |= {"provisioningState": "Succeeded", "defaultDomain": f"{name}.westeurope.{DOMAIN}"}
        with self.lock:
            there = made["id"] in self.environments
            self.environments[made["id"]] = made
        return Reply(made, 200 if there else 201)

    def get_environment(self, call: Call) -> Reply:
        with self.lock:
            found = self.environments.get(id_of(call, ENVIRONMENTS, call.path["environment"]))
        if found is None:
            raise missing(f"{ENVIRONMENTS}/{call.path['environment']}")
        return Reply(found)

    def delete_environment(self, call: Call) -> Reply:
        with self.lock:
            name = id_of(call, ENVIRONMENTS, call.path["environment"])
            if any(kept.desired["properties"]["environmentId"] == name for kept in self.kept.values()):
                raise conflict("The environment still has apps.", "ManagedEnvironmentNotEmpty")
            return Reply(None, 200 if self.environments.pop(name, None) else 204)

    # Apps

    def put(self, call: Call) -> Reply:
        name = call.path["app"]
        with self.lock:
            self._settled(name)
            checks.resource(call.body, name, self.environments, "ContainerApp")
            there = self.kept.get(name)
            body = {**copy.deepcopy(call.body), "id": id_of(call, APPS, name), "name": name, "type": APPS}
            now = stamp()
            created = there.desired["systemData"]["createdAt"] if there else now
            body["systemData"] = {"createdAt": created, "lastModifiedAt": now}
            return self._change(call, name, there or Kept(body), body, 200 if there else 201, asynchronous=True)

    def patch(self, call: Call) -> Reply:
        name = call.path["app"]
        with self.lock:
            self._settled(name)
            kept = self._find(name)
            body = merged(kept.desired, call.body)
            checks.resource(body, name, self.environments, "ContainerApp")
            return self._change(call, name, kept, body, 202, asynchronous=False)

    def get(self, call: Call) -> Reply:
        with self.lock:
            self.operations.settle()
            return Reply(self._shown(self._find(call.path["app"])))

    def list(self, call: Call) -> Reply:
        with self.lock:
            self.operations.settle()
            found = [self._shown(self.kept[name]) for name in sorted(self.kept)]
        begin = id_of(call, APPS, "")
        return listed((one for one in found if one["id"].startswith(begin)), call)

    def delete(self, call: Call) -> Reply:
        name = call.path["app"]
        with self.lock:
            self.operations.settle()
            if name not in self.kept:
                return Reply(None, 204)
            self._settled(name)
            kept = self.kept[name]

            def finish() -> None:
                self.kept.pop(name, None)
                self._log.forget("ContainerAppName_s", name)
                self._end(kept.instances, "the app is deleted")

            return self.operations.begin(call, name, finish, status=202, asynchronous=False)

    # Revisions

    def revisions(self, call: Call) -> Reply:
        with self.lock:
            self.operations.settle()
            kept = self._find(call.path["app"])
            found = [self._revision(kept, name) for name in kept.revisions]
        return listed(found, call)

    def revision(self, call: Call) -> Reply:
        with self.lock:
            self.operations.settle()
            kept = self._find(call.path["app"])
            if call.path["revision"] not in kept.revisions:
                raise missing(call.path["revision"])
            return Reply(self._revision(kept, call.path["revision"]))

    def deactivate(self, call: Call) -> Reply:
        return self._turn(call, active=False)

    def activate(self, call: Call) -> Reply:
        return self._turn(call, active=True)

    # Who may call

    def put_guard(self, call: Call) -> Reply:
        if call.path["config"] != "current":
            raise checks.wrong("authConfigName", "it is called current")
        checks.guard(call.body)
        with self.lock:
            self.operations.settle()
            kept = self._find(call.path["app"])
            kept.guard = {
                **copy.deepcopy(call.body), "id": f"{kept.desired['id']}/authConfigs/current", "name": "current",
                "type": f"{APPS}/authConfigs",
            }  # fmt: skip
            return Reply(kept.guard)

    def get_guard(self, call: Call) -> Reply:
        with self.lock:
            self.operations.settle()
            kept = self._find(call.path["app"])
            if not kept.guard or call.path["config"] != "current":
                raise missing(f"{call.path['app']}/authConfigs/{call.path['config']}")
            return Reply(kept.guard)

    # What a change comes to

    def _change(
        self, call: Call, name: str, kept: Kept, body: dict[str, Any], status: int, *, asynchronous: bool
    ) -> Reply:
        properties = body["properties"]
        template, before = properties.get("template"), kept.desired["properties"].get("template")
        checks.template(template, "ContainerApp")
        new = template != before or not kept.revisions
        suffix = template.get("revisionSuffix") or uuid4().hex[:7]
        revision = f"{name}--{suffix}"
        if len(revision) > checks.LONGEST_REVISION:
            raise checks.wrong("template.revisionSuffix", f"{revision} has over {checks.LONGEST_REVISION} characters")
        if new and revision in kept.revisions:
            raise checks.wrong("template.revisionSuffix", f"Revision with suffix {suffix} already exists.")
        configuration = properties.get("configuration") or {}
        active = {one for one, about in kept.revisions.items() if about["active"]} | ({revision} if new else set())
        if ingress := configuration.get("ingress"):
            checks.traffic(ingress, active)
        kept.desired = body
        properties["provisioningState"] = "InProgress"
        self.kept[name] = kept

        def finish() -> Any:
            if self.kept.get(name) is not kept:
                raise missing(name)
            return self._through(name, kept, revision if new else "")

        return self.operations.begin(
            call, name, finish, body=self._shown(kept), status=status, asynchronous=asynchronous
        )

    def _through(self, name: str, kept: Kept, revision: str) -> dict[str, Any]:
        properties = kept.desired["properties"]
        properties["provisioningState"] = "Succeeded"
        if revision:
            template = copy.deepcopy(properties["template"])
            about = {"template": template, "active": True, "createdTime": stamp()}
            try:
                self.pulled(kept.desired, template)
            except Refused:
                properties["provisioningState"] = "Failed"
                raise
            kept.revisions[revision] = about
            properties["latestRevisionName"] = properties["latestReadyRevisionName"] = revision
            if (properties.get("configuration") or {}).get("activeRevisionsMode", "Single") == "Single":
                for other, one in kept.revisions.items():
                    one["active"] = other == revision
        ingress = (properties.get("configuration") or {}).get("ingress")
        kept.serving = []
        for target in (ingress.get("traffic") or [{"latestRevision": True, "weight": 100}]) if ingress else ():
            chosen = target.get("revisionName") or properties["latestReadyRevisionName"]
            kept.serving.append((chosen, target.get("weight") or 0))
        return self._shown(kept)

    def pulled(self, resource: dict[str, Any], template: dict[str, Any]) -> None:
        """Refused where the image is not there, or not for whom the registry is asked as."""
        image = template["containers"][0]["image"]
        for registry in (resource["properties"].get("configuration") or {}).get("registries") or ():
            server, identity = registry["server"], registry.get("identity") or ""
            if image.startswith(f"{server}/") and not self.pulls(identity, server.partition(".")[0]):
                raise checks.wrong("template.containers.image", f"UNAUTHORIZED: {identity} may not read {image!r}")
        checks.pulled(image)

    def _turn(self, call: Call, *, active: bool) -> Reply:
        with self.lock:
            self._settled(call.path["app"])
            kept = self._find(call.path["app"])
            revision = call.path["revision"]
            if revision not in kept.revisions:
                raise missing(revision)
            if not active and dict(kept.serving).get(revision):
                raise checks.wrong("revision", f"Revision {revision} has traffic and cannot be deactivated")
            kept.revisions[revision]["active"] = active
            if not active and (running := kept.instances.pop(revision, None)):
                self._end({revision: running}, "the revision is not active")
        return Reply(None, 200)

    def _settled(self, name: str) -> None:
        self.operations.settle()
        if self.operations.busy(name):
            raise conflict(
                f"Cannot modify a container app '{name}' because there is an operation in progress.",
                "ContainerAppOperationInProgress",
            )

    def _find(self, name: str) -> Kept:
        if name not in self.kept:
            raise missing(f"{APPS}/{name}")
        return self.kept[name]

    def _shown(self, kept: Kept) -> dict[str, Any]:
        found = copy.deepcopy(kept.desired)
        if ingress := (found["properties"].get("configuration") or {}).get("ingress"):
            ingress["fqdn"] = self.host(kept)
        return found

    def _revision(self, kept: Kept, name: str) -> dict[str, Any]:
        about = kept.revisions[name]
        properties = {
            **copy.deepcopy(about), "trafficWeight": dict(kept.serving).get(name, 0),
            "provisioningState": "Provisioned", "replicas": 0,
            "fqdn": self.host(kept, name), "healthState": "Healthy", "runningState": "Running",
        }  # fmt: skip
        return {
            "id": f"{kept.desired['id']}/revisions/{name}", "name": name, "type": f"{APPS}/revisions",
            "properties": properties,
        }  # fmt: skip

    def host(self, kept: Kept, revision: str = "") -> str:
        environment = self.environments[kept.desired["properties"]["environmentId"]]
        return f"{revision or kept.desired['name']}.{environment['properties']['defaultDomain']}"

    # What runs

    def instances(self, name: str, revision: str) -> Instances | None:
        """Of a revision; None where it is gone or not active. The lock is taken here."""
        with self.lock:
            kept = self.kept.get(name)
            about = kept.revisions.get(revision) if kept else None
            if kept is None or about is None or not about["active"]:
                return None
            if revision not in kept.instances:
                kept.instances[revision] = self._made(name, revision, kept, about["template"])
            return kept.instances[revision]

    def _made(self, name: str, revision: str, kept: Kept, template: dict[str, Any]) -> Instances:
        given, scale = template["containers"][0], template.get("scale") or {}
        rules = [rule["http"]["metadata"] for rule in scale.get("rules") or () if rule.get("http")]
        at_once = int(rules[0].get("concurrentRequests", "10")) if rules else 10
        most = scale.get("maxReplicas") or 10
        # One replica is given whatever comes; only past it does the number of replicas follow the calls.
        shape = Shape(container(given), at_once if most > 1 else NO_LIMIT, most, SECONDS)
        replica = f"{revision}-{uuid4().hex[:10]}"

        def printed(text: str, time: str) -> None:
            self._log.printed(
                text, time, ContainerAppName_s=name, RevisionName_s=revision, ContainerGroupName_s=replica,
                ContainerName_s=given["name"], Stream_s="stdout",
            )  # fmt: skip

        def environment(port: int) -> dict[str, str]:
            return {
                **self._identity.environment(principal(kept.desired)), "PORT": str(port), "TOOLKIT_BIND": "127.0.0.1",
                "CONTAINER_APP_NAME": name, "CONTAINER_APP_REVISION": revision, "CONTAINER_APP_REPLICA_NAME": replica,
            }  # fmt: skip

        return Instances(shape, self._home, self._reaper, printed, environment)

    def _end(self, running: dict[str, Instances], why: str) -> None:
        for instances in running.values():
            threading.Thread(target=instances.close, args=(why,), daemon=True).start()

    def close(self) -> None:
        with self.lock:
            running = [instances for kept in self.kept.values() for instances in kept.instances.values()]
        close_all(running, "the emulator ends")


def container(given: dict[str, Any]) -> Container:
    """What it starts, of a template's container."""
    memory = round(float((given.get("resources") or {"memory": "1Gi"})["memory"].removesuffix("Gi")) * 1024)
    env = {one["name"]: one.get("value", "") for one in given.get("env") or ()}
    return Container(tuple(given.get("args") or ()), env, memory)


def principal(resource: dict[str, Any]) -> str:
    """Who it runs as: the identity that it was given."""
    held = (resource.get("identity") or {}).get("userAssignedIdentities") or {}
    return next(iter(held), f"{resource['id']}/system")
