"""Every state operation under every fault at every store call, and under every pair of faults.

An operation is what a command does with fixed operation ids. When it dies or does not know its outcome it is run again
from nothing, as a person would run the command again. `check` then looks at the bucket as it is.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from toolkit.adapters.memory.store import MemoryStore, forget
from toolkit.domain import times
from toolkit.domain.errors import CommitUnknown, Locked, Throttled, Unavailable
from toolkit.domain.plan import Action
from toolkit.domain.records import Dataset, Release, RunEnd, RunSpec, Schema, Split
from toolkit.domain.specs import Delivery
from toolkit.ports.store import Store
from toolkit.state import audit, keys
from toolkit.state.blobs import Blobs
from toolkit.state.datasets import Datasets
from toolkit.state.incidents import Incidents
from toolkit.state.journal import Journal
from toolkit.state.leases import Leases
from toolkit.state.registry import Registry
from toolkit.state.releases import Releases
from toolkit.state.runs import Runs
from toolkit.state.triggers import Triggers
from toolkit.testing.faults import Crash, Fault, FaultyStore

FAULTS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.REPLY_LOST, Fault.UNAVAILABLE)
RUNS = 3  # a first run and at most two re-runs
NOW = "2026-01-01T00:00:00.000000Z"
WHO: dict[str, Any] = {"actor": "ann", "time": NOW}
_names = itertools.count()


def run_spec(run_id: str, **fields: Any) -> RunSpec:
    defaults: dict[str, Any] = {
        "model": "flights", "entry": "train:train", "code": "c" * 64, "environment": "", "dataset": "flights",
        "dataset_version": "d1", "label": "late", "split": Split(), "params": {"depth": 3}, "created": NOW,
    }  # fmt: skip
    return RunSpec(run_id=run_id, **{**defaults, **fields})


def run_end(run_id: str, **fields: Any) -> RunEnd:
    return RunEnd(run_id=run_id, **{"status": "succeeded", "ended": NOW, "metrics": {"auc": 0.9}, **fields})


def dataset(version: str, **fields: Any) -> Dataset:
    defaults: dict[str, Any] = {"schema": Schema(columns=()), "files": (), "rows": 1, "source": "a.csv", "created": NOW}
    return Dataset(name="flights", version=version, **{**defaults, **fields})


def release(version: int) -> Release:
    return Release(
        endpoint="flights", target="prod", model="flights", model_version=version, model_digest=f"{version}" * 64,
        bundle="b" * 64, function="f", function_version=str(version),
    )  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """`check(store, result, again)`: `again` is whether it took more than one run."""

    name: str
    prepare: Callable[[Store], object]
    act: Callable[[Store], Any]
    check: Callable[[Store, Any, bool], None]


class Counting:
    """A fold that counts what was applied, by operation."""

    name = "counting-1"
    type: Any = dict[str, int]

    def empty(self) -> dict[str, int]:
        return {}

    def apply(self, state: dict[str, int], entry: Any) -> dict[str, int]:
        return {**state, entry.op: state.get(entry.op, 0) + 1}


def _versions(count: int) -> Callable[[Store], None]:
    def prepare(store: Store) -> None:
        registry = Registry(store, "flights")
        for n in range(1, count + 1):
            registry.register(f"{n}" * 64, f"run-{n}", {"auc": n / 10}, op=f"register-{n}", **WHO)
            registry.move("champion", n, op=f"move-{n}", **WHO)

    return prepare


# What each operation does, and what must be true afterwards


def _append(store: Store) -> Any:
    journal = Journal(store, "things/a", Counting())
    return journal.append("mine", lambda state: {"n": len(state)}, **WHO)


def _appended(store: Store, entry: Any, again: bool) -> None:
    journal = Journal(store, "things/a", Counting())
    assert journal.state() == {"op-0": 1, "op-1": 1, "op-2": 1, "mine": 1}
    assert entry.body == {"n": 3}


def _prepare_journal(store: Store) -> None:
    journal = Journal(store, "things/a", Counting())
    for n in range(3):
        journal.append(f"op-{n}", lambda state: {}, **WHO)


def _registered(store: Store, version: Any, again: bool) -> None:
    registry = Registry(store, "flights")
    assert [v.version for v in registry.versions()] == [1, 2, 3]
    assert version == registry.version(3)


def _moved(store: Store, move: Any, again: bool) -> None:
    registry = Registry(store, "flights")
    assert (move.version, move.previous) == (1, 2)
    assert registry.aliases() == {"champion": 1}
    assert registry.previous("champion") == 2
    assert sum(entry.body["do"] == "move" for entry in registry.history()) == 3


def _rolled_back(store: Store, move: Any, again: bool) -> None:
    registry = Registry(store, "flights")
    assert (move.version, move.previous) == (2, 3)
    assert registry.aliases() == {"champion": 2}
    assert registry.previous("champion") == 1


ACTIONS = [Action(id=f"a{n}", kind="function", name="f", action="create", why="new") for n in (1, 2)]


def _apply(store: Store) -> Any:
    releases = Releases(store, "prod", "flights", actor="ann", clock=lambda: NOW)
    releases.intent("apply-1", ACTIONS[0])
    releases.result("apply-1", ACTIONS[0])
    return releases.record(release(2), op="apply-1/release")


def _applied(store: Store, recorded: Any, again: bool) -> None:
    releases = Releases(store, "prod", "flights")
    assert releases.pending() == ()
    assert (releases.current(), releases.previous()) == (release(2), release(1))
    kinds = [entry.body["do"] for entry in releases.entries()]
    assert kinds == ["release", "intent", "result", "release"]


def _request(store: Store) -> Any:
    triggers = Triggers(store, "flights")
    limits: dict[str, Any] = {"cooldown_seconds": 60, "max_per_month": 2}
    trigger = triggers.request("drift", "w2", actor="tick", time=NOW, **limits)
    if trigger.accepted and not trigger.run_id:
        triggers.attach(trigger, "run-9", actor="tick", time=NOW)
    return trigger


def _requested(store: Store, trigger: Any, again: bool) -> None:
    triggers = Triggers(store, "flights")
    assert triggers.pending() == ()
    newest = triggers.recent()[0]
    assert (newest.window, newest.accepted, newest.run_id) == ("w2", True, "run-9")
    assert len(triggers.recent()) == 2


def _prepare_trigger(store: Store) -> None:
    triggers = Triggers(store, "flights")
    trigger = triggers.request("drift", "w1", actor="tick", time="2025-12-01T00:00:00Z")
    triggers.attach(trigger, "run-8", actor="tick", time=NOW)


def _observe(store: Store) -> Any:
    incidents = Incidents(store, "prod", "flights")
    notice = incidents.observe("drift", True, title="drift", time=NOW, op="check-1")
    for pending in incidents.pending():
        incidents.delivered(pending, [Delivery(channel="log", ok=True)], time=NOW)
    return notice


def _prepare_incident(store: Store) -> None:
    incidents = Incidents(store, "prod", "flights")
    incidents.observe("latency", True, title="slow", time=NOW)
    for pending in incidents.pending():
        incidents.delivered(pending, [Delivery(channel="log", ok=True)], time=NOW)


def _observed(store: Store, notice: Any, again: bool) -> None:
    incidents = Incidents(store, "prod", "flights")
    assert {incident.name for incident in incidents.open()} == {"latency", "drift"}
    assert incidents.pending() == ()
    assert notice is not None
    assert [n.alert.incident for n in incidents.history()] == ["latency", "drift"]


def _lease(store: Store) -> Any:
    leases = Leases(store)
    lease = leases.acquire("deploy", "ann", 60)
    lease = leases.renew(lease)
    leases.require(lease)
    leases.release(lease)
    return lease


def _leased(store: Store, lease: Any, again: bool) -> None:
    assert Leases(store).current("deploy") is None
    assert lease.epoch >= 2
    if not again:
        assert lease.epoch == 2
    assert Leases(store).acquire("deploy", "bob", 60).epoch == lease.epoch + 1


def _prepare_lease(store: Store) -> None:
    leases = Leases(store)
    leases.release(leases.acquire("deploy", "zoe", 60))


def _saved(store: Store, saved: Any, again: bool) -> None:
    datasets = Datasets(store)
    assert saved == dataset("d2")
    assert datasets.latest("flights") == dataset("d2")
    assert [d.version for d in datasets.list("flights")] == ["d2", "d1"]
    entries = list(Journal(store, keys.datasets("flights")).entries())
    assert [entry.body["version"] for entry in entries] == ["d1", "d2"]


def _run(store: Store) -> Any:
    runs = Runs(store, clock=lambda: NOW)
    created = runs.create(run_spec("r1"))
    claimed = runs.claim("r1", "job-1")
    with runs.log("r1") as log:
        for n in (1, 2, 3):
            log.metric("loss", n, step=n)
    return created, claimed, runs.end(run_end("r1"))


def _ran(store: Store, result: Any, again: bool) -> None:
    created, claimed, end = result
    runs = Runs(store)
    assert claimed
    assert created or again
    assert end == run_end("r1")
    assert [(view.id, view.status) for view in runs.list()] == [("r1", "succeeded"), ("r0", "queued")]
    assert {point.value for point in runs.metrics("r1")["loss"]} == {1, 2, 3}
    if not again:
        assert [point.value for point in runs.metrics("r1")["loss"]] == [1, 2, 3]
    assert not runs.claim("r1", "job-2")


def _prepare_compact(store: Store) -> None:
    runs = Runs(store, clock=lambda: NOW)
    for n in range(3):
        runs.create(run_spec(f"r{n}", created=f"2026-01-0{n + 1}T00:00:00.000000Z"))
        if n < 2:
            runs.end(run_end(f"r{n}"))
        if n == 0:
            runs.compact(at_least=1)


def _compacted(store: Store, result: Any, again: bool) -> None:
    runs = Runs(store)
    assert [view.id for view in runs.list()] == ["r2", "r1", "r0"]
    assert [view.status for view in runs.list()] == ["queued", "succeeded", "succeeded"]
    assert [meta.key for meta in store.list(keys.RUN_TAIL)] == [keys.run_tail("r2")]
    assert runs.reindex() == 2
    assert [view.id for view in runs.search(where=[("metrics.auc", ">", 0.5)])] == ["r1", "r0"]


def _blob_kept(store: Store, name: Any, again: bool) -> None:
    assert Blobs(store).get(name) == b"model"


def _nothing(store: Store) -> None:
    pass


OPERATIONS = [
    Operation("journal append", _prepare_journal, _append, _appended),
    Operation(
        "register",
        _versions(2),
        lambda s: Registry(s, "flights").register("3" * 64, "run-3", {"auc": 0.3}, op="register-3", **WHO),
        _registered,
    ),
    Operation(
        "promote",
        _versions(2),
        lambda s: Registry(s, "flights").move("champion", 1, expect=2, op="promote-9", **WHO),
        _moved,
    ),
    Operation(
        "roll back",
        _versions(3),
        lambda s: Registry(s, "flights").rollback("champion", op="back-9", **WHO),
        _rolled_back,
    ),
    Operation(
        "apply", lambda s: Releases(s, "prod", "flights", clock=lambda: NOW).record(release(1)), _apply, _applied
    ),
    Operation(
        "trigger",
        _prepare_trigger,
        _request,
        _requested,
    ),
    Operation(
        "incident",
        _prepare_incident,
        _observe,
        _observed,
    ),
    Operation("lease", _prepare_lease, _lease, _leased),
    Operation(
        "save dataset", lambda s: Datasets(s).save(dataset("d1")), lambda s: Datasets(s).save(dataset("d2")), _saved
    ),
    Operation("run", lambda s: Runs(s).create(run_spec("r0", created="2025")), _run, _ran),
    Operation("compact", _prepare_compact, lambda s: Runs(s, clock=lambda: NOW).compact(at_least=1), _compacted),
    Operation("blob", _nothing, lambda s: Blobs(s).put(b"model"), _blob_kept),
]


def _later(time: str) -> str:
    return times.text(times.parse(time) + timedelta(hours=1))


@dataclass
class Outcome:
    """`calls`: what was asked of the store, over all runs; `violation` is empty when all is as it must be."""

    calls: int
    violation: str


class Enumeration:
    """All scenarios of one operation."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.scenarios = 0
        self.violations: list[str] = []
        source = self._fresh()
        operation.prepare(source)
        self._prepared = {meta.key: source.get(meta.key).data for meta in source.list()}
        forget(source.name)

    def all_faults(self) -> None:
        for plan in self._plans():
            outcome = self.run(plan)
            self.scenarios += 1
            if outcome.violation:
                self.violations.append(f"{self.operation.name} {plan}: {outcome.violation}")

    def _plans(self) -> Iterator[dict[int, Fault]]:
        yield {}
        for first in range(1, self.run({}).calls + 1):
            for fault in FAULTS:
                yield {first: fault}
                for second in range(first + 1, self.run({first: fault}).calls + 1):
                    yield from ({first: fault, second: other} for other in FAULTS)

    def run(self, plan: dict[int, Fault]) -> Outcome:
        store = self._fresh()
        for key, data in self._prepared.items():
            store.put(key, data)
        faulty = FaultyStore(store, plan)
        try:
            for attempt in range(RUNS):
                try:
                    result = self.operation.act(faulty)
                except (Crash, CommitUnknown, Unavailable, Throttled, Locked):
                    # Some time goes by until the command is run again: what a dead process holds has ended.
                    store.clock = functools.partial(str, _later(store.clock()))
                    continue
                self.operation.check(store, result, attempt > 0)
                findings = audit.verify(store)
                return Outcome(len(faulty.calls), str(findings) if findings else "")
            return Outcome(len(faulty.calls), f"not done after {RUNS - 1} re-runs")
        except Exception as error:
            return Outcome(len(faulty.calls), f"{type(error).__name__}: {error}")
        finally:
            forget(store.name)

    @staticmethod
    def _fresh() -> MemoryStore:
        return MemoryStore(f"crashes-{next(_names)}", clock=lambda: NOW)
