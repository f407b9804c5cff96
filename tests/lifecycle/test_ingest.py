"""One source, one version: read, prepared, checked, kept - or refused before anything is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from toolkit.bootstrap.context import open_context
from toolkit.data import snapshot
from toolkit.domain.errors import ConfigError, DataError, GateFailed, ToolkitError
from toolkit.domain.records import Dataset
from toolkit.lifecycle import ingest
from toolkit.ports.context import Context, Silent
from toolkit.state.datasets import Datasets

ROWS = 300


class Heard(Silent):
    """A reporter that remembers its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def visits(rows: int = ROWS, first: int = 0) -> pl.DataFrame:
    """Visits of a shop, one an hour; whether they bought hangs on the amount, but not wholly."""
    k = pl.int_range(first, first + rows, eager=True).alias("k")
    noise = (k * 7919) % 101
    return k.to_frame().select(
        amount=(k * 31 % 89) + 0.5,
        city=pl.Series(["Paris", "Lyon", "Nice"])[(k % 3).to_list()],
        when=(pl.datetime(2024, 1, 1) + pl.duration(hours="k")).dt.strftime("%Y-%m-%d %H:%M"),
        bought=pl.when((k * 31 % 89) + noise > 90).then(pl.lit("yes")).otherwise(pl.lit("no")),
    )


def with_holes(column: str) -> pl.DataFrame:
    """The visits, `column` missing in 32 of them."""
    return visits().with_columns(pl.when(pl.col("amount") > 9).then(column).alias(column))


HOOK = {"prepare": "pipeline:prepare"}


def project(
    folder: Path, data: dict[str, Any] | None = None, *, frame: pl.DataFrame | None = None, code: str = ""
) -> Context:
    """A project in `folder`; `data` completes its [data] table."""
    folder.mkdir(exist_ok=True)
    (frame if frame is not None else visits()).write_csv(folder / "visits.csv")
    keys = {"source": "visits.csv", "label": "bought", **(data or {})}
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items() if not isinstance(value, dict)]
    lines += [
        f"{key} = {{ {k} = {json.dumps(v)} }}" for key, d in keys.items() if isinstance(d, dict) for k, v in d.items()
    ]
    (folder / "toolkit.toml").write_text('[project]\nname = "shop"\n[data]\n' + "\n".join(lines) + "\n")
    if code:
        (folder / "pipeline.py").write_text(code)
    return open_context(folder, report=Heard())


def said(ctx: Context) -> list[str]:
    assert isinstance(ctx.report, Heard)
    return ctx.report.warnings


def rows(ctx: Context, dataset: Dataset, folder: Path) -> pl.DataFrame:
    return snapshot.load(ctx.store, dataset, folder / "cache").collect()


def test_a_first_version(tmp_path: Path) -> None:
    ctx = project(tmp_path, {"time": "when"})
    dataset = ingest.run(ctx)
    assert (dataset.name, dataset.rows, dataset.source) == ("shop", ROWS, "visits.csv")
    assert dataset.until == "2024-01-13T11:00:00.000000Z"
    assert {c.name: c.role for c in dataset.schema.columns} == {
        "amount": "feature", "city": "feature", "when": "time", "bought": "label",
    }  # fmt: skip
    assert dataset.schema.column("bought").categories == ("no", "yes")
    assert dataset.report["leakage"]["shared_rows"] == 0
    assert rows(ctx, dataset, tmp_path).height == ROWS
    assert Datasets(ctx.store).latest("shop") == dataset


def test_unchanged_data_makes_no_new_version_and_grown_data_does(tmp_path: Path) -> None:
    first = ingest.run(project(tmp_path))
    assert ingest.run(open_context(tmp_path)) == first
    visits(ROWS + 50).write_csv(tmp_path / "visits.csv")
    second = ingest.run(open_context(tmp_path))
    assert second.rows == ROWS + 50
    assert [d.version for d in Datasets(open_context(tmp_path).store).list("shop")] == [second.version, first.version]


def test_rows_up_to_a_moment(tmp_path: Path) -> None:
    ctx = project(tmp_path, {"time": "when"})
    part = ingest.run(ctx, until="2024-01-05T03:00:00Z")
    assert (part.rows, part.until) == (100, "2024-01-05T03:00:00.000000Z")
    whole = ingest.run(ctx)
    assert whole.rows == ROWS
    with pytest.raises(DataError, match="no row happened up to 2023"):
        ingest.run(ctx, until="2023-01-01")


