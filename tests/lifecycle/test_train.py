"""One run, start to end: what makes it the same run, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.shop import TRAIN, Shop, make_shop
from toolkit.domain import codec
from toolkit.domain.config import DataConfig, TrainConfig
from toolkit.domain.errors import ConfigError, Interrupted, TrainingFailed
from toolkit.domain.records import ModelManifest
from toolkit.domain.specs import JobSpec, LogLine
from toolkit.lifecycle import runs, train
from toolkit.packaging import lock
from toolkit.state.blobs import Blobs
from toolkit.state.registry import Registry
from toolkit.state.runs import Runs


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def test_a_run_makes_a_version(shop: Shop) -> None:
    dataset = shop.dataset()
    result = train.run(shop.ctx, dataset=dataset)
    assert (result.view.status, result.version, result.reused) == ("succeeded", 1, False)
    assert result.view.metrics["roc_auc"] > 0.7
    version = Registry(shop.ctx.store, "shop").version(1)
    assert (version.run_id, version.actor) == (result.view.id, "ada")
    manifest = codec.decode(Blobs(shop.ctx.store).get(version.digest), ModelManifest)
    assert manifest.dataset_version == dataset.version
    assert manifest.metrics == version.metrics == result.view.metrics
    for digest in manifest.files.values():
        assert Blobs(shop.ctx.store).has(digest)
    assert f"run {result.view.id} succeeded: version 1 of shop" in shop.told.said


def test_its_document(shop: Shop) -> None:
    said = train.document(train.run(shop.ctx, dataset=shop.dataset(), params={"trees": 3}))
    assert said["version"] == 1
    assert said["params"] == {"trees": 3}
    assert {"id", "status", "metrics", "model", "digest", "reused", "seconds"} <= said.keys()


def test_what_it_logged_is_kept(shop: Shop) -> None:
    result = train.run(shop.ctx, dataset=shop.dataset())
    found = Runs(shop.ctx.store)
    assert found.params(result.view.id) == {"rows": 301}
    assert [point.value for point in found.metrics(result.view.id)["progress"]] == [0.0, 0.5, 1.0]


def test_the_same_inputs_are_the_same_run(shop: Shop) -> None:
    dataset = shop.dataset()
    first = train.run(shop.ctx, dataset=dataset)
    second = train.run(shop.ctx, dataset=dataset, reason="once more")
    assert second.reused
    assert (second.view.id, second.version) == (first.view.id, 1)
    assert len(Runs(shop.ctx.store).list("shop")) == 1


def test_again_is_another_run_with_an_equal_model(shop: Shop) -> None:
    dataset = shop.dataset()
    first = train.run(shop.ctx, dataset=dataset)
    second = train.run(shop.ctx, dataset=dataset, again=True)
    assert second.view.id == f"{first.view.id}-2"
    assert second.version == 2
    assert first.view.end is not None
    assert second.view.end is not None
    assert second.view.end.model_digest == first.view.end.model_digest


@pytest.mark.parametrize(
    "change",
    [
        lambda shop: shop.code(TRAIN + "# a comment\n"),
        lambda shop: shop.code("LIMIT = 3\n", "helper.py"),
        lambda shop: shop.configure(train=TrainConfig(params={"trees": 6})),
        lambda shop: shop.configure(data=DataConfig(label="bought", frame="pandas")),
        lambda shop: shop.configure(model="basket"),
    ],
    ids=["code", "more code", "params", "frame", "model"],
)
def test_whatever_decides_the_result_makes_another_run(change: Any, shop: Shop) -> None:
    dataset = shop.dataset()
    first = train.run(shop.ctx, dataset=dataset)
    change(shop)
    second = train.run(shop.ctx, dataset=dataset)
    assert not second.reused
    assert second.view.id.partition("-")[0] != first.view.id


def test_limits_and_reasons_do_not(shop: Shop) -> None:
    dataset = shop.dataset()
    first = train.run(shop.ctx, dataset=dataset)
    shop.configure(train=TrainConfig(timeout="2h", memory="8Gi"))
    assert train.run(shop.ctx, dataset=dataset, reason="drift").view.id == first.view.id


def test_other_data_is_another_run(shop: Shop) -> None:
    first = train.run(shop.ctx, dataset=shop.dataset())
    assert train.run(shop.ctx, dataset=shop.dataset(seed=1)).view.id != first.view.id


def test_a_run_that_failed_is_tried_again(shop: Shop) -> None:
    dataset = shop.dataset()
    shop.code("import os\n" + TRAIN + "\nif not os.path.exists('/nowhere/at/all'):\n    raise OSError('disk away')\n")
    ids = []
    for _ in range(2):
        with pytest.raises(TrainingFailed, match=r"OSError: disk away \(train.py:14\)") as failed:
            train.run(shop.ctx, dataset=dataset)
        ids.append(str(failed.value).split()[1])
    assert ids[1] == f"{ids[0]}-2"
    assert {view.status for view in Runs(shop.ctx.store).list("shop")} == {"failed"}
    assert not Registry(shop.ctx.store, "shop").versions()


def test_params_that_json_cannot_hold_are_refused(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="JSON cannot hold"):
        train.run(shop.ctx, dataset=shop.dataset(), params={"shape": object()})


def test_regression_and_multiclass(shop: Shop) -> None:
    number = TRAIN.replace("Classifier", "Regressor")
    result = train.run(shop.code(number).ctx, dataset=shop.dataset(label="spent"))
    assert result.view.metrics["r2"] > 0
    result = train.run(shop.code(TRAIN).ctx, dataset=shop.dataset(label="tier"))
    assert result.view.metrics["accuracy"] > 0.4


def test_a_version_that_was_not_registered_is_registered_by_whoever_looks_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = shop.dataset()

    def killed(*arguments: object, **named: object) -> object:
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr(Registry, "register", killed)
        with pytest.raises(SystemExit):
            train.run(shop.ctx, dataset=dataset)
    assert not Registry(shop.ctx.store, "shop").versions()
    result = train.run(shop.ctx, dataset=dataset)
    assert (result.reused, result.version) == (True, 1)


def watched(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[JobSpec]:
    """What is submitted from now on."""
    seen: list[JobSpec] = []
    submit = type(shop.ctx.jobs).submit

    def watch(self: Any, spec: JobSpec) -> Any:
        seen.append(spec)
        return submit(self, spec)

    monkeypatch.setattr(type(shop.ctx.jobs), "submit", watch)
    return seen


def test_requirements_are_locked_and_part_of_what_a_run_is(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = shop.dataset()
    plain = train.run(shop.ctx, dataset=dataset)
    asked: list[tuple[Path, str]] = []
    submitted = watched(shop, monkeypatch)

    def locked(path: Path, python: str) -> str:
        asked.append((path, python))
        return "numpy==2.0 --hash=sha256:00\n"

    monkeypatch.setattr(lock, "lock", locked)
    shop.configure(train=TrainConfig(requirements="requirements.txt"))
    pinned = train.run(shop.ctx, dataset=dataset)
    assert asked[0][0] == shop.folder / "requirements.txt"
    assert pinned.view.id != plain.view.id
    assert submitted[0].requirements == "numpy==2.0 --hash=sha256:00\n"
    assert Blobs(shop.ctx.store).get(pinned.view.spec.environment) == submitted[0].requirements.encode()


def test_a_job_is_told_all_it_needs_and_no_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = watched(shop, monkeypatch)
    shop.configure(train=TrainConfig(memory="2Gi", timeout="5m"))
    result = train.run(shop.ctx, dataset=shop.dataset())
    (spec,) = submitted
    assert spec.environment.keys() == {
        "TOOLKIT_RUNTIME", "TOOLKIT_ACTOR", "PYTHONHASHSEED",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
    }  # fmt: skip
    assert (spec.environment["OMP_NUM_THREADS"], spec.memory_mb, spec.timeout_seconds) == ("1", 2048, 300)
    assert (spec.module, spec.arguments) == ("toolkit.entry.job", ())
    assert spec.tags["run"] == result.view.id
    assert train.threads(4.0)["OMP_NUM_THREADS"] == "4"


def test_detached_it_is_looked_at_later(shop: Shop) -> None:
    result = train.run(shop.ctx, dataset=shop.dataset(), detach=True)
    assert result.version is None
    assert runs.show(shop.ctx, result.view.id)["status"] == "succeeded"


def test_ctrl_c_stops_the_job_and_cancels_the_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = shop.dataset()
    jobs = shop.ctx.jobs
    stopped = []

    def interrupted(job_id: str, **named: object) -> Iterator[LogLine]:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(jobs), "submit", lambda self, spec: jobs_status(spec.name))
    monkeypatch.setattr(type(jobs), "logs", lambda self, job_id, **named: interrupted(job_id))
    monkeypatch.setattr(type(jobs), "cancel", lambda self, job_id: stopped.append(job_id))
    monkeypatch.setattr(
        type(jobs), "list", lambda self, tags: iter([jobs_status("train-x", state="cancelled", reason="cancelled")])
    )
    with pytest.raises(Interrupted, match="cancelled") as error:
        train.run(shop.ctx, dataset=dataset)
    assert error.value.exit_code == 130
    assert len(stopped) == 1
    assert runs.ls(shop.ctx)[0]["status"] == "cancelled"


def jobs_status(name: str, **fields: Any) -> Any:
    from toolkit.domain.specs import JobStatus

    return JobStatus(id=name, name=name, **{"state": "running", **fields})
