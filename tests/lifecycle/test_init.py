"""A new project: works as it was written, explains itself, overwrites nothing."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from toolkit.bootstrap.context import open_context
from toolkit.data import contract
from toolkit.domain.errors import ConfigError, DataError, ToolkitError
from toolkit.domain.records import Split
from toolkit.lifecycle import ingest, init

DRAW = np.random.default_rng(5)


def table(rows: int = 600) -> pl.DataFrame:
    amount = DRAW.lognormal(2, 1, rows)
    return pl.DataFrame(
        {
            "amount": amount,
            "town": DRAW.choice(["a", "b", "c"], rows),
            "bought": np.where(amount + DRAW.normal(0, 6, rows) > 9, "yes", "no"),
        }
    )


def written(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def start(folder: Path, frame: pl.DataFrame, label: str = "bought") -> init.InitReport:
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_csv(folder / "in.csv")
    return init.run(folder / "new", source=folder / "in.csv", label=label)


def test_what_is_written_and_said(tmp_path: Path) -> None:
    report = start(tmp_path, table())
    assert report.files == ("schema.json", "train.py", "toolkit.toml", ".gitignore")
    assert set(written(tmp_path / "new")) == set(report.files)
    assert (report.name, report.task, report.rows) == ("new", "binary", 600)
    config = tomllib.loads((tmp_path / "new/toolkit.toml").read_text())
    assert config == {
        "project": {"name": "new"},
        "data": {"source": str(tmp_path / "in.csv"), "label": "bought", "schema_file": "schema.json"},
        "train": {"entry": "train:train"},
    }
    schema = contract.read(tmp_path / "new/schema.json")
    assert [c.name for c in schema.of_role("feature")] == list(report.features) == ["amount", "town"]
    assert ".toolkit/" in (tmp_path / "new/.gitignore").read_text().splitlines()


def test_the_example_is_real_and_passes_its_own_gates(tmp_path: Path) -> None:
    report = init.run(tmp_path / "My Project 2")
    assert (report.name, report.source, report.label, report.task) == (
        "my-project-2", "data/penguins.csv", "species", "multiclass",
    )  # fmt: skip
    assert "data/penguins.csv" in report.files
    dataset = ingest.run(open_context(tmp_path / "My Project 2"))
    assert dataset.rows == 344
    assert dataset.schema.column("species").categories == ("Adelie", "Chinstrap", "Gentoo")


def test_a_source_inside_the_project_is_named_from_there(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table().write_csv(tmp_path / "data/in.csv")
    assert init.run(tmp_path, source=tmp_path / "data/in.csv", label="bought").source == "data/in.csv"
    assert ingest.run(open_context(tmp_path)).rows == 600


@pytest.mark.parametrize("there", ["toolkit.toml", "train.py", "schema.json"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / there).write_text("mine")
    with pytest.raises(ConfigError, match=f"already has {there}: nothing was written"):
        start(tmp_path, table())
    assert written(tmp_path / "new") == {there: "mine"}


def test_a_project_in_pyproject_is_one_too(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/pyproject.toml").write_text("[tool.toolkit.data]\nlabel = 'x'\n")
    with pytest.raises(ConfigError, match=r"already has pyproject\.toml"):
        start(tmp_path, table())


def test_git_keeps_what_it_was_told_before(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/.gitignore").write_text("*.log\n.venv/")
    start(tmp_path, table())
    assert (tmp_path / "new/.gitignore").read_text().splitlines() == ["*.log", ".venv/", ".toolkit/", "__pycache__/"]


@pytest.mark.parametrize(
    ("frame", "label", "error", "says"),
    [
        (table(), "", ConfigError, "which column is to be predicted. There are amount, town, bought"),
        (table(), "bougth", ConfigError, "no column 'bougth'"),
        (table().with_columns(bought=pl.lit(None, dtype=pl.String)), "bought", DataError, "missing in all 600 rows"),
        (table().with_columns(bought=pl.lit(1)), "bought", DataError, "one value only"),
        (table(8), "bought", DataError, "8 rows are too few"),
        (table().select("bought"), "bought", DataError, "the label is the only column"),
        (table(0), "bought", DataError, "has a header and no rows"),
        (
            table(40).with_columns(bought=pl.Series(["no"] * 39 + ["yes"])),
            "bought",
            DataError,
            "test rows have the same",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    tmp_path: Path, frame: pl.DataFrame, label: str, error: type[ToolkitError], says: str
) -> None:
    with pytest.raises(error, match=says):
        start(tmp_path, frame, label)
    assert not (tmp_path / "new").exists()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("")
    with pytest.raises(ConfigError, match="is a file, not a folder"):
        start(tmp_path, table())


def test_what_gives_the_label_away_is_left_out_in_words(tmp_path: Path) -> None:
    report = start(tmp_path, table().with_columns(receipt=pl.col("bought") == "yes"))
    assert report.left_out == ("receipt",)
    config = tomllib.loads((tmp_path / "new/toolkit.toml").read_text())
    assert config["data"]["ignore"] == ["receipt"]
    assert ingest.run(open_context(tmp_path / "new")).schema.column("receipt").role == "ignored"


def test_what_is_all_there_is_is_trusted(tmp_path: Path) -> None:
    frame = table().select("amount", twice=pl.col("amount") * 2)
    start(tmp_path, frame, "twice")
    assert tomllib.loads((tmp_path / "new/toolkit.toml").read_text())["data"]["trusted"] == ["amount"]
    assert ingest.run(open_context(tmp_path / "new")).rows == 600


def dated(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(day=pl.date(2024, 1, 1) + pl.duration(days=pl.int_range(pl.len())))


def test_an_event_time_is_split_by(tmp_path: Path) -> None:
    report = start(tmp_path, dated(table()))
    assert (report.time, report.split.kind) == ("day", "time")
    assert open_context(tmp_path / "new").project.data.time == "day"


@pytest.mark.parametrize("late", ["yes", "maybe"])
def test_a_time_that_would_leave_a_side_unfit_is_not_split_by(tmp_path: Path, late: str) -> None:
    """The latest fifth knows one class only, or one that was never seen before."""
    odd = (pl.int_range(pl.len()) >= 480) & ((late == "yes") | (pl.int_range(pl.len()) % 2 == 0))
    frame = dated(table()).with_columns(bought=pl.when(odd).then(pl.lit(late)).otherwise("bought"))
    report = start(tmp_path, frame)
    assert report.split.kind == "random"
    assert [f.column for f in report.findings if f.kind == "split"] == ["day"]
    ctx = open_context(tmp_path / "new")
    assert ctx.project.data.split.kind == "random"
    assert ingest.run(ctx).rows == 600


@pytest.mark.parametrize(
    ("frame", "label", "has", "has_not"),
    [
        (table(), "bought", ["HistGradientBoostingClassifier", "OrdinalEncoder", "passthrough"], ["OneHotEncoder"]),
        (table(), "amount", ["HistGradientBoostingRegressor", "OrdinalEncoder"], ["passthrough"]),
        (table().drop("town"), "bought", ["HistGradientBoostingClassifier", "passthrough"], ["data.text)"]),
        (table(200), "bought", ["LogisticRegression", "OneHotEncoder", "StandardScaler"], ["HistGradient"]),
        (table(200).drop("bought"), "amount", ["Ridge", "OneHotEncoder"], ["StandardScaler", "data.numeric)"]),
        (table(200).drop("town"), "bought", ["LogisticRegression", "SimpleImputer"], ["OneHotEncoder"]),
    ],
)
def test_the_training_function_holds_what_is_needed(
    tmp_path: Path, frame: pl.DataFrame, label: str, has: list[str], has_not: list[str]
) -> None:
    start(tmp_path, frame, label)
    code = (tmp_path / "new/train.py").read_text()
    assert [word for word in has if word not in code] == []
    assert [word for word in has_not if word in code] == []
    assert max(map(len, code.splitlines())) <= 120
    tree = ast.parse(code)
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == ["train"]
    imported = [alias.name for n in tree.body if isinstance(n, ast.ImportFrom) for alias in n.names]
    assert [name for name in imported if code.count(name) < 2] == []


def test_names_that_would_break_a_file(tmp_path: Path) -> None:
    odd = 'say "hi" \\ # { bought'
    report = start(tmp_path, table().rename({"bought": odd, "town": "tøwn\t1"}), odd)
    assert report.label == odd
    assert ingest.run(open_context(tmp_path / "new")).schema.column(odd).role == "label"
    ast.parse((tmp_path / "new/train.py").read_text())


@pytest.mark.parametrize(("label", "kind"), [("amount", "regression"), ("stars", "classification"), ("town", None)])
def test_what_a_label_of_numbers_stands_for_is_written_down(tmp_path: Path, label: str, kind: str | None) -> None:
    start(tmp_path, table().with_columns(stars=pl.Series(DRAW.integers(1, 6, 600))), label)
    assert tomllib.loads((tmp_path / "new/toolkit.toml").read_text())["data"].get("task") == kind


@pytest.mark.parametrize("label", ["count", "rows", "value", "text", "hash", "len", "literal", "index"])
def test_words_that_a_library_uses_itself_are_names_too(tmp_path: Path, label: str) -> None:
    words = ["count", "rows", "value", "text", "hash", "len", "literal", "index", "column", "check", "failure_case"]
    amount = pl.Series(DRAW.normal(size=300))
    frame = pl.DataFrame({word: amount.shuffle(seed=k).round(1) for k, word in enumerate(words)})
    frame = frame.with_columns(pl.Series(DRAW.integers(0, 3, 300)).cast(pl.String).alias(label))
    start(tmp_path, dated(frame), label)
    assert ingest.run(open_context(tmp_path / "new")).rows == 300


def test_a_large_table_asks_for_memory() -> None:
    report = init.InitReport(
        directory="", name="x", files=(), source="", rows=3_000_000, label="y", task="binary", numbers=False, time="",
        features=tuple(map(str, range(30))), split=Split(),
    )  # fmt: skip
    assert init._memory(report) == "7Gi"
