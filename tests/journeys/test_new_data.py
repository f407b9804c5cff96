"""A file that comes to the bucket leads to one retrain, nobody typing: deployed by the commands, told by the cloud."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Shell, small_csv
from toolkit.bootstrap import open_context
from toolkit.domain.specs import JobStatus
from toolkit.ports.context import Context

TARGETS = {
    "local": "",
    "aws-local": 'provider = "aws"\naws = { emulator = "moto" }',
    "gcp-local": 'provider = "gcp"\ngcp = { emulator = "google" }',
    "azure-local": 'provider = "azure"\nazure = { emulator = "azure" }',
    "azure-functions": 'provider = "azure"\nazure = { emulator = "azure", functions = "functions" }',
}
IN_GATE = {"local", "gcp-local"}  # here, and where every right is enforced; the others with `make test-all`
RETRAIN = '[retrain]\non_new_data = true\ncooldown = "1d"\n'


@pytest.fixture(params=[pytest.param(t, marks=[pytest.mark.exhaustive] * (t not in IN_GATE)) for t in TARGETS])
def ctx(request: pytest.FixtureRequest, tmp_path: Path, shell: Shell) -> Iterator[Context]:
    """A deployed project whose data lies in the bucket."""
    target = str(request.param)
    folder = tmp_path / "churn"
    folder.mkdir()
    (folder / "churn.csv").write_text(small_csv())
    shell.ok("init --from churn.csv --label churned", folder)
    config = folder / "toolkit.toml"
    text = config.read_text().replace('source = "churn.csv"', 'source = "store:data/*.csv"')
    assert "store:" in text
    config.write_text(f"{text}\n{RETRAIN}\n" + (f"[targets.{target}]\n{TARGETS[target]}\n" if TARGETS[target] else ""))
    if TARGETS[target]:
        shell.ok(f"dev --background -t {target}", folder)
    try:
        made = open_context(folder, target=target)
        made.store.put("data/churn.csv", small_csv().encode())
        for line in ("train", "promote --yes", "deploy --yes"):
            shell.ok(f"{line} -t {target}", folder)
        assert shell.run(f"plan --exit-code -t {target}", folder).code == 0
        yield made
        shell.ok(f"destroy --yes -t {target}", folder)
        assert list(made.watches.list()) == []
    finally:
        if TARGETS[target]:
            shell.run(f"dev --stop -t {target}", folder)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_comes_is_learnt_from(ctx: Context) -> None:
    assert [spec.prefix for spec in ctx.watches.list()] == ["data/"]
    for number in range(3):
        ctx.store.put(f"data/more-{number}.csv", small_csv(rows=200 + number).encode())
    found: list[JobStatus] = []
    until = time.monotonic() + 60
    while not found and time.monotonic() < until:
        time.sleep(0.5)
        found = list(ctx.jobs.list({"step": "retrain"}))
    assert len(found) == 1
    until = time.monotonic() + 120
    while (job := ctx.jobs.status(found[0].id)).state not in {"succeeded", "failed"} and time.monotonic() < until:
        time.sleep(0.5)
    assert job.state == "succeeded", list(ctx.jobs.logs(job.id))
    assert len(list(ctx.jobs.list({"step": "retrain"}))) == 1, "all that comes within the cooldown is one retrain"
