"""toolkit.toml of a new project: only what differs from the defaults, each line with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tomlkit
from tomlkit.items import Item, Table

if TYPE_CHECKING:
    from toolkit.lifecycle.init import InitReport


def text(report: InitReport, trusted: Sequence[str], memory: str) -> str:
    document = tomlkit.document()
    what = {"binary": "one of two classes", "multiclass": "a class", "regression": "a number"}[report.task]
    document.add(tomlkit.comment(f"Predicts {report.label} ({what}). Every key and its meaning: toolkit schema"))
    document.add(tomlkit.nl())
    project = tomlkit.table()
    project.add("name", report.name)
    document.add("project", project)
    document.add("data", _data(report, trusted))
    train = tomlkit.table()
    _add(train, "entry", "train:train", "a plain function: train(data, params) -> fitted estimator")
    if memory:
        _add(train, "memory", memory, f"for {report.rows:,} rows")
    document.add("train", train)
    return document.as_string()


def _data(report: InitReport, trusted: Sequence[str]) -> Table:
    data = tomlkit.table()
    data.add("source", report.source)
    data.add("label", report.label)
    if report.numbers:
        kind = "regression" if report.task == "regression" else "classification"
        _add(data, "task", kind, "what its numbers stand for: amounts, or classes")
    if report.time:
        _add(data, "time", report.time, "when a row happened")
    if report.left_out:
        _add(data, "ignore", list(report.left_out), "tell the label nearly perfectly: known only afterwards?")
    if trusted:
        _add(data, "trusted", list(trusted), "tell the label nearly perfectly, but are all there is")
    _add(data, "schema_file", "schema.json", "the contract that every ingest is checked against")
    if report.time and report.split.kind == "random":
        split = tomlkit.table()
        _add(split, "kind", "random", "by time, one side would be unfit to use")
        data.add("split", split)
    return data


def _add(table: Table, key: str, value: str | list[str], why: str) -> None:
    item: Item = tomlkit.item(value)
    item.comment(why)
    table.add(key, item)
