"""Metrics, parameters and artifacts: kept with a run inside one, checked and dropped outside."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

import toolkit
from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain.errors import ConfigError
from toolkit.lifecycle import tracking
from toolkit.state.blobs import Blobs
from toolkit.state.runs import Runs


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def test_outside_a_run_nothing_happens(tmp_path: Path) -> None:
    file = tmp_path / "plot.txt"
    file.write_text("x")
    toolkit.log_metric("loss", 1.0, step=1)
    toolkit.log_metrics({"a": 1, "b": 2.0})
    toolkit.log_param("depth", 3)
    toolkit.log_artifact(file)


def test_inside_a_run_it_is_kept(shop: Shop, tmp_path: Path) -> None:
    plots = tmp_path / "plots"
    (plots / "deep").mkdir(parents=True)
    (plots / "roc.txt").write_text("curve")
    (plots / "deep" / "pr.txt").write_text("other")
    found = Runs(shop.ctx.store)
    with tracking.recording(shop.ctx.store, found.log("r1")):
        toolkit.log_metric("loss", 2.0, step=0)
        toolkit.log_metric("loss", 1.0, step=1)
        toolkit.log_param("path", Path("/x"))
        toolkit.log_artifact(plots)
        toolkit.log_artifact(plots / "roc.txt", "best.txt")
    assert [(point.step, point.value) for point in found.metrics("r1")["loss"]] == [(0, 2.0), (1, 1.0)]
    assert found.params("r1") == {"path": "/x"}
    artifacts = found.artifacts("r1")
    assert set(artifacts) == {"plots/roc.txt", "plots/deep/pr.txt", "best.txt"}
    assert Blobs(shop.ctx.store).get(artifacts["best.txt"]) == b"curve"


def test_after_it_nothing_is_kept(shop: Shop) -> None:
    found = Runs(shop.ctx.store)
    with suppress(ZeroDivisionError), tracking.recording(shop.ctx.store, found.log("r1")):
        toolkit.log_metric("a", 1.0)
        raise ZeroDivisionError
    toolkit.log_metric("b", 1.0)
    assert set(found.metrics("r1")) == {"a"}


def many(name: str) -> None:
    for value in range(200):
        toolkit.log_metric(name, value)


def test_from_many_threads(shop: Shop) -> None:
    found = Runs(shop.ctx.store)
    with tracking.recording(shop.ctx.store, found.log("r1")):
        threads = [threading.Thread(target=many, args=(f"m{k}",)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {name: len(points) for name, points in found.metrics("r1").items()} == {f"m{k}": 200 for k in range(8)}


def test_what_cannot_be_logged_is_said_everywhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="metric 'loss': None is no number"):
        toolkit.log_metric("loss", None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="not a name"):
        toolkit.log_metric("", 1.0)
    with pytest.raises(ConfigError, match="not a name"):
        toolkit.log_param(3, 1)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="there is no file"):
        toolkit.log_artifact(tmp_path / "missing.png")
