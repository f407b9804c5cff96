"""A peer that cannot be had, does not start or fails on the way is a row that says why; the others are measured."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bundles, cold_start, drift_peers, serving
from benchmarks.apparatus import model, peers
from benchmarks.apparatus.environments import Missing
from benchmarks.apparatus.report import Report
from benchmarks.apparatus.servers import Server, Way

ROWS = [[0.0] * 30]
ANSWERING = ("mlserver", "fastapi_sklearn", "fastapi_onnxruntime")


class Started:
    """In place of a running server: `bentoml` does not start, `mlserver` fails when it is asked."""

    def __init__(self, server: Server) -> None:
        self.name = server.name

    def first(self, way: Way, rows: list[list[float]]) -> float:
        if self.name == "bentoml":
            raise Missing("bentoml gave no right answer: no module named attr")
        return 0.5

    def connect(self) -> None: ...

    def cpu(self) -> float:
        return 0.25

    def ask(self, request: bytes) -> tuple[int, bytes]:
        if self.name == "mlserver":
            raise OSError("the server closed the connection")
        return 200, b"{}"

    def stop(self) -> None: ...


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No server is really started; mlflow has no environment."""

    def peer(name: str, folder: Path, environment: dict[str, str]) -> Way:
        if name == "mlflow":
            raise Missing("its environment cannot be made: no wheel")
        return Way(name, Server(name, lambda port: [], folder), lambda rows: b"", b"")

    monkeypatch.setattr(peers, "peer", peer)
    for module in (cold_start, serving):
        monkeypatch.setattr(module, "Running", Started)
    return tmp_path


@pytest.fixture
def report() -> Report:
    return Report("any", "Any")


def absent(report: Report) -> Iterator[str]:
    return (row["name"] for row in report.rows if row["value"] is None)


def test_cold(servers: Path, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "write", lambda folder: ("0" * 64, ROWS))
    found = cold_start._servers(report, servers / "peers", 1)
    assert found == (dict.fromkeys(ANSWERING, 0.5), dict.fromkeys(ANSWERING, 0.25))
    told = list(absent(report))
    assert [name.partition(" ")[0] for name in told] == ["mlflow", "bentoml"]
    assert "no wheel" in told[0]
    assert "no module named attr" in told[1]


def test_warm(servers: Path, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "BLOCKS", 2)
    with ExitStack() as stack:
        running, ways = serving._started(report, servers, {}, ROWS, stack)
        serving._compared(report, running, ways, ROWS, 3)
    told = list(absent(report))
    assert [name.partition(" ")[0] for name in told] == ["mlflow", "bentoml", "mlserver"]
    assert {"fastapi_sklearn_over_ours", "fastapi_onnxruntime_over_ours"} == set(report.ratios)


def test_builds(tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> bundles.Work:
        raise Missing("sam needs an interpreter")

    def fails() -> float:
        raise Missing("chalice failed")

    works: dict[str, bundles.Work] = {"ours": (lambda: 1.0, lambda: 0.5, lambda: 2e6), "chalice": (fails, fails, fails)}
    monkeypatch.setattr(bundles, "_sam", refused)
    monkeypatch.setattr(bundles, "_chalice", lambda folder: works["chalice"])
    bundles._compare(report, {"ours": works["ours"], **bundles._peers(report, tmp_path)}, 1)
    assert list(absent(report)) == [
        "sam build 1.170.0 (sam needs an interpreter)", "chalice package 1.34.0 (chalice failed)",
    ]  # fmt: skip
    assert [row["name"] for row in report.rows if row["value"]] == [
        "ours: first build", "ours: a new model", "ours: zip",
    ]  # fmt: skip


@pytest.mark.slow
def test_drift(tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = drift_peers._python

    def python(name: str) -> str:
        if name == "evidently":
            raise Missing("no wheel for this Python")
        return kept(name)

    monkeypatch.setattr(drift_peers, "_python", python)
    drift_peers._checks(report, tmp_path, "evidently", drift_peers.EVIDENTLY, 500)
    assert list(absent(report)) == ["evidently 0.7.23, 500 rows (no wheel for this Python)"]
    assert report.ratios == {}
    assert {row["name"]: row["value"] for row in report.rows}["ours, 500 rows: CPU of the process"] > 0


def test_the_usual_bundle(tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.packaging import measure

    def measured(request: dict[str, Any]) -> dict[str, Any]:
        if cold_start.USUAL in request["roots"]:
            return {"failed": f"{cold_start.USUAL}: no module named fastapi"}
        return {name: {"answer": {"body": '{"p": [0.5]}'}} for name in request["roots"]}

    with zipfile.ZipFile(tmp_path / "ours.zip", "w") as archive:
        archive.writestr("model/model.onnx", b"")
    ours = dict.fromkeys((cold_start.ONNX, cold_start.COMPILED), tmp_path / "ours.zip")
    monkeypatch.setattr(cold_start, "_usual", lambda root, model: root)
    monkeypatch.setattr(cold_start, "_measured", measured)
    for name, found in {"floor": tmp_path, "sample": {}, "event": {}}.items():
        monkeypatch.setattr(measure, name, lambda *given, found=found: found)
    starts = cold_start._starts(report, tmp_path, ours, {cold_start.ONNX: {}}, 1)
    assert cold_start.USUAL not in starts
    assert "no module named fastapi" in next(absent(report))