def test_the_task_of_the_configuration_decides_about_classes(tmp_path: Path) -> None:
    stars = visits().with_columns(bought=pl.Series([1, 2, 3, 4, 5] * 60))
    classes = ingest.run(project(tmp_path / "a", frame=stars)).schema.column("bought").categories
    assert classes == ("1", "2", "3", "4", "5")
    amounts = ingest.run(project(tmp_path / "b", {"task": "regression"}, frame=stars)).schema.column("bought")
    assert (amounts.categories, amounts.maximum) == (None, 5.0)


def test_the_contract_may_be_all_that_names_the_time(tmp_path: Path) -> None:
    ctx = project(tmp_path, contract(tmp_path))
    assert ingest.run(ctx, until="2024-01-05T03:00:00Z").rows == 100


PREPARE = """
import polars as pl

def prepare(frame, towns):
    return frame.join(towns, on="city", how="left").filter(pl.col("amount") > 10).rename({"when": "at"})
"""


def test_prepare_with_a_second_table(tmp_path: Path) -> None:
    ctx = project(
        tmp_path, {"prepare": "pipeline:prepare", "tables": {"towns": "towns.csv"}, "time": "at"}, code=PREPARE
    )
    (tmp_path / "towns.csv").write_text("city,people\nParis,2100000\nLyon,520000\nNice,340000\n")
    dataset = ingest.run(ctx)
    found = rows(ctx, dataset, tmp_path)
    assert found["people"].null_count() == 0
    assert 0 < found.height < ROWS
    assert ingest.prepared(ctx).columns == found.columns
    assert dataset.schema.column("at").dtype == "datetime"


def test_prepare_with_pandas(tmp_path: Path) -> None:
    code = "def prepare(frame):\n    frame['double'] = frame.amount * 2\n    return frame.drop(columns=['city'])\n"
    dataset = ingest.run(project(tmp_path, {"prepare": "pipeline:prepare", "frame": "pandas"}, code=code))
    assert [c.name for c in dataset.schema.columns] == ["amount", "when", "bought", "double"]


@pytest.mark.parametrize(
    ("data", "code", "frame", "error", "says"),
    [
        ({"source": "none.csv"}, "", None, ConfigError, "no such file"),
        ({"label": "bougth"}, "", None, ConfigError, "no column 'bougth'"),
        ({"label": ""}, "", None, DataError, "no label"),
        ({"time": "wenn"}, "", None, ConfigError, "no column 'wenn'"),
        ({"time": "amount"}, "", None, ConfigError, "data.time = 'amount' is float64"),
        ({"split": {"kind": "time"}}, "", None, ConfigError, "no event time column"),
        (HOOK, "def prepare(frame):\n    return frame.drop('x')\n", None, DataError, "pipeline.py:2"),
        (HOOK, "def prepare(frame):\n    return frame.head(0)\n", None, DataError, "left no rows"),
        ({}, "", visits().with_columns(bought=pl.lit("no")), DataError, "one value only"),
        ({}, "", visits(5), DataError, "5 rows are too few"),
        ({}, "", with_holes("bought"), DataError, "'bought' is missing in 32 of 300 rows"),
        ({}, "", visits().with_columns(refund=pl.col("bought") == "yes"), GateFailed, "'refund' gives the label away"),
        ({"max_null_share": 0.1}, "", with_holes("city"), GateFailed, "null share: column 'city'"),
        ({"schema_file": "none.json"}, "", None, ConfigError, "none.json cannot be read"),
    ],
)  # fmt: skip
def test_what_is_refused_keeps_nothing(
    tmp_path: Path, data: dict[str, Any], code: str, frame: pl.DataFrame | None, error: type[ToolkitError], says: str
) -> None:
    ctx = project(tmp_path, data, frame=frame, code=code)
    with pytest.raises(error, match=says) as refused:
        ingest.run(ctx)
    assert refused.value.hint
    assert Datasets(ctx.store).list("shop") == ()
    assert list(ctx.store.list()) == []


def test_what_gives_the_label_away_can_be_ignored_or_trusted(tmp_path: Path) -> None:
    frame = visits().with_columns(refund=pl.col("bought") == "yes")
    ignored = ingest.run(project(tmp_path / "a", {"ignore": ["refund"]}, frame=frame))
    assert ignored.schema.column("refund").role == "ignored"
    trusted = ingest.run(project(tmp_path / "b", {"trusted": ["refund"]}, frame=frame))
    assert trusted.schema.column("refund").role == "feature"


def contract(folder: Path, **columns: dict[str, Any]) -> dict[str, Any]:
    """A schema file of the visits, with some fields of some columns changed."""
    plain: dict[str, dict[str, Any]] = {
        "amount": {"dtype": "float64", "nullable": False, "minimum": 0.0, "maximum": 100.0},
        "city": {"dtype": "string", "categories": ["Lyon", "Nice", "Paris"]},
        "when": {"dtype": "datetime", "role": "time"},
        "bought": {"dtype": "string", "role": "label", "nullable": False},
    }
    folder.mkdir(exist_ok=True)
    fields = [{"name": name, **field, **columns.get(name, {})} for name, field in plain.items()]
    (folder / "schema.json").write_text(json.dumps({"columns": fields}))
    return {"schema_file": "schema.json", "label": ""}


