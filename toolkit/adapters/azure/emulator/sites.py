"""Azure Functions on Flex Consumption, as Azure Resource Manager and the world see it: plans, function apps, their
settings and deploys, and the host's front with Easy Auth, as before container apps. `sites_app` is what one app does.
"""

from __future__ import annotations

import copy
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.adapters.azure.emulator import containerapps_checks
from toolkit.adapters.azure.emulator import sites_checks as checks
from toolkit.adapters.azure.emulator.arm_console import FUNCTIONS, ConsoleLogs
from toolkit.adapters.azure.emulator.arm_room import GROUP, id_of, listed
from toolkit.adapters.azure.emulator.containerapps_front import admitted, known
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.operations import HOST, RESULT, Operations
from toolkit.adapters.azure.emulator.refused import Refused, conflict, missing
from toolkit.adapters.azure.emulator.rest import Call, Handler, Method, Reply
from toolkit.adapters.azure.emulator.sites_app import DOMAIN, FunctionApp
from toolkit.adapters.azure.emulator.sites_plans import PLANS, Plans
from toolkit.adapters.azure.emulator.sites_shapes import LOGGED, TAGGED
from toolkit.adapters.azure.emulator.sites_timers import App, Timers
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.reaper import Reaper

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "2025-05-01"
PROVIDER = "Microsoft.Web"
SITES = f"{PROVIDER}/sites"
TAGS = "providers/Microsoft.Resources/tags/default"
LOGS = "providers/Microsoft.Insights/diagnosticSettings"
PATH = re.compile(rf"/([A-Za-z0-9-]+)\.{re.escape(DOMAIN)}(/.*)?")


class Sites:
    def __init__(self, address: str, home: Path, reaper: Reaper, identity: Identity, log: ConsoleLogs) -> None:
        self._home, self._reaper, self._identity, self._log = home, reaper, identity, log
        self._lock = threading.RLock()
        self._operations = Operations(PROVIDER, VERSION, self._lock)
        self._plans = Plans(self._lock, self._of_plan)
        self._kept: dict[str, FunctionApp] = {}
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
            return self._change(call, name, there or self._new(body), body)

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
            return Reply(self._find(call).shown())

    def list(self, call: Call) -> Reply:
        begin = id_of(call, SITES, "")
        with self._lock:
            self._operations.settle()
            found = [self._kept[name].shown() for name in sorted(self._kept)]
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
            kept.end(kept.package)
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
            return Reply(self._find(call).settings())

    def put_settings(self, call: Call) -> Reply:
        """All of them: what is not named is gone. The app starts anew, and its triggers are synced."""
        given = [{"name": name, "value": value} for name, value in (call.body.get("properties") or {}).items()]
        checks.settings(given)
        with self._lock:
            self._settled(call.path["site"])
            kept = self._find(call)
            config = kept.desired["properties"].get("siteConfig") or {}
            kept.desired["properties"]["siteConfig"] = {**config, "appSettings": given}
            kept.end()
            return Reply(kept.settings())

    def sync(self, call: Call) -> Reply:
        with self._lock:
            self._find(call).stale()
        return Reply(None, 204)

    def _change(self, call: Call, name: str, kept: FunctionApp, body: dict[str, Any]) -> Reply:
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
                kept.end()
            return kept.shown()

        if kept.desired is body:  # new: it is there while it is being made
            kept.desired = body
        return self._operations.begin(call, name, finish, body=kept.shown(), status=202, asynchronous=False)

    def _new(self, desired: dict[str, Any]) -> FunctionApp:
        return FunctionApp(desired, self._home, self._reaper, self._identity, self._log, self._lock)

    def _of_plan(self, plan: str) -> tuple[FunctionApp, ...]:
        """The apps of a plan, by its id in lower case."""
        self._operations.settle()
        ids = ((kept, kept.desired["properties"]["serverFarmId"].lower()) for kept in self._kept.values())
        return tuple(kept for kept, id_ in ids if id_ == plan)

    def _settled(self, name: str) -> None:
        self._operations.settle()
        if self._operations.busy(name):
            raise conflict(f"Cannot modify this site because another operation is in progress: {name}")

    def _find(self, call: Call) -> FunctionApp:
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
            return Reply(self._find(call).publish(call.body), 202)

    def deployment(self, call: Call) -> Reply:
        with self._lock:
            return Reply(self._find(call).deployment(call.path["deployment"]))

    # Timer triggers

    def turn(self, seconds: float) -> None:
        """The clock of the timers is so much ahead, and what is then due was called."""
        self._timers.turn(seconds)

    def _apps(self) -> tuple[App, ...]:
        with self._lock:
            return tuple(kept.app for kept in self._kept.values() if kept.app)

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
        if not (instances := kept.instances()):
            return Response(404, (), b"")  # an app without functions
        query = f"?{request.query}" if request.query else ""
        path = found[2] or "/"
        if path.lower().startswith("/admin/"):  # the host's own, which wants the master key
            return Response(401, (), b"")
        headers = known(request.headers, who, guard)
        return instances.call(Request(request.method, f"{path}{query}", headers, request.body, request.peer))

    def close(self) -> None:
        self._timers.close()
        with self._lock:
            running = [kept.running for kept in self._kept.values() if kept.running]
        closers = [threading.Thread(target=one.close, args=("the emulator ends",), daemon=True) for one in running]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(15)


def _arm(verb: str, path: str, handler: Handler, body: Any = None, **more: Any) -> Method:
    return Method(verb, HOST, f"{GROUP}/providers/{path}", handler, body, versions=(VERSION,), **more)
