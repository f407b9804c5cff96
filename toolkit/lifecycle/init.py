"""Write a new project that works as it is: configuration, contract, training function.

Everything is decided before the first file is written, and nothing that is there is overwritten. `toolkit.toml` comes
last: a folder without it is no project.
"""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from toolkit.data import contract, infer, labels, sources, split
from toolkit.data.findings import Finding
from toolkit.domain import names
from toolkit.domain.config import SplitConfig
from toolkit.domain.errors import ConfigError, DataError, StorageFull
from toolkit.domain.records import Split, Task
from toolkit.lifecycle.templates import configuration, training

if TYPE_CHECKING:
    import polars as pl

EXAMPLE, EXAMPLE_LABEL = "penguins.csv", "species"
IGNORED_BY_GIT = (".toolkit/", ".venv/", "__pycache__/")
_DEFAULT_MEMORY_GB = 4


class InitReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was written and what was found. `files` are relative to `directory`."""

    directory: str
    name: str
    files: tuple[str, ...]
    source: str
    rows: int
    label: str
    task: Task
    numbers: bool  # is the label one of numbers?
    time: str
    features: tuple[str, ...]
    split: Split
    left_out: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def run(directory: Path, *, source: Path | None = None, label: str = "", name: str = "") -> InitReport:
    """A project in `directory` on `source` (any CSV, Parquet or JSON Lines file, folder or glob), or on the example.

    Raises ConfigError (a project or one of its files is there; no label named) or DataError (the data cannot be used);
    then nothing was written.
    """
    name = names.check("project", name) if name else names.suggest(directory.absolute().name)
    wanted = ["toolkit.toml", "train.py", "schema.json"] + ([] if source else [f"data/{EXAMPLE}"])
    _require_new(directory, wanted)
    if source is None:
        example = files("toolkit.data").joinpath(EXAMPLE).read_text(encoding="utf-8")
        table = sources.read(str(files("toolkit.data").joinpath(EXAMPLE)), directory)
        shown, label = f"data/{EXAMPLE}", label or EXAMPLE_LABEL
    else:
        example, table = "", sources.read(str(source.absolute()), directory)
        shown = _shown(source, directory)
    if not label:
        columns = ", ".join(table.frame.columns[:12]) + (" ..." if len(table.frame.columns) > 12 else "")
        raise ConfigError(f"which column is to be predicted? There are {columns}", hint="--label COLUMN")
    found = infer.infer(table.frame, label)
    assert found.task is not None  # a label was given
    how, notes = _split(table.frame, found)
    report = InitReport(
        directory=str(directory),
        name=name,
        files=(*wanted[::-1], ".gitignore"),
        source=shown,
        rows=len(table.frame),
        label=label,
        task=found.task,
        numbers=found.schema.column(label).dtype in ("int64", "float64"),
        time=found.time,
        features=tuple(column.name for column in found.schema.of_role("feature")),
        split=how,
        left_out=found.left_out,
        findings=(*table.findings, *found.findings, *notes),
    )
    texts = {
        f"data/{EXAMPLE}": example,
        "schema.json": contract.dumps(found.schema),
        "train.py": training.text(found, len(table.frame)),
        "toolkit.toml": configuration.text(report, found.trusted, _memory(report)),
    }
    _write(directory, {file: texts[file] for file in wanted[::-1]})
    return report


def _require_new(directory: Path, wanted: list[str]) -> None:
    if directory.exists() and not directory.is_dir():
        raise ConfigError(f"{directory} is a file, not a folder", hint="toolkit init FOLDER")
    there = [file for file in wanted if (directory / file).exists()]
    project = directory / "pyproject.toml"
    if project.is_file() and "[tool.toolkit" in project.read_text(encoding="utf-8", errors="replace"):
        there.insert(0, "pyproject.toml with [tool.toolkit]")
    if there:
        raise ConfigError(
            f"{directory.absolute()} already has {', '.join(there)}: nothing was written",
            hint="toolkit init ANOTHER_FOLDER, or move the files away",
        )


def _shown(source: Path, directory: Path) -> str:
    """Relative inside the project, else absolute: data is read where it lies, never copied."""
    path, root = source.absolute(), directory.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _split(frame: pl.DataFrame, found: infer.Inference) -> tuple[Split, list[Finding]]:
    """How this table can be cut: by time if that leaves both sides fit to use, else at random."""
    rows, _ = contract.normal(frame)
    rows, _ = labels.labelled(contract.conform(rows, found.schema), found.label, drop=True)
    how = split.resolve(SplitConfig(), found.schema)
    why = ""
    try:
        train, test = split.split(rows, how, found.schema)
        if labels.classified(found.schema.column(found.label)) and set(test[found.label]) - set(train[found.label]):
            why = f"the latest rows have classes of {found.label!r} that earlier ones do not"
    except DataError as error:
        if how.kind != "time":
            raise
        why = str(error)
    if not why or how.kind != "time":
        return how, []
    how = split.resolve(SplitConfig(kind="random"), found.schema)
    split.split(rows, how, found.schema)
    return how, [Finding(kind="split", column=found.time, text=f"cannot be split by time: {why}; split at random")]


def _memory(report: InitReport) -> str:
    """The job's memory where the default will not do: the rows about eight times over (frames, wire values, bins)."""
    needed = math.ceil(1.5 + report.rows * len(report.features) * 8 * 8 / 2**30)
    return f"{needed}Gi" if needed > _DEFAULT_MEMORY_GB else ""


def _write(directory: Path, texts: dict[str, str]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            (directory / file).parent.mkdir(exist_ok=True)
            with (directory / file).open("x", encoding="utf-8") as stream:
                stream.write(text)
        _ignore(directory / ".gitignore")
    except FileExistsError as error:
        raise ConfigError(f"{error.filename} appeared meanwhile: it was not overwritten") from error
    except OSError as error:
        if error.errno == 28:  # ENOSPC
            raise StorageFull(f"no space left in {directory}", hint="free some space and try again") from error
        raise ConfigError(f"{error.filename or directory} cannot be written: {error.strerror}") from error


def _ignore(path: Path) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    missing = [line for line in IGNORED_BY_GIT if line not in text.splitlines()]
    if missing:
        gap = "" if not text or text.endswith("\n") else "\n"
        path.write_text(text + gap + "".join(f"{line}\n" for line in missing), encoding="utf-8")
