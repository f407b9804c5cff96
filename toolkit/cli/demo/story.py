"""The loop, step by step. Each step says what it did, how long it took, and what a user would type for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.bootstrap import local
from toolkit.cli.common import number
from toolkit.cli.demo import flights, traffic
from toolkit.domain.errors import GateFailed, ToolkitError
from toolkit.lifecycle import deploy, destroy, find, ingest, invoke, monitor, naming, promote, retrain, switch, train
from toolkit.ports.context import Context, Reporter

MODEL_UNTIL = "2013-04-01"  # the first model knows January to March
MONTHS = ("2013-04", "2013-05", "2013-06", "2013-07")


@dataclass
class Told:
    """What the demo reports: the `data` of `toolkit demo --json`."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    dataset: dict[str, Any] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)
    predictions_sha256: str = ""
    drift: dict[str, Any] = field(default_factory=lambda: {"verdict": "not checked"})
    rows: int = 0
    retrains: int = 0
    directory: str = ""
    seconds: float = 0.0


@dataclass
class Story:
    directory: Path
    open_context: Callable[[Path], Context]
    report: Reporter
    shuffled: bool = False
    keep: bool = False
    told: Told = field(default_factory=Told)
    replayed: traffic.Replay = field(default_factory=traffic.Replay)

    def tell(self) -> Told:
        """Run it all. A ToolkitError of any step ends the story (that step is in `told.steps` with ok false)."""
        started = time.monotonic()
        self.told.directory = str(self.directory)
        with self.step("project", "toolkit init flights") as say:
            flights.write_project(self.directory, shuffled=self.shuffled)
            self.ctx = self.open_context(self.directory)
            say(f"{self.directory}: configuration, pipeline.py, train.py and the flights of 2013")
        try:
            self.cloud()
            self.first_model()
            found = self.live_months()
            if found:
                self.next_model(found)
            self.bad_model()
        finally:
            self.clean_up()
            self.told.seconds = round(time.monotonic() - started, 2)
            self.told.predictions_sha256 = self.replayed.digest.hexdigest()
        return self.told

    def cloud(self) -> None:
        """Where the target is a cloud that is played here: start it."""
        if local.emulated(self.ctx):
            with self.step("emulator", f"toolkit dev -t {self.ctx.target}") as say:
                found = local.start(self.ctx)
                self.ctx = self.open_context(self.directory)  # its address is known now
                say(f"{found['emulator']} answers at {found['address']}, with bucket, roles and queues")

    def first_model(self) -> None:
        with self.step("ingest", f"toolkit data ingest --until {MODEL_UNTIL}") as say:
            dataset = ingest.run(self.ctx, until=MODEL_UNTIL)
            self.told.dataset = {"version": dataset.version, "rows": dataset.rows}
            say(f"{dataset.rows:,} flights with their weather and planes, dataset {dataset.version[:12]}")
        with self.step("train", "toolkit train") as say:
            say(self.trained(train.run(self.ctx, dataset=dataset)))
        with self.step("promote", "toolkit promote --yes") as say:
            done = promote.run(self.ctx)
            say(f"version {done.version} is champion: every gate passed")
        with self.step("deploy", "toolkit deploy --yes") as say:
            say(f"{deploy.run(self.ctx).url}/predict")
        with self.step("invoke", "toolkit invoke --sample 3") as say:
            answer = invoke.run(self.ctx, sample=3)
            say(", ".join(f"{p['label']} {_certainty(p)}" for p in answer["predictions"]))

    def live_months(self) -> str:
        """Replay month after month until one drifts. The month, or "" when none did."""
        with self.step("live data", "(your application calls the URL)") as say:
            self.frame = ingest.prepared(self.ctx)
            say(f"{self.frame.height:,} flights of the whole year wait to happen")
        name = naming.function_name(self.ctx, "inference")
        for month in MONTHS:
            since, until = f"{month}-01", _next(month)
            with self.step(f"replay {month}", f"curl -d @flights.json {name}/predict") as say:
                before = self.replayed.rows
                traffic.replay(self.ctx, name, self.frame, month, self.replayed)
                say(f"{self.replayed.rows - before:,} predictions, outcomes reported back")
            with self.step(f"drift {month}", f"toolkit drift --since {since} --until {until}") as say:
                checked = monitor.run(self.ctx, since=since, until=until)
                report = checked.report
                self.told.drift = {"verdict": report.verdict, "window": report.window, "incident": checked.incident}
                worst = sorted(report.columns, key=lambda c: -c.effect)[:3]
                top = ", ".join(f"{c.name} {number(c.effect)}" for c in worst)
                say(f"{report.verdict} over {report.rows:,} rows; largest effects: {top}")
            if report.verdict == "drift":
                return month
        return ""

    def next_model(self, month: str) -> None:
        until = _next(month)
        with self.step("retrain", f"toolkit retrain --reason drift --until {until}") as say:
            done = retrain.run(self.ctx, reason="drift", window=until)
            self.told.retrains += done.trained
            if done.run:
                self.trained(done.run)
            say(f"{done.decision}: {done.why}")
        with self.step("event again", "(the same alert, delivered twice)") as say:
            again = retrain.run(self.ctx, reason="drift", window=until)
            self.told.retrains += again.trained
            say(f"{again.decision}: {again.why}")

    def bad_model(self) -> None:
        with self.step("train a bad one", "toolkit train -p corrupt=true") as say:
            say(self.trained(train.run(self.ctx, dataset=find.dataset(self.ctx), params={"corrupt": True})))
        with self.step("gates refuse it", "toolkit promote --yes") as say:
            try:
                promote.run(self.ctx)
            except GateFailed as refused:
                say(f"exit 3: {refused}")
            else:
                raise ToolkitError("the gates let a model through that learned nothing")
        with self.step("push it anyway", "toolkit promote --yes --no-gates --reason demo; toolkit deploy --yes") as say:
            pushed = promote.run(self.ctx, gates=False, reason="demo: pushed past its gates")
            deploy.run(self.ctx)
            answer = invoke.run(self.ctx, sample=1)
            say(f"version {pushed.version} answers now: {answer['version']}")
        with self.step("roll back", "toolkit rollback --reason 'worse than before'") as say:
            done = switch.rollback(self.ctx, reason="worse than before")
            answer = invoke.run(self.ctx, sample=1)
            if answer["version"] != done["version"]:
                raise ToolkitError(f"rolled back to {done['version']}, but version {answer['version']} answers")
            say(f"version {done['version']} answers again")

    def clean_up(self) -> None:
        if self.keep or not hasattr(self, "ctx"):
            return
        with self.step("destroy", "toolkit destroy --yes") as say:
            done = destroy.run(self.ctx)
            say(f"{done['removed']} things removed, {len(done['left'])} left; the journal and the models stay")
        if local.emulated(self.ctx):
            with self.step("stop", f"toolkit dev -t {self.ctx.target} --stop") as say:
                local.stop(self.ctx)
                say("the emulator is gone, and what it held")

    def trained(self, result: Any) -> str:
        found = find.version(self.ctx, result.version)
        self.told.models.append({"version": found.version, "digest": found.digest, "metrics": found.metrics})
        self.told.rows = max(self.told.rows, find.dataset(self.ctx).rows)
        return f"version {found.version}: " + ", ".join(f"{k} {number(v)}" for k, v in found.metrics.items())

    @contextmanager
    def step(self, name: str, typed: str) -> Iterator[Callable[[str], None]]:
        """Time it, and print the command, what came of it, and the seconds."""
        said: list[str] = []
        started = time.monotonic()
        record = {"name": name, "ok": False, "seconds": 0.0, "command": typed}
        self.told.steps.append(record)
        self.report.say(f"$ {typed}")
        try:
            yield said.append
            record["ok"] = True
        finally:
            record["seconds"] = round(time.monotonic() - started, 2)
            record["said"] = said[-1] if said else ""
            outcome = record["said"] if record["ok"] else "failed"
            self.report.say(f"  {outcome}  ({record['seconds']:.1f} s)\n")


def _certainty(prediction: dict[str, Any]) -> str:
    return number(max(prediction["probabilities"].values()))


def _next(month: str) -> str:
    year, number_ = map(int, month.split("-"))
    return f"{year + number_ // 12}-{number_ % 12 + 1:02d}-01"
