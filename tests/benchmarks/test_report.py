from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from benchmarks.apparatus import tables
from benchmarks.apparatus.aims import AIMS
from benchmarks.apparatus.report import Report, options

ASKED = argparse.Namespace(json=True)


def shown(report: Report, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    report.show(ASKED)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_document_is_rows_and_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("any", "Any")
    report.add("a", 1.5, "ms")
    report.ratio("a_over_b", 2.3456)
    assert shown(report, capsys) == {"rows": [{"name": "a", "value": 1.5, "unit": "ms"}], "ratios": {"a_over_b": 2.35}}


def test_what_is_missing_has_a_row_that_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("any", "Any")
    report.missing("peer", "does not\n  install")
    report.add("never", float("nan"), "min")
    report.ratio("of nothing", float("nan"))
    assert shown(report, capsys) == {
        "rows": [
            {"name": "peer (does not install)", "value": None, "unit": "not measured"},
            {"name": "never", "value": None, "unit": "min"},
        ],
        "ratios": {},
    }


def test_subjects_measured_alike_are_side_by_side() -> None:
    report = Report("any", "Any")
    for subject, first, second in (("ours", 1.0, 2.0), ("theirs", 3.0, 4.0)):
        report.add(f"{subject}: first", first, "ms")
        report.add(f"{subject}: second", second, "ms")
    report.add("ours: size", 5000.0, "MB")
    report.add("alone: once", 7.0, "s")
    report.missing("absent", "no wheel")
    assert tables.of("any", {"rows": report.rows, "ratios": {}}) == [
        [["", "first (ms)", "second (ms)", "size (MB)"], ["ours", "1", "2", "5,000"], ["theirs", "3", "4", ""]],
        [["", ""], ["alone: once", "7 s"], ["absent (no wheel)", "not measured"]],
    ]


def test_aims_stand_beside_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        AIMS, "any", {"x_over_y": AIMS["cold_start"]["ours_over_floor"], "error": AIMS["drift"]["largest error of KS"]}
    )
    document = {"rows": [{"name": "error", "value": 0.001, "unit": ""}], "ratios": {"x_over_y": 1.5, "other": 2.0}}
    assert tables.of("any", document)[-1] == [
        ["", "measured", "aim"],
        ["error", "0.001", "at most 0.0005: missed"],
        ["x_over_y", "1.5x", "at most 1.6x: met"],
        ["other", "2x", ""],
    ]


def test_tables_for_the_readme_and_for_a_terminal() -> None:
    found = [[["", "a|b"], ["x", "1"]]]
    assert tables.markdown(found) == "|  | a/b |\n|---|---|\n| x | 1 |"
    assert tables.plain(found) == "   a|b\nx  1"


def test_options_take_numbers() -> None:
    asked = options("story", ["--json", "--rows", "5"], rows=10, profiles=3)
    assert (asked.json, asked.quick, asked.rows, asked.profiles) == (True, False, 5, 3)
