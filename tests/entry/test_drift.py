"""Events of the drift check, however often, in whatever order, at once: one run for each thing asked."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.lifecycle.shop import Shop, make_shop
from tests.lifecycle.test_deploy import SIGNATURE, tiny
from toolkit.domain import codec, times
from toolkit.domain.config import MonitorConfig, RetrainConfig
from toolkit.domain.errors import ToolkitError, Unavailable
from toolkit.domain.records import ModelManifest, Split
from toolkit.domain.specs import JobSpec, JobState, JobStatus, Runtime
from toolkit.entry import drift, job
from toolkit.lifecycle import deploy, destroy, monitor, naming, retrain, status
from toolkit.lifecycle.lock import exclusively
from toolkit.lifecycle.retrain import Turn
from toolkit.lifecycle.runtime import runtime
from toolkit.packaging import bundle
from toolkit.ports.context import Context
from toolkit.quality import baseline as baselines
from toolkit.quality.counter import Counter as Counting
from toolkit.state import deadletters, keys
from toolkit.state.blobs import Blobs
from toolkit.state.registry import Registry
from toolkit.state.triggers import Triggers

DAY = "2026-03-{:02d}T00:00:00Z"


class Jobs:
    """Carries a job out where it is submitted, once for each name; `dies` decides of an attempt's number."""

    def __init__(self, ctx: Context) -> None:
        self.ctx, self.lock = ctx, threading.Lock()
        self.started: dict[str, JobStatus] = {}
        self.turns: list[str] = []
        self.dies: Callable[[int], bool] = lambda number: False

    def turn(self, ctx: Context, reason: str, window: str) -> Turn:
        """What comes of a run, as far as anybody can see here."""
        self.turns.append(f"{reason} {window}")
        return Turn("stayed", "the champion is better", trained=True)

    def submit(self, spec: JobSpec) -> JobStatus:
        with self.lock:
            known = self.started.get(spec.name)
            if known is not None:
                return known
            self._is(spec.name, "running", None)
            number = len(self.started)
        told = msgspec.json.decode(spec.environment["TOOLKIT_RUNTIME"], type=Runtime)
        if self.dies(number):
            return self._is(spec.name, "out-of-memory", 137)
        try:
            code = job._retrain(self.ctx, {**told.values, "code": ""})
        except ToolkitError as error:
            code = error.exit_code
        return self._is(spec.name, "failed" if code else "succeeded", code)

    def _is(self, name: str, state: JobState, code: int | None) -> JobStatus:
        self.started[name] = JobStatus(id=name, name=name, state=state, exit_code=code)
        return self.started[name]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Deployed, with a baseline, told by its environment; `ctx.jobs` is `Jobs`, and a turn leaves a mark."""
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    shop = make_shop(tmp_path).configure(
        retrain=RetrainConfig(cooldown="0s", max_runs_per_month=10_000), monitor=MonitorConfig(window="1d", min_rows=50)
    )
    columns = {"a": [float(i % 50) for i in range(1000)]}
    baseline = baselines.build_baseline(columns, SIGNATURE.features, None, None, "binary", ("no", "yes"))
    manifest = ModelManifest(
        model="shop", signature=SIGNATURE, files={"profile": Blobs(shop.ctx.store).put(baseline.to_bytes())}, sizes={},
        metrics={}, dataset="shop", dataset_version="d", code="c", split=Split(),
    )  # fmt: skip
    registry, now = Registry(shop.ctx.store, "shop"), shop.ctx.clock()
    registry.register(Blobs(shop.ctx.store).put(codec.encode(manifest)), "run-1", {}, actor="ada", op="r", time=now)
    registry.move("champion", 1, actor="ada", op="m", time=now)
    deploy.run(shop.ctx)
    environment = runtime(shop.ctx, endpoint="shop", model="shop", config=True, values={"code": ""})
    told = msgspec.json.decode(environment["TOOLKIT_RUNTIME"], type=Runtime)
    monkeypatch.setattr(drift, "from_runtime", lambda: (shop.ctx, told))
    whole, made = shop.ctx.jobs, Jobs(shop.ctx)
    shop.ctx.__dict__["jobs"] = made
    monkeypatch.setattr(retrain, "_turn", made.turn)
    yield shop
    shop.ctx.__dict__["jobs"] = whole
    destroy.run(shop.ctx)


def jobs(shop: Shop) -> Jobs:
    found: Any = shop.ctx.jobs
    assert isinstance(found, Jobs)
    return found


def drifted(shop: Shop, day: int) -> None:
    """A day's traffic that is nothing like the baseline."""
    release = naming.releases(shop.ctx).current()
    assert release is not None
    manifest = codec.decode(Blobs(shop.ctx.store).get(release.model_digest), ModelManifest)
    counter = Counting(baselines.from_bytes(Blobs(shop.ctx.store).get(manifest.files["profile"])))
    counter.add_columns({"a": [900.0] * 300}, None)
    key = keys.profile("test", "shop", release.model_digest, DAY.format(day)[:11] + "05:00:00Z", f"{day:032x}")
    shop.ctx.store.put(key, counter.take() or b"")


