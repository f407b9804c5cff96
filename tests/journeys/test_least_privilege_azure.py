"""The lifecycle with the role assignments that bootstrap makes and no other, on a server that enforces them; and none
that it could do without.

Functions and jobs really run as their identities; `toolkit ...` is the deployer's. What was allowed is recorded by the
server: assignment, action, and which folder of its condition. Nothing may be refused on the way, not even where a
refusal is not said, and every action of every power, every assignment and every folder has to have been needed.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.azure import microsoft
from tests.journeys.least_privilege import DRIFTED, Stage, play, require_no_training_data, write_project
from tests.support import Shell
from toolkit.adapters.azure import grants
from toolkit.adapters.azure.client import Api
from toolkit.adapters.azure.names import ROLES, Names
from toolkit.adapters.azure.operator.bootstrap import AzureOperator
from toolkit.adapters.azure.operator.things import Place, own_id
from toolkit.adapters.azure.settings import EMULATED_SUBSCRIPTION
from toolkit.domain.errors import AlreadyExists, PermissionDenied
from toolkit.domain.newdata import WatchSpec
from toolkit.domain.specs import HttpRequest
from toolkit.lifecycle import naming
from toolkit.ports.store import CREATE, OVERWRITE
from toolkit.testing.jobs import probe

DEPLOYER = "dddddddd-0000-4000-8000-000000000001"
CONFIG = """
[serve]
python = "{python}"
replay = true

[targets.prod]
provider = "azure"
[targets.prod.azure]
emulator = "azure"
emulator_address = "{address}"
resource_group = "{group}"
container = "{group}"
stem = "{group}"
deployer = "{deployer}"
"""
TAGS = {"managed-by": "toolkit", "project": "churn", "target": "prod"}
LARGE = "blobs/large"
ENDED = {"succeeded", "failed", "cancelled", "timeout", "lost"}
ELSEWHERE = {"push": "docker push, which the registry asks for"}  # powers that nothing here is asked for


@dataclass
class AzureStage(Stage):
    group: str
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def within(self) -> str:
        return f"/subscriptions/{EMULATED_SUBSCRIPTION}/resourceGroups/{self.group}/providers"

    @property
    def place(self) -> Place:
        return AzureOperator(self.settings(), TAGS)._place

    def principal(self, role: str) -> str:
        """The id of a role's identity, or the object id of who deploys."""
        name = Names(self.group, EMULATED_SUBSCRIPTION).identity(role) if role in ROLES else ""
        return f"{self.within}/Microsoft.ManagedIdentity/userAssignedIdentities/{name}" if name else DEPLOYER

    def settings(self) -> dict[str, Any]:
        return dict(self.opened().bindings["store"].settings)

    def call(self, path: str, body: Any) -> None:
        """The inference function over its URL, by the deployer; it runs as its own identity."""
        with self.acting("deployer"):
            ctx = self.opened()
            headers = {"content-type": "application/json", "x-toolkit-flush": "now"}
            asked = HttpRequest(method="POST", path=path, headers=headers, body=json.dumps(body).encode())
            answer = ctx.functions.request(naming.function_name(ctx, "inference"), asked)
            assert answer.status == 200, answer.body
            self.told = json.loads(answer.body)

    def serve(self) -> None:
        self.call("/predict", {"records": [DRIFTED] * 600})
        label = {"id": self.told["predictions"][0]["id"], "label": "no"}
        self.call("/feedback", {"feedback": [label]})

    def tick(self) -> None:
        with self.acting("deployer"):
            ctx = self.opened()
            event = {"source": "toolkit.schedule", "time": ctx.clock(), "endpoint": "churn"}
            answer = ctx.functions.event(naming.function_name(ctx, "drift-check"), event)
        assert answer["report"]["verdict"] == "drift", answer["report"]
        assert answer["retrain"]

    def retrain(self) -> None:
        with self.acting("deployer"):
            jobs, deadline = self.opened().jobs, time.monotonic() + 300
            (job,) = jobs.list({"step": "retrain"})
            while job.state not in ENDED:
                assert time.monotonic() < deadline
                time.sleep(0.2)
                job = jobs.status(job.name)
            assert job.state == "succeeded", "\n".join(line.text for line in jobs.logs(job.name))

    def from_the_bucket(self) -> None:
        self.call("/predict", {"records": [DRIFTED]})

    def particulars(self) -> None:
        _particulars(self)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, module_shell: Shell) -> AzureStage:
    folder, group = tmp_path_factory.mktemp("proof"), f"churn-{uuid4().hex[:8]}"
    made = AzureStage(folder, module_shell, lambda role: microsoft.acting(made.principal(role)), group)
    table = CONFIG.format(
        python="{}.{}".format(*sys.version_info[:2]), address=microsoft.address(), group=group, deployer=DEPLOYER
    )
    write_project(made, table)
    module_shell.ok("bootstrap -t prod --yes", folder)
    _told_by_bootstrap(made)
    return made


