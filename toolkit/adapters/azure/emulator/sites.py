"""Azure Functions on Flex Consumption: plans, function apps, one deploy, and the worker that runs a package.

A package is what runs, from its own folder, by `sites_worker`. A deploy is taken at once and through after two looks;
the instances of the package before end with it. The host's front is here too: Easy Auth, as before container apps.
"""

from __future__ import annotations

import copy
import re
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from toolkit.adapters.azure.emulator import containerapps_checks
from toolkit.adapters.azure.emulator import sites_checks as checks
from toolkit.adapters.azure.emulator.arm_console import FUNCTIONS, ConsoleLogs
from toolkit.adapters.azure.emulator.arm_room import GROUP, id_of, listed
from toolkit.adapters.azure.emulator.containerapps import principal
from toolkit.adapters.azure.emulator.containerapps_front import admitted, known
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.operations import HOST, POLLS, RESULT, Operations
from toolkit.adapters.azure.emulator.refused import Refused, conflict, missing
from toolkit.adapters.azure.emulator.rest import Call, Handler, Method, Reply
from toolkit.adapters.azure.emulator.sites_plans import PLANS, Plans
from toolkit.adapters.azure.emulator.sites_shapes import LOGGED, TAGGED
from toolkit.adapters.azure.emulator.sites_timers import App, Timers
from toolkit.domain import times
from toolkit.execution.container.instances import Instances, Shape
from toolkit.execution.container.running import Container
from toolkit.execution.host import bundles
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.reaper import Reaper

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "2025-05-01"
PROVIDER = "Microsoft.Web"
SITES = f"{PROVIDER}/sites"
TAGS = "providers/Microsoft.Resources/tags/default"
LOGS = "providers/Microsoft.Insights/diagnosticSettings"
DOMAIN = "azurewebsites.net"
PATH = re.compile(rf"/([A-Za-z0-9-]+)\.{re.escape(DOMAIN)}(/.*)?")
WORKER = "toolkit.adapters.azure.emulator.sites_worker"
SECONDS = 230.0
NO_LIMIT = 1000
UNPACKED = 1024**3
PENDING, FAILED, SUCCESS = 0, 3, 4
DEPLOY_SECONDS = 1.0


@dataclass
class Kept:
    """`package` is the folder of what serves; `deployments`: id -> [state, why, looks, when it began]."""

    desired: dict[str, Any]
    guard: dict[str, Any] = field(default_factory=dict)
    package: Path | None = None
    deployments: dict[str, list[Any]] = field(default_factory=dict)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    instances: Instances | None = None
    logged: bool = False  # to Log Analytics
    app: App | None = None  # its triggers