def test_the_contract_of_a_person_binds(tmp_path: Path) -> None:
    data = contract(tmp_path)
    ctx = project(tmp_path, data, frame=visits().with_columns(extra=1))
    dataset = ingest.run(ctx)
    assert [c.name for c in dataset.schema.columns] == ["amount", "city", "when", "bought"]
    assert "column 'extra' is not in the contract: left out" in said(ctx)

    holes = visits().with_columns(amount=pl.when(pl.col("amount") > 3).then("amount"))
    with pytest.raises(GateFailed, match=r"'amount' has .* missing values"):
        ingest.run(project(tmp_path, data, frame=holes))
    with pytest.raises(DataError, match="column 'city' of the contract is missing"):
        ingest.run(project(tmp_path, data, frame=visits().drop("city")))
    with pytest.raises(DataError, match=r"column 'amount' is float64 in the contract, but .* \(row 1: 'x0\.5'"):
        ingest.run(project(tmp_path, data, frame=visits().with_columns(amount="x" + pl.col("amount").cast(pl.String))))


def test_ranges_and_categories_are_advice_until_they_are_strict(tmp_path: Path) -> None:
    data = contract(tmp_path, amount={"maximum": 50.0}, city={"categories": ["Lyon", "Paris"]})
    ctx = project(tmp_path, data)
    found = ingest.run(ctx)
    assert any(line.startswith("amount: ") and "the contract has 0 to 50" in line for line in said(ctx))
    assert found.report["contract"]["unseen"]["city"]["count"] > 0
    assert found.schema.column("amount").maximum == 88.5
    with pytest.raises(GateFailed, match="out of range"):
        ingest.run(project(tmp_path, {**data, "strict": True}))


def test_rows_without_a_label_are_dropped_where_the_contract_says_so(tmp_path: Path) -> None:
    frame = with_holes("bought")
    with pytest.raises(DataError, match=r"label 'bought' is missing in 32 of 300 rows .rows 1, "):
        ingest.run(project(tmp_path, contract(tmp_path), frame=frame))
    ctx = project(tmp_path, contract(tmp_path, bought={"nullable": True}), frame=frame)
    dataset = ingest.run(ctx)
    assert dataset.rows == ROWS - 32
    assert dataset.report["dropped"] == ["32 of 300 rows have no label: they are dropped"]


def test_codes_stay_text_where_the_contract_says_so(tmp_path: Path) -> None:
    frame = visits().with_columns(city=pl.Series([1, 2, 3] * 100))
    ctx = project(tmp_path, contract(tmp_path, city={"categories": None}), frame=frame)
    assert rows(ctx, ingest.run(ctx), tmp_path)["city"].to_list()[:3] == ["1", "2", "3"]


def test_without_a_contract_the_last_version_stands_in(tmp_path: Path) -> None:
    """By hand, columns may come and go; a whole number stays the number it was."""
    ingest.run(project(tmp_path))
    frame = visits().drop("city").with_columns(pl.col("amount").cast(pl.Int64), extra=pl.col("amount") % 7)
    ctx = project(tmp_path, frame=frame)
    dataset = ingest.run(ctx)
    assert {c.name: c.dtype for c in dataset.schema.columns if c.role == "feature"} == {
        "amount": "float64", "when": "datetime", "extra": "float64",
    }  # fmt: skip
    assert {"column 'city' is gone since the last version", "column 'extra' is new since the last version"} <= set(
        said(ctx)
    )


def test_where_nobody_watches_the_last_version_binds(tmp_path: Path) -> None:
    ingest.run(project(tmp_path, {"time": "when"}))
    ctx = project(tmp_path, {"time": "when"}, frame=visits().drop("city"))
    with pytest.raises(DataError, match="column 'city' of the contract is missing"):
        ingest.run(ctx, until="2024-01-10")
    gaps = with_holes("city").with_columns(extra=1)
    ctx = project(tmp_path, {"time": "when"}, frame=gaps)
    dataset = ingest.run(ctx, until="2024-01-10")
    assert dataset.schema.column("city").nullable
    assert [c.name for c in dataset.schema.columns] == ["amount", "city", "when", "bought"]
    assert dataset.report["contract"]["nulls"]["city"]["count"] > 0
    assert said(ctx) == ["column 'extra' is not in the contract: left out"]
