"""The loop without a person: a schedule's event reaches the drift check in its bundle, which asks for a retrain job."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import Shell, small_csv
from toolkit.bootstrap import open_context
from toolkit.domain.specs import JOB_FINAL, HttpRequest
from toolkit.lifecycle import naming
from toolkit.ports.context import Context

DRIFTED = {"months": 60, "plan": "pro", "spend": 900.0, "city": "Nice"}


@pytest.fixture
def watched(tmp_path: Path, shell: Shell) -> Any:
    """A deployed project, and 600 requests that look like nothing it was trained on."""
    (tmp_path / "churn.csv").write_text(small_csv())
    shell.ok("init --from churn.csv --label churned --name churn", tmp_path)
    config = tmp_path / "toolkit.toml"
    config.write_text(config.read_text() + "\n[serve]\nreplay = true\n")
    for line in ("train", "promote --yes", "deploy --yes"):
        shell.ok(line, tmp_path)
    ctx = open_context(tmp_path)
    body = json.dumps({"records": [DRIFTED] * 600}).encode()
    headers = {"content-type": "application/json", "x-toolkit-flush": "now"}
    name = naming.function_name(ctx, "inference")
    answer = ctx.functions.request(name, HttpRequest(method="POST", path="/predict", headers=headers, body=body))
    assert answer.status == 200, answer.body
    yield ctx
    shell.run("destroy --yes", tmp_path)


def tick(ctx: Context, moment: str) -> dict[str, Any]:
    event = {"source": "toolkit.schedule", "schedule": "drift", "time": moment, "endpoint": "churn"}
    answer: dict[str, Any] = ctx.functions.event(naming.function_name(ctx, "drift-check"), event)
    return answer


@pytest.mark.slow
def test_a_tick_finds_drift_and_one_retrain_follows(watched: Context, shell: Shell) -> None:
    moment = watched.clock()
    first = tick(watched, moment)
    assert first["report"]["verdict"] == "drift"
    assert first["incident"] == "open"
    assert first["retrain"]
    again = tick(watched, moment)  # delivered twice
    assert (again["new"], again["retrain"]) == (False, first["retrain"])
    jobs = list(watched.jobs.list({"step": "retrain"}))
    assert [job.name for job in jobs] == [first["retrain"]]
    assert ended(watched, jobs[0].id) == "succeeded", "\n".join(line.text for line in watched.jobs.logs(jobs[0].id))
    status = shell.ok("status --json", watched.directory).data
    (retrain,) = status["retrains"]
    assert retrain["decision"] in {"promoted", "stayed"}
    assert retrain["decided"]
    assert status["incidents"][0]["name"] == "drift-churn"
    alerts = (Path(watched.bindings["alerts"].settings["host"]) / "alerts.jsonl").read_text().splitlines()
    assert len(alerts) == 1, "one alert for one incident"


def ended(ctx: Context, job: str) -> str:
    for _ in range(600):
        if (state := ctx.jobs.status(job).state) in JOB_FINAL:
            return state
        time.sleep(0.2)
    raise AssertionError("the retrain did not end")
