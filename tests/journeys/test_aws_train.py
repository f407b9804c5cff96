"""`toolkit train` on AWS: a Batch job really trains from what is in the bucket, and its log comes to the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adapters.aws import cloud, operator_site
from tests.support import Shell, small_csv
from toolkit.adapters.aws.jobs import open_jobs
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.domain.specs import JOB_FINAL
from toolkit.ports import Settings

pytestmark = pytest.mark.slow


def project(folder: Path, shell: Shell) -> Settings:
    """A project on a new target of the emulator, with what its operator makes."""
    where = {"region": cloud.REGION, "endpoint": cloud.address(), "services_endpoint": cloud.address()}
    context = {"project": folder.name, "target": "cloud"}
    given = {**where, "bucket": f"bucket-{folder.name}"}
    settings = AwsSettings.model_validate(given, context=context).model_dump(mode="json")
    cloud.make_bucket(settings)
    operator_site.prepare(settings)
    (folder / "churn.csv").write_text(small_csv())
    shell.ok(f"init --from churn.csv --label churned --name {folder.name}", folder)
    table = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
    with (folder / "toolkit.toml").open("a") as configuration:
        configuration.write(f'\n[targets.cloud]\nprovider = "aws"\n\n[targets.cloud.aws]\n{table}')
    return settings


def test_a_run_is_a_job(tmp_path_factory: pytest.TempPathFactory, shell: Shell) -> None:
    folder = tmp_path_factory.mktemp("churn", numbered=True)
    folder = folder.rename(folder.with_name(folder.name.replace("_", "-")))
    settings = project(folder, shell)
    done = shell.ok("train -t cloud --json", folder)
    assert (done.data["status"], done.data["version"]) == ("succeeded", 1)
    assert "trained; exporting and comparing" in done.err, "the job's log"
    (job,) = open_jobs(settings).list({"project": folder.name, "target": "cloud"})
    assert (job.state, job.tags["run"]) == ("succeeded", done.data["id"])
    assert shell.ok("train -t cloud --json", folder).data["reused"] is True
    assert any(
        "training rows" in line for line in shell.ok(f"logs --run {done.data['id']} -t cloud", folder).out.split("\n")
    )

    failing(folder, shell)
    stopped_by_destroy(folder, shell, settings)


def failing(folder: Path, shell: Shell) -> None:
    """The reason is the line of the person's own file."""
    source = (folder / "train.py").read_text()
    (folder / "train.py").write_text("def train(data, params):\n    return 1 / 0\n")
    failed = shell.run("train -t cloud --json", folder)
    assert failed.code == 1
    assert "ZeroDivisionError: division by zero (train.py:2)" in failed.out
    (folder / "train.py").write_text(source)


def stopped_by_destroy(folder: Path, shell: Shell, settings: Settings) -> None:
    (folder / "train.py").write_text("import time\ndef train(data, params):\n    time.sleep(120)\n")
    detached = shell.ok("train -t cloud --detach --json", folder).data
    jobs = open_jobs(settings)
    assert any(job.state not in JOB_FINAL for job in jobs.list({"run": detached["id"]}))
    destroyed = shell.ok("destroy -t cloud --yes --json", folder).data
    assert (destroyed["removed"], destroyed["left"]) == (1, [])
    assert [job.state for job in jobs.list({"run": detached["id"]})] == ["cancelled"]
    assert shell.ok(f"runs show {detached['id']} -t cloud --json", folder).data["run"]["status"] in {
        "cancelled",
        "lost",
    }