class Sites:
    def __init__(self, address: str, home: Path, reaper: Reaper, identity: Identity, log: ConsoleLogs) -> None:
        self._home, self._reaper, self._identity, self._log = home, reaper, identity, log
        self._lock = threading.RLock()
        self._operations = Operations(PROVIDER, VERSION, self._lock)
        self._plans = Plans(self._lock, self._of_plan)
        self._kept: dict[str, Kept] = {}
        self._timers = Timers(self._apps)

    def resource(self, name: str) -> str:
        """Of an app, "" where there is none of this name."""
        with self._lock:
            kept = self._kept.get(name)
        return str(kept.desired["id"]) if kept else ""

    def methods(self) -> tuple[Method, ...]:
        from azure.mgmt.web import models

        site, plan, plans = f"{SITES}/{{site}}", f"{PLANS}/{{plan}}", self._plans
        guard = f"{site}/config/authsettingsV2"
        settings = f"{site}/config/appsettings"
        scm, publish = f"{{site}}.scm.{DOMAIN}", "/api/publish"
        return (
            Method("GET", HOST, RESULT.replace("{provider}", PROVIDER), self._operations.result, versions=(VERSION,)),
            _arm("PUT", plan, plans.put, models.AppServicePlan),
            _arm("GET", plan, plans.get),
            _arm("DELETE", plan, plans.delete),
            _arm("PUT", site, self.put, models.Site),
            Method("PATCH", HOST, f"{GROUP}/providers/{site}/{TAGS}", self.tag, TAGGED, versions=("2024-07-01",)),
            Method(
                "PUT",
                HOST,
                f"{GROUP}/providers/{site}/{LOGS}/{{setting}}",
                self.put_logs,
                LOGGED,
                versions=("2021-05-01-preview",),
            ),
            _arm("GET", site, self.get),
            _arm("GET", SITES, self.list, query=("$skiptoken",)),
            _arm("DELETE", site, self.delete),
            _arm("PUT", guard, self.put_guard, models.SiteAuthSettingsV2),
            _arm("GET", guard, self.get_guard),
            _arm("POST", f"{settings}/list", self.get_settings),
            _arm("PUT", settings, self.put_settings, models.StringDictionary),
            _arm("POST", f"{site}/syncfunctiontriggers", self.sync),
            Method("POST", scm, publish, self.publish, bytes, query=("!RemoteBuild", "Deployer")),
            Method("GET", scm, "/api/deployments/{deployment}", self.deployment),
        )

    # Apps

    def put(self, call: Call) -> Reply:
        name = call.path["site"]
        with self._lock:
            self._settled(name)
            there = self._kept.get(name)
            body = {**copy.deepcopy(call.body), "id": id_of(call, SITES, name), "name": name, "type": SITES}
            return self._change(call, name, there or Kept(body), body)

    def tag(self, call: Call) -> Reply:
        given, tags = call.body["operation"], dict(call.body["properties"].get("tags") or {})
        with self._lock:
            kept = self._find(call)
            before = kept.desired.get("tags") or {}
            if given == "Delete":
                tags = {name: value for name, value in before.items() if name not in tags}
            kept_tags = {**before, **tags} if given == "Merge" else tags
            containerapps_checks.tags(kept_tags)
            kept.desired["tags"] = kept_tags
            return Reply({"id": f"{kept.desired['id']}/{TAGS}", "name": "default", "properties": {"tags": kept_tags}})

    def get(self, call: Call) -> Reply:
        with self._lock:
            self._operations.settle()
            return Reply(_shown(self._find(call)))

    def list(self, call: Call) -> Reply:
        begin = id_of(call, SITES, "")
        with self._lock:
            self._operations.settle()
            found = [_shown(self._kept[name]) for name in sorted(self._kept)]
        return listed((one for one in found if one["id"].startswith(begin)), call)

    def delete(self, call: Call) -> Reply:
        name = call.path["site"]
        with self._lock:
            self._settled(name)
            if name not in self._kept:
                return Reply(None, 204)
            kept = self._kept.pop(name)
            self._log.forget("AppName", name, FUNCTIONS)
            if kept.app:
                kept.app.gone = True
            self._end(kept, kept.package)
        return Reply(None, 200)

    def put_guard(self, call: Call) -> Reply:
        checks.guard(call.body)
        with self._lock:
            kept = self._find(call)
            made = {"id": f"{kept.desired['id']}/config/authsettingsV2", "name": "authsettingsV2"}
            kept.guard = {**copy.deepcopy(call.body), **made, "type": f"{SITES}/config"}
            return Reply(kept.guard)

    def get_guard(self, call: Call) -> Reply:
        with self._lock:
            return Reply(self._find(call).guard)

    def put_logs(self, call: Call) -> Reply:
        """What the app prints from now on is in Log Analytics."""
        checks.logs(call.body)
        with self._lock:
            kept = self._find(call)
            kept.logged = any(one["enabled"] for one in call.body["properties"]["logs"])
            setting = call.path["setting"]
            return Reply({**copy.deepcopy(call.body), "id": f"{kept.desired['id']}/{LOGS}/{setting}", "name": setting})

    def get_settings(self, call: Call) -> Reply:
        with self._lock:
            return Reply(_settings(self._find(call)))

    def put_settings(self, call: Call) -> Reply:
        """All of them: what is not named is gone. The app starts anew, and its triggers are synced."""
        given = [{"name": name, "value": value} for name, value in (call.body.get("properties") or {}).items()]
        checks.settings(given)
        with self._lock:
            self._settled(call.path["site"])
            kept = self._find(call)
            config = kept.desired["properties"].get("siteConfig") or {}
            kept.desired["properties"]["siteConfig"] = {**config, "appSettings": given}
            self._end(kept, None)
            return Reply(_settings(kept))

    def sync(self, call: Call) -> Reply:
        with self._lock:
            self._stale(self._find(call))
        return Reply(None, 204)

    def _change(self, call: Call, name: str, kept: Kept, body: dict[str, Any]) -> Reply:
        checks.site(body, name)
        plan = str(body["properties"].get("serverFarmId", "")).lower()
        if plan not in self._plans:
            raise checks.wrong("serverFarmId", f"Cannot find ServerFarm with name {plan}")
        if [one for one in self._of_plan(plan) if one is not kept]:
            raise conflict("A Flex Consumption plan has one app.")
        restarts = body["properties"] != kept.desired["properties"]
        self._kept[name] = kept

        def finish() -> Any:
            kept.desired = body
            if restarts:
                self._end(kept, None)
            return _shown(kept)

        if kept.desired is body:  # new: it is there while it is being made
            kept.desired = body
        return self._operations.begin(call, name, finish, body=_shown(kept), status=202, asynchronous=False)

    def _of_plan(self, plan: str) -> tuple[Kept, ...]:
        """The apps of a plan, by its id in lower case."""
        self._operations.settle()
        ids = ((kept, kept.desired["properties"]["serverFarmId"].lower()) for kept in self._kept.values())
        return tuple(kept for kept, id_ in ids if id_ == plan)

    def _settled(self, name: str) -> None:
        self._operations.settle()
        if self._operations.busy(name):
            raise conflict(f"Cannot modify this site because another operation is in progress: {name}")

    def _find(self, call: Call) -> Kept:
        if (kept := self._kept.get(call.path["site"])) is None:
            raise missing(f"{SITES}/{call.path['site']}")
        return kept

    # One deploy

    def publish(self, call: Call) -> Reply:
        if call.header("content-type") != "application/zip":
            raise Refused(415, "UnsupportedMediaType", "The package is application/zip.")
        if call.query["RemoteBuild"].lower() != "false":
            raise checks.wrong("RemoteBuild", "here nothing is built: the package is whole")
        with self._lock:
            self._operations.settle()
            kept = self._find(call)
            self._settle(kept)
            if any(told[0] == PENDING for told in kept.deployments.values()):
                raise conflict("There is a deployment currently in progress.")
            number = str(uuid4())
            kept.deployments[number] = [PENDING, "", 0, time.monotonic()]
            kept.uploaded[number] = call.body
        return Reply(number, 202)

    def deployment(self, call: Call) -> Reply:
        with self._lock:
            kept = self._find(call)
            number = call.path["deployment"]
            if number not in kept.deployments:
                raise missing(number)
            told = kept.deployments[number]
            told[2] += 1
            self._settle(kept)
            return Reply({"id": number, "status": told[0], "status_text": told[1], "complete": told[0] != PENDING})

    def _settle(self, kept: Kept) -> None:
        """A deployment is through when it was looked at twice, and in the end without."""
        for number, told in kept.deployments.items():
            if told[0] == PENDING and (told[2] >= POLLS or time.monotonic() - told[3] > DEPLOY_SECONDS):
                python = kept.desired["properties"]["functionAppConfig"]["runtime"]["version"]
                data = kept.uploaded.pop(number)
                told[1] = checks.package(data, python)
                told[0] = FAILED if told[1] else SUCCESS
                if not told[1]:
                    self._through(kept, data)

    def _through(self, kept: Kept, data: bytes) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._home, prefix="package-"))
        (folder / "package.zip").write_bytes(data)
        bundles.unpack(folder / "package.zip", folder / "wwwroot", UNPACKED)
        (folder / "package.zip").unlink()
        self._end(kept, kept.package)
        kept.package = folder

    # Timer triggers

    def turn(self, seconds: float) -> None:
        """The clock of the timers is so much ahead, and what is then due was called."""
        self._timers.turn(seconds)

    def _apps(self) -> tuple[App, ...]:
        with self._lock:
            return tuple(kept.app for kept in self._kept.values() if kept.app)

    def _stale(self, kept: Kept) -> None:
        """Its triggers may be others now."""
        if kept.app is None:
            name = kept.desired["name"]

            def call(request: Request) -> Response | None:
                return instances.call(request) if (instances := self._instances(kept)) else None

            def told(text: str) -> None:
                if kept.logged:
                    self._log.told(text, times.now(), name, "host")

            kept.app = App(call, told)
        kept.app.stale = True

    # What runs

    def __call__(self, request: Request) -> Response | None:
        """The answer of an app, None where no app is asked."""
        found = PATH.fullmatch(request.path)
        if not found:
            return None
        with self._lock:
            kept = self._kept.get(found[1])
            guard: Mapping[str, Any] = (kept.guard.get("properties") or {}) if kept else {}
        if kept is None:
            return Response(404, (("content-type", "text/html"),), b"404 Web Site not found.")
        who, refused = admitted(self._identity, request, guard)
        if refused:
            return refused
        if not (instances := self._instances(kept)):
            return Response(404, (), b"")  # an app without functions
        query = f"?{request.query}" if request.query else ""
        path = found[2] or "/"
        if path.lower().startswith("/admin/"):  # the host's own, which wants the master key
            return Response(401, (), b"")
        headers = known(request.headers, who, guard)
        return instances.call(Request(request.method, f"{path}{query}", headers, request.body, request.peer))

    def _instances(self, kept: Kept) -> Instances | None:
        with self._lock:
            self._settle(kept)
            if kept.instances is None and kept.package:
                kept.instances = self._made(kept, kept.package)
            return kept.instances

    def _made(self, kept: Kept, package: Path) -> Instances:
        name, properties = kept.desired["name"], kept.desired["properties"]
        scale = properties["functionAppConfig"]["scaleAndConcurrency"]
        settings = {one["name"]: one["value"] for one in (properties.get("siteConfig") or {}).get("appSettings") or ()}
        at_once = ((scale.get("triggers") or {}).get("http") or {}).get("perInstanceConcurrency") or NO_LIMIT
        most = scale["maximumInstanceCount"]
        container = Container((WORKER, str(package / "wwwroot")), settings, scale["instanceMemoryMB"])
        # One instance is given whatever comes, as in Container Apps: its own limit is the application's.
        shape = Shape(container, at_once if most > 1 else NO_LIMIT, most, SECONDS)
        instance = uuid4().hex

        def environment(port: int) -> dict[str, str]:
            return {
                **self._identity.environment(principal(kept.desired)), "PORT": str(port),
                "WEBSITE_SITE_NAME": name, "WEBSITE_HOSTNAME": f"{name}.{DOMAIN}", "WEBSITE_INSTANCE_ID": instance,
                "FUNCTIONS_WORKER_RUNTIME": "python",
            }  # fmt: skip

        def printed(text: str, when: str) -> None:
            if kept.logged:
                self._log.told(text, when, name, instance)

        return Instances(shape, self._home, self._reaper, printed, environment)

    def _end(self, kept: Kept, package: Path | None) -> None:
        """Its instances end, and then `package` goes."""
        running, kept.instances = kept.instances, None
        self._stale(kept)

        def end() -> None:
            if running:
                running.close("the app is deployed anew, changed or deleted")
            if package:
                bundles.remove(package)
                shutil.rmtree(package, ignore_errors=True)

        if running or package:
            threading.Thread(target=end, name="end", daemon=True).start()

    def close(self) -> None:
        self._timers.close()
        with self._lock:
            running = [kept.instances for kept in self._kept.values() if kept.instances]
        closers = [threading.Thread(target=one.close, args=("the emulator ends",), daemon=True) for one in running]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(15)


def _shown(kept: Kept) -> dict[str, Any]:
    """Without the settings, which only `config/appsettings/list` shows."""
    found = copy.deepcopy(kept.desired)
    found["properties"].pop("siteConfig", None)
    name = found["name"]
    hosts = [f"{name}.{DOMAIN}", f"{name}.scm.{DOMAIN}"]
    found["properties"] |= {"state": "Running", "defaultHostName": hosts[0], "enabledHostNames": hosts}
    return found


def _settings(kept: Kept) -> dict[str, Any]:
    given = (kept.desired["properties"].get("siteConfig") or {}).get("appSettings") or ()
    made = {"id": f"{kept.desired['id']}/config/appsettings", "name": "appsettings", "type": f"{SITES}/config"}
    return {**made, "properties": {one["name"]: one["value"] for one in given}}


def _arm(verb: str, path: str, handler: Handler, body: Any = None, **more: Any) -> Method:
    return Method(verb, HOST, f"{GROUP}/providers/{path}", handler, body, versions=(VERSION,), **more)