def _told_by_bootstrap(stage: AzureStage) -> None:
    """The lines that it prints at its end, written into the target's table."""
    operator = AzureOperator(
        {**stage.settings(), "topics": [], "workspace": "", "ingestion": "", "rule": ""},
        TAGS,
    )
    lines = [line.partition(" in [")[0] for line in operator.next() if " in [targets" in line]
    assert len(lines) == 4
    config = stage.folder / "toolkit.toml"
    config.write_text(config.read_text() + "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def played(stage: AzureStage) -> AzureStage:
    play(stage, stage)
    stage.told = microsoft.permissions()
    return stage


def _particulars(stage: AzureStage) -> None:
    """What the story does not come to: large files, a job that is stopped, a secret that was deleted, lost replies."""
    large = stage.folder / "large"
    large.write_bytes(bytes(range(256)) * 40_000)  # more than goes up in one request
    for role in ("job", "retrain", "deployer"):
        with stage.acting(role):
            stage.opened().store.upload(f"{LARGE}-{role}", large, CREATE)
    with stage.acting("inference"):
        for folder in ("captures", "feedback", "profiles", "service"):
            _write_twice(stage.opened().store, f"{folder}/prod/churn/1")
    for role in ("deployer", "retrain"):
        with stage.acting(role):
            jobs = stage.opened().jobs
            jobs.cancel(jobs.submit(probe("sleep=30")).name)
    for role in ("drift-check", "retrain"):
        with stage.acting(role):
            _route_to_everybody_and_back(stage.opened())
    _watch_and_clean_up(stage)
    _restore_a_secret(stage)
    with stage.acting("deployer"):  # a schedule's own identity hands it over
        ctx = stage.opened()
        ctx.functions.event(naming.function_name(ctx, "drift-check"), {"source": "toolkit.probe"}, wait=False)


def _write_twice(store: Any, key: str) -> None:
    """As somebody whose first reply was lost: who may only create has to be told that it is there."""
    store.put(key, b"1", CREATE)
    with pytest.raises(AlreadyExists):
        store.put(key, b"1", CREATE)


def _route_to_everybody_and_back(ctx: Any) -> None:
    """A rollout may be to a version that another may call."""
    name = naming.function_name(ctx, "inference")
    weights = ctx.functions.observe(name).weights
    public = next(version for version, mark in ctx.functions._marks(name).items() if mark["auth"] == "public")
    ctx.functions.route(name, {public: 1.0})
    ctx.functions.route(name, weights)


def _watch_and_clean_up(stage: AzureStage) -> None:
    with stage.acting("deployer"):
        ctx = stage.opened()
        name = naming.function_name(ctx, "inference")
        state = ctx.functions.observe(name)
        ctx.functions.remove_version(name, next(one for one in state.versions if one not in state.weights))
        ctx.watches.put(WatchSpec(name="probe", prefix="data/", function=naming.function_name(ctx, "drift-check")))
        assert [one.name for one in ctx.watches.list()] == ["probe"]
        ctx.watches.delete("probe")


def _restore_a_secret(stage: AzureStage) -> None:
    with stage.acting("deployer"):
        stage.opened().secrets.put("restored", "one")
    vault = Api(f"{stage.settings()['vault']}.vault.azure.net", "2025-07-01", microsoft.address())
    vault.call("delete", "DELETE", f"/secrets/{stage.group}--restored")
    with stage.acting("deployer"):
        stage.opened().secrets.put("restored", "two")
        assert stage.opened().secrets.get("restored") == "two"


def used(stage: AzureStage, role: str, grant: grants.Grant) -> tuple[set[str], set[str]]:
    """The actions and the folders that an assignment was used for."""
    name = own_id(stage.place, role, grant.power, grant.on)
    found = [(action, like) for where, action, like in stage.told["used"] if where.endswith(f"/{name}")]
    folders = {like.removeprefix("churn/").removesuffix("/*") for _, like in found}
    return {action for action, _ in found}, folders


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_was_refused(played: AzureStage) -> None:
    """Not even where nobody is told: an alert or a metric that is not sent, a secret that is not purged."""
    refused = [one for one in played.told["refused"] if played.group in one[2] and not _in_blocks(*one)]
    assert refused == []


def _in_blocks(who: str, action: str, scope: str) -> bool:
    """How a large file is tried first."""
    return action.endswith("/blobs/write") and bool(re.search(rf"/({LARGE}-\w+|bundles/prod/\w+\.zip)$", scope))


@pytest.mark.slow
@pytest.mark.parametrize("role", [*ROLES, "deployer"])
def test_no_grant_is_spare(played: AzureStage, role: str) -> None:
    """Every action of every power was needed by who has it, and so was every folder of every condition."""
    spare = []
    for grant in grants.roles()[role]:
        actions, folders = used(played, role, grant)
        power = grants.POWERS[grant.power]
        unused = {*power.actions, *power.data} - actions if grant.power not in ELSEWHERE else set()
        spare += [f"{grant.power} on {grant.on}: {one}" for one in sorted(unused | set(grant.folders) - folders)]
    assert spare == []


@pytest.mark.slow
@pytest.mark.parametrize("power", ELSEWHERE)
def test_what_is_asked_for_elsewhere_is_granted_and_was_never_seen(played: AzureStage, power: str) -> None:
    (grant,) = (one for one in grants.roles()["deployer"] if one.power == power)
    assert used(played, "deployer", grant) == (set(), set())


@pytest.mark.slow
@pytest.mark.parametrize("role", ["deployer", "retrain", "job", "drift-check"])
def test_nobody_changes_the_journal(played: AzureStage, role: str) -> None:
    with played.acting(role):
        store = played.opened().store
        entry = next(iter(store.list("journal/")))
        with pytest.raises(PermissionDenied, match="AuthorizationPermissionMismatch"):
            store.delete(entry.key)
        with pytest.raises(PermissionDenied, match="AuthorizationPermissionMismatch"):
            store.put(entry.key, b"another", OVERWRITE)
        assert store.head(entry.key) == entry


@pytest.mark.slow
def test_who_answers_requests_reads_no_training_data(played: AzureStage) -> None:
    require_no_training_data(played)
    with played.acting("inference"), pytest.raises(PermissionDenied):
        list(played.opened().store.list("profiles/"))


@pytest.mark.slow
@pytest.mark.parametrize("role", ["inference", "job", "scheduler"])
def test_who_runs_code_of_a_person_or_answers_requests_reaches_nothing_else(played: AzureStage, role: str) -> None:
    with played.acting(role):
        ctx = played.opened()
        with pytest.raises(PermissionDenied, match=r"Microsoft\.App/containerApps/read") as denied:
            list(ctx.functions.list())
        assert "that identity needs Microsoft.App/containerApps/read" in denied.value.hint
        with pytest.raises(PermissionDenied, match=r"Microsoft\.App/jobs/read"):
            ctx.jobs.submit(probe("exit=0"))
        with pytest.raises(PermissionDenied, match="Forbidden") as denied:
            ctx.secrets.put("name", "value")
        assert "needs Microsoft.KeyVault/vaults/secrets/setSecret/action" in denied.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("role", ["retrain", "deployer"])
def test_nobody_gives_himself_more(played: AzureStage, role: str) -> None:
    definition = f"/subscriptions/{EMULATED_SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
    account = f"{played.within}/Microsoft.Storage/storageAccounts/{played.settings()['account']}"
    arm = Api("management.azure.com", "", microsoft.address())
    with played.acting(role):
        with pytest.raises(PermissionDenied, match=r"Microsoft\.Authorization/roleDefinitions/write"):
            arm.call("widen", "PUT", f"{definition}/{uuid4()}", {"properties": {}}, {"api-version": "2022-04-01"})
        with pytest.raises(PermissionDenied, match=r"Microsoft\.Storage/storageAccounts/write"):
            arm.call("open", "PUT", account, {"location": "x"}, {"api-version": "2026-09-01"})
