"""What an operator, a schedule and a watch ask of Google, once each, so that the emulator has seen it."""

from __future__ import annotations

from tests.adapters.gcp import google
from tests.support import until
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.doctor import check
from toolkit.adapters.gcp.names import Names
from toolkit.adapters.gcp.operator.bootstrap import open_operator
from toolkit.adapters.gcp.schedules import CloudSchedules
from toolkit.adapters.gcp.watches import StorageWatches
from toolkit.domain.newdata import WatchSpec
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports import Settings
from toolkit.ports.checks import Asked

HOSTS = {
    "cloudscheduler.googleapis.com", "pubsub.googleapis.com", "iam.googleapis.com", "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com", "cloudtasks.googleapis.com",
    "iamcredentials.googleapis.com",
}  # fmt: skip
METHODS = 40
NOWHERE = "http://127.0.0.1:9"
ROLE = {"includedPermissions": ["storage.objects.get"]}


class Schedules(CloudSchedules):
    def _url(self, function: str) -> str:
        return NOWHERE


class Watches(StorageWatches):
    def _url(self, function: str) -> str:
        return NOWHERE


def everything() -> None:
    settings = google.prepared(pipeline="someone/flights")
    _changed(settings)
    operator = open_operator(settings, {"managed-by": "toolkit", "project": settings["prefix"], "target": "test"})
    for action in operator.plan().changes:  # mends
        operator.carry_out(action)
    schedules, watches = Schedules(settings), Watches(settings)
    for enabled in (True, False, True):
        schedules.put(ScheduleSpec(name="s", expression="0 0 29 2 *", function="f", enabled=enabled))
    assert [spec.name for spec in schedules.list()] == ["s"]
    assert schedules.get("s").enabled
    for prefix in ("a/", "b/"):
        watches.put(WatchSpec(name="w", prefix=prefix, function="f"))
    watches.delete("w")
    schedules.delete("s")
    assert all(found.ok for found in check(Asked(settings, "test", frozenset({"store", "functions"}))))
    with google.acting(Names(settings["stem"]).account("deployer", "emulated-project")):
        pass


def _changed(settings: Settings) -> None:
    """By somebody else: so that mending it is seen, too."""
    own, iam = Names(settings["stem"]), Api("iam.googleapis.com", "v1", google.address())
    project = "projects/emulated-project"
    iam.call("narrow", "PATCH", f"{project}/roles/{own.power('create')}", ROLE, {"updateMask": "includedPermissions"})
    account = f"{project}/serviceAccounts/{own.account('job', 'emulated-project')}"
    said = {"serviceAccount": {"displayName": "somebody's"}, "updateMask": "displayName"}
    iam.call("rename", "PATCH", account, said)
    pubsub = Api("pubsub.googleapis.com", "v1", google.address())
    change = {"topic": {"labels": {"cost": "42"}}, "updateMask": "labels"}
    pubsub.call("label", "PATCH", f"{project}/topics/{own.topic}", change)
    registry = Api("artifactregistry.googleapis.com", "v1", google.address())
    where = f"{project}/locations/europe-west1/repositories/{own.repository}"
    registry.call("describe", "PATCH", where, {"description": "theirs"}, {"updateMask": "description"})
    pool = f"{project}/locations/global/workloadIdentityPools/{own.pool}"
    provider = f"{pool}/providers/github"
    for path in (pool, provider):
        iam.call("rename", "PATCH", path, {"displayName": "theirs"}, {"updateMask": "displayName"})
    until(lambda: [iam.get("look", path)["displayName"] for path in (pool, provider)] == ["theirs"] * 2)
