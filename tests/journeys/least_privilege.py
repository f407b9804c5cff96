"""The lifecycle with each part as its role: what the proofs of least privilege of the providers have in common.

A provider says how somebody acts as a role and how its functions and jobs are run (`Parts`); what is granted, what was
used and what is spare is asked by its own test.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.support import Shell, small_csv
from toolkit.bootstrap import open_context
from toolkit.domain.errors import NotFound, PermissionDenied
from toolkit.domain.specs import ScheduleSpec
from toolkit.lifecycle import deploy, find, naming, switch
from toolkit.state import keys
from toolkit.state.blobs import Blobs
from toolkit.state.journal import Entry, Journal

DRIFTED = {"months": 60, "plan": "pro", "spend": 900.0, "city": "Nice"}
KEPT = ("captures", "profiles", "service")  # folders of what lives as long as it may
FROM_THE_BUCKET = ("serve.model=bucket", "trust.require=false")
TRAINED_ON = ("blobs/", "datasets/", "journal/registry/")
JOURNALS = {"job": "registry/probe", "drift-check": "incidents/prod/probe"}


@dataclass
class Stage:
    """A project in `folder` with the target `prod`; all that is opened inside `acting(role)` calls as the role, of whom
    "" is the account's owner."""

    folder: Path
    shell: Shell
    acting: Callable[[str], AbstractContextManager[None]]

    def deployer(self, line: str, stdin: str = "") -> str:
        with self.acting("deployer"):
            return self.shell.ok(f"{line} -t prod", self.folder, stdin).out

    def opened(self, *overrides: str) -> Any:
        """A context, of whoever is acting."""
        return open_context(self.folder, target="prod", overrides=overrides)


class Parts(Protocol):
    def serve(self) -> None:
        """Drifted traffic to the inference function, as its role; it is flushed."""

    def tick(self) -> None:
        """The drift check, as its role: it finds the drift and asks for a retrain."""

    def retrain(self) -> None:
        """What it asked for, as its role, to its end."""

    def from_the_bucket(self) -> None:
        """An answer of the inference function, as its role, that has its model from there."""

    def particulars(self) -> None:
        """What the story does not come to."""


def write_project(stage: Stage, table: str) -> None:
    """`table` is the target's."""
    (stage.folder / "churn.csv").write_text(small_csv())
    stage.shell.ok("init --from churn.csv --label churned --name churn", stage.folder)
    config = stage.folder / "toolkit.toml"
    config.write_text(config.read_text().replace("max_drop = 0.01", "max_drop = 1.0") + table)


def play(stage: Stage, parts: Parts) -> None:
    """The whole lifecycle. That it passes is half of the proof."""
    with stage.acting("deployer"):
        stage.shell.run("doctor -t prod", stage.folder)  # it misses machines behind an emulator's queue
    stage.deployer("train")
    stage.deployer("promote --yes")
    stage.deployer("plan")
    stage.deployer("deploy --yes")
    assert "PREDICTION" in stage.deployer("invoke --sample 2")  # the real bundle, run by the server as its own role
    parts.serve()
    (stage.folder / "churn.csv").write_text(small_csv(rows=500))  # so that there is something to learn
    parts.tick()
    parts.retrain()
    with stage.acting("retrain"):  # by a newer toolkit than deployed it, say: every function is another one
        deploy.run(stage.opened("serve.memory=2Gi"))
    stage.deployer("deploy --yes --set serve.auth=public")
    stage.deployer("deploy --yes --set monitor.schedule='rate(6 hours)'")
    for line in ("status", "logs", "drift", "gc"):
        stage.deployer(line)
    _from_the_bucket(stage, parts)
    stage.deployer("rollback")
    stage.deployer("secrets set token", stdin="hidden\n")
    stage.deployer("secrets ls")
    stage.deployer("secrets rm token")
    _rare(stage)
    parts.particulars()
    stage.deployer("destroy --yes")


def _from_the_bucket(stage: Stage, parts: Parts) -> None:
    """The endpoint reads its model, and a rollout's tick would say which."""
    stage.deployer("deploy --yes " + " ".join(f"--set {setting}" for setting in FROM_THE_BUCKET))
    with stage.acting("deployer"):
        ctx = stage.opened(*FROM_THE_BUCKET)
        version = find.version(ctx, "champion")
        signature = f"signatures/{version.digest}/key-0001.json"
        ctx.store.put(signature, b"{}")
    with stage.acting("drift-check"):
        ctx = stage.opened(*FROM_THE_BUCKET)
        assert switch.announce(ctx, version, reason="proof")
        Blobs(ctx.store, keys.model_file).put(b"a file of another version")
    parts.from_the_bucket()
    with stage.acting("inference"):
        store = stage.opened().store
        assert store.get(signature).data == b"{}"
        for kept in ("cache/journal/releases/prod/none.json", "journal/releases/prod/churn/9999999999999999.json"):
            with pytest.raises(NotFound):
                store.get(kept)


def require_no_training_data(stage: Stage) -> None:
    """Who answers requests reads none."""
    with stage.acting("deployer"):
        kept = [next(iter(stage.opened().store.list(folder))).key for folder in TRAINED_ON]
    with stage.acting("inference"):
        for key in kept:
            with pytest.raises(PermissionDenied):
                stage.opened().store.get(key)


def _rare(stage: Stage) -> None:
    """What a longer life comes to: checkpoints of journals, a rollout, what has outlived its time."""
    for role, journal in JOURNALS.items():
        with stage.acting(role):
            _fill(Journal(stage.opened().store, journal))
    with stage.acting("drift-check"):  # a tick that finds the canary wanting
        ctx = stage.opened()
        state = ctx.functions.observe(naming.function_name(ctx, "inference"))
        ctx.functions.route(state.name, state.weights)
        for folder in KEPT:
            ctx.store.delete(f"{folder}/prod/churn/0")
        for folder in ("profiles", "service", "deadletter"):
            ctx.store.put(f"{folder}/prod/churn/0", b"")
    for role in ("drift-check", "retrain"):
        with stage.acting(role):
            _schedule_a_rollout(stage.opened())
    for role in ("deployer", "retrain"):
        with stage.acting(role):
            for key in ("cache/runs/part-0.bin", "tail/runs/0"):
                stage.opened().store.delete(key)
    with stage.acting("deployer"):
        for folder in KEPT:
            stage.opened().store.delete(f"{folder}/prod/churn/0")


def _fill(journal: Journal[tuple[Entry, ...]]) -> None:
    """As many entries as make a checkpoint."""
    for number in range(Journal.CHECKPOINT_EVERY + 1):
        journal.append(f"op-{number}", lambda _: {"type": "probe"}, actor="proof", time="2026-01-01T00:00:00Z")


def _schedule_a_rollout(ctx: Any) -> None:
    name = naming.function_name(ctx, "rollout")
    called = naming.function_name(ctx, "drift-check")
    for expression in ("rate(1 minute)", "rate(5 minutes)"):
        ctx.schedules.put(ScheduleSpec(name=name, expression=expression, function=called, tags=ctx.tags()))
    assert ctx.schedules.get(name).name == name
    ctx.schedules.delete(name)