def asking(do: str, time: str, **more: Any) -> dict[str, Any]:
    return {"source": "toolkit.schedule", "schedule": "s", "endpoint": "shop", "do": do, "time": time, **more}


def thousand() -> tuple[list[dict[str, Any]], set[str]]:
    """1,000 events of every kind, and the turns that have to come of them."""
    events: list[dict[str, Any]] = []
    turns = set()
    for number in range(800):
        reason = ("schedule", "new data", "labels", "by hand")[number % 4]
        day = 1 + number % 28
        moment = times.text(times.parse(DAY.format(day)))
        events.append(
            asking("retrain", DAY.format(day), reason=reason, id=f"wish {day}" if reason == "by hand" else "")
        )
        turns.add(f"by hand wish {day} {moment}" if reason == "by hand" else f"{reason} {moment}")
    for number in range(150):
        day = 2 + number % 8
        events.append(asking("check", DAY.format(day)))
        turns.add(f"drift {times.text(times.parse(DAY.format(day)))}")
    events += [asking("rollout", DAY.format(1 + number % 28)) for number in range(50)]
    return events, turns


@pytest.mark.timeout(120)
def test_a_thousand_events_often_shuffled_at_once_are_one_run_for_each_thing_asked(shop: Shop) -> None:
    for day in range(1, 9):
        drifted(shop, day)
    events, wanted = thousand()
    draw = random.Random(6)
    deliveries = [event for event in events for _ in range(draw.choice([1, 1, 1, 2, 5]))]
    deliveries += POISON * 3
    draw.shuffle(deliveries)
    jobs(shop).dies = lambda number: number % 9 == 3
    failed: list[BaseException] = []

    def deliver(part: list[Any]) -> None:
        for event in part:
            try:
                drift.on_event(event)
            except BaseException as error:
                failed.append(error)

    threads = [threading.Thread(target=deliver, args=(deliveries[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for _ in range(5):  # a job that found another at work, or died, waits for a tick
        drift.on_event(asking("check", DAY.format(2)))
    runs = Counter(jobs(shop).turns)
    assert set(runs) == wanted
    assert set(runs.values()) == {1}
    assert Triggers(shop.ctx.store, "shop").pending() == ()
    assert deadletters.count(shop.ctx.store, "test", "shop") == len(POISON)


POISON: list[Any] = [
    None,
    7,
    "check",
    [],
    ["do"],
    {},
    {"source": "elsewhere"},
    {"source": ["toolkit.schedule"]},
    {"source": "toolkit.schedule", "do": "drop table"},
    asking("check", "yesterday"),
    asking("check", "2026-03-01T00:00:00Z", since=12),
    {**asking("check", ""), "endpoint": "another"},
    {**asking("check", ""), "endpoint": {"of": "nobody"}},
    asking("retrain", ""),
    asking("retrain", "2026-03-01T00:00:00Z", reason="because"),
    asking("rollout", "", id={"deep": [[[[]]]]}),
    {"source": "toolkit.schedule", "time": 1e300},
]


@pytest.mark.parametrize("event", POISON, ids=str)
def test_poison_is_put_aside_once_a_day_and_shown(shop: Shop, event: Any) -> None:
    first = drift.on_event(event)
    assert first["why"]
    assert drift.on_event(event) == first
    found = status.run(shop.ctx)["dead_letters"]
    assert found["count"] == 1
    assert found["latest"][0]["why"] == first["why"]
    assert jobs(shop).turns == []


def test_a_store_that_fails_is_no_poison(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised, so that whoever sent it sends it again."""

    def fail(*arguments: Any, **more: Any) -> None:
        raise Unavailable("503")

    monkeypatch.setattr(monitor, "run", fail)
    with pytest.raises(Unavailable):
        drift.on_event(asking("check", DAY.format(3)))
    assert deadletters.count(shop.ctx.store, "test", "shop") == 0


def test_a_job_that_dies_is_submitted_again_and_given_up_after_so_many(shop: Shop) -> None:
    jobs(shop).dies = lambda number: True
    first = drift.on_event(asking("retrain", DAY.format(3)))
    assert (first["retrain"], len(jobs(shop).started)) == ("", drift.DEATHS)
    (trigger,) = Triggers(shop.ctx.store, "shop").recent()
    assert trigger.decision == "failed"
    assert "3 jobs died" in trigger.decided
    assert drift.on_event(asking("retrain", DAY.format(3)))["why"].startswith("decided already: failed")
    assert len(jobs(shop).started) == drift.DEATHS


def test_what_was_accepted_while_another_run_is_at_work_runs_when_that_has_ended(shop: Shop) -> None:
    with exclusively(shop.ctx, "retrain"):
        assert drift.on_event(asking("retrain", DAY.format(3)))["retrain"]
        drift.on_event(asking("check", DAY.format(3)))
        assert jobs(shop).turns == []
    drift.on_event(asking("check", DAY.format(3)))
    assert len(jobs(shop).turns) == 1


def test_of_two_ticks_at_once_one_acts(shop: Shop) -> None:
    with exclusively(shop.ctx, "rollout-tick"):
        assert drift.on_event(asking("rollout", ""))["rollout"] == {"skipped": "another tick is at work"}
    assert drift.on_event(asking("rollout", ""))["rollout"]["phase"] == "idle"


def test_a_refusal_costs_no_job(shop: Shop) -> None:
    shop.configure(retrain=RetrainConfig(cooldown="2d"))
    assert drift.on_event(asking("retrain", DAY.format(3)))["retrain"]
    refused = drift.on_event(asking("retrain", DAY.format(4)))
    assert (refused["retrain"], refused["why"].partition(":")[0]) == ("", "cooldown")
    assert len(jobs(shop).started) == 1


def test_hours_of_a_month_are_a_budget_too(shop: Shop) -> None:
    """A run that may take an hour counts with it until it has ended, then with what it took."""
    shop.configure(retrain=RetrainConfig(cooldown="0s", max_hours_per_month=1.5))
    jobs(shop).dies = lambda number: number == 1
    for day in (3, 4, 5):
        assert drift.on_event(asking("retrain", DAY.format(day)))["retrain"], "they took no time at all"
    shop.configure(retrain=RetrainConfig(cooldown="0s", max_hours_per_month=0.5))
    refused = drift.on_event(asking("retrain", DAY.format(6)))
    assert refused["why"] == "budget: 0.0 of 0.5 hours are spent in 2026-03, and a run may take 1"
    assert drift.on_event(asking("retrain", DAY.format(6), reason="by hand"))["retrain"], "people are not refused"


def test_retraining_has_a_schedule_of_its_own(shop: Shop) -> None:
    before = {spec.name for spec in shop.ctx.schedules.list()}
    shop.configure(retrain=RetrainConfig(schedule="rate(7 days)"))
    deploy.run(shop.ctx)
    name = naming.function_name(shop.ctx, "retrain")
    assert {spec.name for spec in shop.ctx.schedules.list()} - before == {name}
    spec = shop.ctx.schedules.get(name)
    answer = drift.on_event({"source": "toolkit.schedule", "schedule": name, "time": DAY.format(3), **spec.event})
    assert answer["retrain"]
    shop.configure(retrain=RetrainConfig())
    deploy.run(shop.ctx)
    assert {spec.name for spec in shop.ctx.schedules.list()} == before
