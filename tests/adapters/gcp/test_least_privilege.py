"""Every port used as the accounts that an operator makes, on a server that enforces what they were granted: what each
has to do works, what it must not do is refused, and nobody is granted what nobody used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import requests

from tests.adapters.gcp import google
from tests.support import HERE
from toolkit.adapters.gcp.alerts import open_alerts
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.doctor import check
from toolkit.adapters.gcp.functions import open_functions
from toolkit.adapters.gcp.grants import POWERS, Site, roles
from toolkit.adapters.gcp.jobs import open_jobs
from toolkit.adapters.gcp.metrics import open_metrics
from toolkit.adapters.gcp.names import Names
from toolkit.adapters.gcp.schedules import open_schedules
from toolkit.adapters.gcp.secrets import open_secrets
from toolkit.adapters.gcp.store import open_store
from toolkit.adapters.gcp.watches import open_watches
from toolkit.domain import times
from toolkit.domain.errors import PermissionDenied
from toolkit.domain.newdata import WatchSpec
from toolkit.domain.specs import Alert, FunctionSpec, MetricPoint, ScheduleSpec
from toolkit.ports import Settings
from toolkit.ports.checks import Asked
from toolkit.ports.store import CREATE, OVERWRITE
from toolkit.testing.functions import bundle_into
from toolkit.testing.jobs import probe

CODE = b"def handler(event, context):\n    return {'statusCode': 200, 'body': 'x'}\n"
# Granted, and asked for by Google only or by what is not played here; each with who asks.
ELSEWHERE = {
    "artifactregistry.repositories.downloadArtifacts": "docker pull, and Cloud Run when it is deployed to",
    "artifactregistry.repositories.uploadArtifacts": "docker push",
    "artifactregistry.tags.create": "docker push",
    "artifactregistry.tags.get": "docker push",
    "artifactregistry.tags.list": "docker push",
    "artifactregistry.versions.get": "docker push",
    "artifactregistry.repositories.get": "docker push, whether the repository is there",
    "cloudscheduler.jobs.fullView": "Cloud Scheduler, for the body of a job",
    "run.routes.invoke": "a service's front, for the caller's ID token",
    "run.revisions.get": "Cloud Run, when traffic is moved to a revision",
    "resourcemanager.projects.get": "testIamPermissions",
    "serviceusage.services.list": "services:batchGet, of several",
    "pubsub.subscriptions.get": "Pub/Sub, when a subscription is changed",
    "secretmanager.secrets.get": "Secret Manager, when a version is added",
}


@pytest.fixture(scope="module")
def settings() -> Settings:
    found = google.prepared()
    return {**found, "topics": [f"projects/emulated-project/topics/{Names(found['stem']).topic}"]}


@pytest.fixture(scope="module")
def function(settings: Settings) -> Iterator[FunctionSpec]:
    """Deployed by the deployer."""
    bundle, key = bundle_into(open_store(settings))({"app.py": CODE})
    fields: dict[str, Any] = {"runtime": HERE, "tags": {"role": "drift-check", "t": settings["stem"]}}
    spec = FunctionSpec(name=f"{settings['stem']}-check", bundle=bundle, bundle_key=key, **fields)
    with acting(settings, "deployer"):
        functions = open_functions(settings)
        functions.route(spec.name, {functions.publish(spec): 1.0})
    yield spec
    open_functions(settings).delete(spec.name)


def acting(settings: Settings, role: str) -> Any:
    return google.acting(Names(settings["stem"]).account(role, "emulated-project"))


@pytest.mark.slow
def test_the_deployer_deploys_looks_and_cleans_up(settings: Settings, function: FunctionSpec) -> None:
    with acting(settings, "deployer"):
        functions, schedules, watches = open_functions(settings), open_schedules(settings), open_watches(settings)
        schedules.put(ScheduleSpec(name="s", expression="0 0 29 2 *", function=function.name))
        schedules.put(ScheduleSpec(name="s", expression="0 0 29 2 *", function=function.name, enabled=False))
        schedules.put(ScheduleSpec(name="s", expression="0 0 29 2 *", function=function.name))
        assert [spec.name for spec in schedules.list()] == [schedules.get("s").name]
        for prefix in ("data/", "other/"):
            watches.put(WatchSpec(name="w", prefix=prefix, function=function.name))
        assert [spec.name for spec in watches.list()] == ["w"]
        functions.event(function.name, {}, wait=False)
        list(functions.logs(function.name))
        old = functions.publish(msgspec.structs.replace(function, environment={"N": "1"}))
        new = functions.publish(msgspec.structs.replace(function, environment={"N": "2"}))
        functions.route(function.name, {new: 1.0})
        functions.remove_version(function.name, old)
        assert [state.name for state in functions.list({"t": settings["stem"]})] == [function.name]
        gone = msgspec.structs.replace(function, name=f"{settings['stem']}-gone")
        functions.publish(gone)
        functions.delete(gone.name)
        watches.delete("w")
        schedules.delete("s")


@pytest.mark.slow
def test_the_deployer_runs_jobs_keeps_secrets_and_measures(settings: Settings) -> None:
    with acting(settings, "deployer"):
        jobs, secrets, metrics, store = (
            open_jobs(settings), open_secrets(settings), open_metrics(settings), open_store(settings),
        )  # fmt: skip
        name = jobs.submit(probe("sleep=30", tags={"a": "b"})).name
        jobs.cancel(name)
        list(jobs.logs(name))
        assert [status.name for status in jobs.list({"a": "b"})] == [name]
        failing = jobs.submit(probe("exit=3")).name
        list(jobs.logs(failing, follow=True))
        assert jobs.status(failing).exit_code == 3
        jobs.delete(failing)
        for value in ("one", "two"):
            secrets.put("name", value)
        assert (secrets.get("name"), list(secrets.list())) == ("two", ["name"])
        secrets.delete("name")
        metrics.record([MetricPoint(name="a.b", value=1, time=times.now())])
        assert list(metrics.query("a.b", since="2026-01-01"))
        assert open_alerts(settings).publish(Alert(incident="i", state="open", title="t"))[0].ok
        store.put("journal/releases/prod/e/1.json", b"1", CREATE)
        store.put("cache/x", b"1", OVERWRITE)
        store.put("cache/x", b"2", OVERWRITE)
        store.delete("doctor/none")
        failed = [
            one for one in check(Asked(settings, "prod", frozenset({"store", "functions", "jobs"}))) if not one.ok
        ]
        assert failed == []


@pytest.mark.slow
def test_the_drift_check_moves_traffic_and_asks_for_a_retrain(settings: Settings, function: FunctionSpec) -> None:
    with acting(settings, "drift-check"):
        functions, schedules, jobs = open_functions(settings), open_schedules(settings), open_jobs(settings)
        version = functions.observe(function.name).versions[-1]
        functions.route(function.name, {version: 1.0})
        schedules.put(ScheduleSpec(name="rollout", expression="0 0 29 2 *", function=function.name))
        schedules.delete("rollout")
        name = jobs.submit(probe("exit=0", tags={"step": "retrain"})).name
        assert jobs.status(name).name == name
        with pytest.raises(PermissionDenied, match="actAs"):
            jobs.submit(probe("exit=0"))  # as the account of jobs: that is the retrain's to start
        assert open_alerts(settings).publish(Alert(incident="i", state="open", title="t"))[0].ok
        open_metrics(settings).record([MetricPoint(name="c.d", value=1, time=times.now())])
        store = open_store(settings)
        store.put("reports/x", b"1", CREATE)
        store.put("leases/x", b"1", OVERWRITE)
        store.put("profiles/x", b"1", CREATE)
        store.delete("profiles/x")
        for key in ("reports/x", "journal/x"):
            with pytest.raises(PermissionDenied, match=r"storage\.objects\.delete"):
                store.delete(key)
        with pytest.raises(PermissionDenied, match=r"secretmanager\.versions\.access"):
            open_secrets(settings).get("name")


@pytest.mark.slow
def test_the_retrain_deploys_and_makes_nothing_new(settings: Settings, function: FunctionSpec) -> None:
    with acting(settings, "retrain"):
        functions = open_functions(settings)
        version = functions.publish(msgspec.structs.replace(function, environment={"N": "retrained"}))
        functions.route(function.name, {version: 1.0})
        name = open_jobs(settings).submit(probe("exit=0")).name
        assert name
        with pytest.raises(PermissionDenied, match=r"run\.services\.create"):
            functions.publish(msgspec.structs.replace(function, name="another"))
        with pytest.raises(PermissionDenied, match=r"run\.services\.delete"):
            functions.delete(function.name)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["job", "inference", "scheduler"])
def test_who_runs_code_of_a_person_or_answers_requests_reaches_nothing(settings: Settings, role: str) -> None:
    with acting(settings, role):
        with pytest.raises(PermissionDenied, match=r"run\.services\.list"):
            list(open_functions(settings).list())
        with pytest.raises(PermissionDenied, match=r"run\.jobs\."):
            open_jobs(settings).submit(probe("exit=0"))
        with pytest.raises(PermissionDenied, match="secretmanager"):
            open_secrets(settings).put("name", "value")
        crm = Api("cloudresourcemanager.googleapis.com", "v3", google.address())
        with pytest.raises(PermissionDenied, match=r"resourcemanager\.projects\.setIamPolicy"):
            crm.call("take over", "POST", "projects/emulated-project:setIamPolicy", {"policy": {}})


@pytest.mark.slow
def test_nobody_changes_policies_roles_or_accounts(settings: Settings) -> None:
    own = Names(settings["stem"])
    iam = Api("iam.googleapis.com", "v1", google.address())
    with acting(settings, "deployer"):
        wide = {"includedPermissions": ["storage.objects.delete"]}
        path = f"projects/emulated-project/roles/{own.power('create')}"
        with pytest.raises(PermissionDenied, match=r"iam\.roles\.update"):
            iam.call("widen", "PATCH", path, wide, {"updateMask": "includedPermissions"})
        with pytest.raises(PermissionDenied, match=r"iam\.serviceAccounts\.create"):
            iam.call("make", "POST", "projects/emulated-project/serviceAccounts", {"accountId": "another-one"})


@pytest.mark.slow
def test_no_grant_that_nothing_used(settings: Settings) -> None:
    """After the stories above: every permission of a power was asked of an account that has it."""
    used = requests.get(f"{google.address()}/emulator/permissions", timeout=10).json()
    own = Names(settings["stem"])
    seen = {permission for account, permission in used if account.startswith(own.stem[:20])}
    site = Site(own.stem, "emulated-project", "1", "europe-west1", settings["bucket"], settings["prefix"])
    given = {one for grants in roles(site).values() for grant in grants for one in POWERS[grant.power].permissions}
    assert given - seen - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) <= given - seen, "what is excused is granted, and nobody saw it asked for"
